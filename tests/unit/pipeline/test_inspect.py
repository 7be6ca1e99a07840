"""The sample that is decoded, and what decoding finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curate.pipeline.inspect import facts_of, measure, sample_rows
from made_catalog import catalog_of, images, pixels, problem_rows


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_sample_holds_each_class_and_split_in_proportion() -> None:
    table = images(
        label=["a"] * 600 + ["b"] * 300 + ["c"] * 60 + [None] * 40,
        split=(["train"] * 5 + ["val"]) * 160 + ["test"] * 40,
    )
    for seed in range(5):
        rows = sample_rows(table, 100, rng(seed))
        assert len(set(rows)) == 100
        assert (np.diff(rows) > 0).all()
        chosen = table.iloc[rows]
        for label, expected in (("a", 60), ("b", 30), ("c", 6)):
            assert abs((chosen["label"] == label).sum() - expected) <= 1
        assert abs(chosen["label"].isna().sum() - 4) <= 1
        assert abs(((chosen["label"] == "a") & (chosen["split"] == "train")).sum() - 50) <= 1


def test_every_image_is_as_likely_as_any_other() -> None:
    table = images(label=["a"] * 7 + ["b"] * 23)
    times = np.zeros(30)
    for seed in range(3000):
        times[sample_rows(table, 9, rng(seed))] += 1
    # 3000 draws of 9 in 30: 900 each, standard deviation 25
    assert times.min() > 900 - 5 * 25
    assert times.max() < 900 + 5 * 25


def test_the_same_seed_gives_the_same_sample_and_none_gives_all() -> None:
    table = images(label=["a", "b"] * 50)
    assert sample_rows(table, 10, rng(1)).tolist() == sample_rows(table, 10, rng(1)).tolist()
    assert sample_rows(table, 10, rng(1)).tolist() != sample_rows(table, 10, rng(2)).tolist()
    assert sample_rows(table, None, rng()).tolist() == list(range(100))
    assert sample_rows(table, 100, rng()).tolist() == list(range(100))
    assert sample_rows(table.iloc[:0], 5, rng()).tolist() == []


@pytest.fixture
def files(tmp_path: Path) -> pd.DataFrame:
    """40 grey images of growing brightness, of which number 5 breaks off and 30 is too large."""
    paths = []
    for i in range(40):
        side = 64 if i == 30 else 16
        path = tmp_path / f"{i}.png"
        Image.fromarray(np.full((side, side), 5 * i, np.uint8)).save(path)
        paths.append(str(path))
    broken = Path(paths[5])
    broken.write_bytes(broken.read_bytes()[:-30])
    return images(label=["a", "b"] * 20, filepath=paths)


def test_measuring_keeps_the_order_and_names_what_cannot_be_decoded(files: pd.DataFrame) -> None:
    found, failed = measure(files, max_pixels=1000)
    assert found["sample_id"].tolist() == files["sample_id"].drop([5, 30]).tolist()
    expected = [5 * i / 255 for i in range(40) if i not in (5, 30)]
    assert found["brightness"].tolist() == pytest.approx(expected)
    assert failed["sample_id"].tolist() == files["sample_id"].iloc[[5, 30]].tolist()
    assert failed["problem"].tolist() == ["truncated", "too_large"]


def test_measuring_nothing(files: pd.DataFrame) -> None:
    found, failed = measure(files.iloc[:0], max_pixels=1000)
    assert len(found) == len(failed) == 0
    assert {"sample_id", "brightness"} <= set(found.columns)


def test_what_cannot_be_decoded_becomes_a_problem(files: pd.DataFrame) -> None:
    found, failed = measure(files, max_pixels=1000)
    catalog = catalog_of(files, problem_rows(("train/a/x.png", "train", "a", "empty")))
    facts = facts_of(catalog, found, failed)
    assert facts["counts"]["images"] == 41
    assert facts["counts"]["readable"] == 38
    assert facts["counts"]["problems"] == 3
    assert set(facts["problems"]) == {"empty", "truncated", "too_large"}
    assert facts["pixels"]["measured"] == facts["pixels"]["of"] == 38
    assert facts["pixels"]["sampled"] is False
    assert len(catalog.table) == 40, "the catalog given is left as it is"


def test_a_finished_runs_statistics_make_the_same_facts(files: pd.DataFrame) -> None:
    catalog = catalog_of(files)
    facts = facts_of(catalog, pixels(files))
    assert facts["pixels"]["measured"] == 40
    assert facts["odd_classes"] == []
