"""The dynamics of several folds as one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.inference.dynamics_files import read_dynamics
from curate.training.merging import merge_dynamics
from curate.training.recording import Seen, write_recorded

IMAGES = [f"/data/{name}.png" for name in "abcd"]
LABELS = ["cat", "cat", "dog", "dog"]


def seen(rows: dict[int, float]) -> Seen:
    """Rows with their margins."""
    values = [[margin, 0, 1 / (1 + np.exp(-margin)), 0.5, margin > 0] for margin in rows.values()]
    found = np.array(values, dtype=np.float32).reshape(-1, 5)
    return Seen(np.array(list(rows), dtype=np.int64), found)


def fold(path: Path, *epochs: dict[int, float]) -> Path:
    write_recorded(path, [seen(rows) for rows in epochs], IMAGES, LABELS)
    return path


def told(path: Path) -> pd.DataFrame:
    catalog = pd.DataFrame({"sample_id": list("abcd"), "filepath": IMAGES, "label": LABELS})
    return read_dynamics(path, catalog).table.set_index("sample_id")


def test_the_figures_are_the_means_of_the_folds(tmp_path: Path) -> None:
    files = [
        fold(tmp_path / "0.parquet", {0: 1.0, 1: -2.0}, {0: 3.0, 1: 1.0}),
        fold(tmp_path / "1.parquet", {0: 2.0, 2: 4.0}, {0: -4.0, 2: 4.0}),
        fold(tmp_path / "2.parquet", {1: 4.0, 2: 2.0}, {1: 3.0, 2: 0.0}),
    ]
    assert merge_dynamics(files, tmp_path / "all.parquet") == 3
    every, own = told(tmp_path / "all.parquet"), [told(file) for file in files]
    for name in ("aum", "el2n", "confidence"):
        means = pd.concat([one[name] for one in own]).groupby(level=0).mean()
        assert every[name].tolist() == pytest.approx(means.tolist(), nan_ok=True), name
    assert every["aum"].tolist()[:3] == pytest.approx([0.5, 1.5, 2.5])
    assert np.isnan(every["aum"]["d"]), "no fold trained on it"
    # Of image 0 the mean margins are 1.5 and -0.5: right, then wrong.
    assert every["forgetting"].tolist()[:3] == [1, 0, 0]


def test_epochs_that_only_some_recorded(tmp_path: Path) -> None:
    files = [
        fold(tmp_path / "0.parquet", {0: 1.0}, {0: 1.0}, {0: 1.0}),
        fold(tmp_path / "1.parquet", {0: 3.0}),  # stopped early
        fold(tmp_path / "2.parquet", {}, {}, {}, {}, {}, {0: 5.0}),  # a gap of two epochs
        tmp_path / "nothing.parquet",
    ]
    assert merge_dynamics(files, tmp_path / "all.parquet") == 1
    written = pd.read_parquet(tmp_path / "all.parquet")
    assert written["epoch"].tolist() == [0, 1, 2, 3]
    assert written["logit_true"].tolist() == [2, 1, 1, 5]
    assert merge_dynamics([tmp_path / "nothing.parquet"], tmp_path / "none.parquet") == 0
    assert not (tmp_path / "none.parquet").exists()
