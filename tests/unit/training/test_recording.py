"""What is noted of every image and epoch, and how it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from curate.inference.dynamics_files import read_dynamics
from curate.training.recording import Recorder, Seen, load_epoch, save_epoch, write_recorded

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [1.0, 1.0, 1.0]])
LABELS = torch.tensor([0, 1, 2])
ROWS = torch.tensor([4, 0, 2])


def recorder() -> Recorder:
    return Recorder(5, torch.device("cpu"))


def test_margins_and_probabilities_are_those_of_the_pass() -> None:
    own = recorder()
    own.note(LOGITS, LABELS, ROWS, LABELS)
    seen = own.take()
    assert seen.rows.tolist() == [0, 2, 4]
    logit_true, logit_other, p_true, length, correct = seen.values.T
    assert logit_true.tolist() == [1, 1, 2]
    assert logit_other.tolist() == [3, 1, 1]
    assert correct.tolist() == [0, 0, 1]  # a tie is not right
    p = LOGITS[1].softmax(0).numpy()
    assert p_true[0] == pytest.approx(p[1])
    assert length[0] == pytest.approx(np.sqrt(p[0] ** 2 + (1 - p[1]) ** 2 + p[2] ** 2))
    assert len(own.take().rows) == 0


def test_the_first_time_in_an_epoch_counts() -> None:
    own = recorder()
    own.note(LOGITS, LABELS, torch.tensor([4, 4, 2]), LABELS)  # twice in one batch
    own.note(LOGITS + 10, LABELS, ROWS, LABELS)  # and again in another
    seen = own.take()
    assert seen.rows.tolist() == [0, 2, 4]
    assert seen.values[:, 0].tolist() == [11, 1, 2]


def test_images_that_are_mixed_with_others_are_not_recorded() -> None:
    own = recorder()
    targets = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    own.note(LOGITS, LABELS, ROWS, targets)
    assert own.take().rows.tolist() == [0]


def seen(*rows: int, margin: float = 1.0) -> Seen:
    values = np.array([[margin, 0, 0.6, 0.5, 1]] * len(rows), dtype=np.float32)
    return Seen(np.array(rows, dtype=np.int64), values.reshape(-1, 5))


def test_an_analysis_reads_what_was_written(tmp_path: Path) -> None:
    images = [f"/data/train/cat/{i}.png" for i in range(4)]
    labels = ["cat", "cat", "dog", "dog"]
    # 0 is in every epoch, 1 comes in late, 2 pauses, 3 is never trained on.
    epochs = [seen(0, 2), seen(0, 1), seen(0, 1, 2, margin=3.0)]
    path = tmp_path / "dynamics.parquet"
    assert write_recorded(path, epochs, images, labels) == 3
    written = pd.read_parquet(path)
    assert written.columns[0] == "filepath"
    by_image = written.groupby("filepath")["epoch"].apply(list).tolist()
    assert by_image == [[0, 1, 2], [1, 2], [0, 1]]
    catalog = pd.DataFrame(
        {"sample_id": list("abcd"), "filepath": images, "label": labels}
    )  # fmt: skip
    table = read_dynamics(path, catalog).table
    assert table["aum"].tolist()[:3] == pytest.approx([5 / 3, 2, 2])
    assert np.isnan(table["aum"][3])
    assert [file.name for file in tmp_path.iterdir()] == ["dynamics.parquet"]


def test_nothing_recorded_is_no_file(tmp_path: Path) -> None:
    assert write_recorded(tmp_path / "d.parquet", [seen()], ["a"], ["cat"]) == 0
    assert not list(tmp_path.iterdir())


def test_an_epoch_is_kept_on_the_disk(tmp_path: Path) -> None:
    save_epoch(seen(1, 3), tmp_path / "epoch.npz")
    again = load_epoch(tmp_path / "epoch.npz")
    assert again.rows.tolist() == [1, 3]
    assert again.values.tolist() == seen(1, 3).values.tolist()
