"""What is told of an epoch."""

from __future__ import annotations

import logging

import pytest

from curate.training.history import tell_epoch

ROW = {
    "epoch": 1, "stage": 0, "images": 1000, "train_loss": 1.0, "val_accuracy": None,
    "seconds": 10.0, "waited": 6.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "before", "said"),
    [
        (ROW, {"epoch": 0, "stage": 0}, True),
        ({**ROW, "epoch": 0}, None, False),  # the processes start
        ({**ROW, "epoch": 2}, {"epoch": 1, "stage": 0}, False),  # said already
        ({**ROW, "epoch": 5, "stage": 1}, {"epoch": 4, "stage": 0}, True),  # another augmentation
        ({**ROW, "waited": 0.9}, {"epoch": 0, "stage": 0}, False),
    ],
)
def test_waiting_for_images_is_said_once_a_stage(
    row: dict[str, object], before: dict[str, object] | None, said: bool,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(logging.getLogger("curate"), "propagate", True)
    tell_epoch(row, 8, before)
    told = [line for line in caplog.messages if "data loading took" in line]
    assert bool(told) == said
    if said:
        assert "60 % of the time of this epoch" in told[0]
        assert "without it 250 images/s" in told[0]
