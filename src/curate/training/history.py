"""What every epoch of a training came to: a row each, as Parquet and for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.progress import log
from curate.store.files import atomic

Row = Mapping[str, Any]

COLUMNS: Mapping[str, pa.DataType] = {
    "epoch": pa.int32(),
    "stage": pa.int32(),
    "images": pa.int64(),
    "lr": pa.float64(),
    "lr_scale": pa.float64(),
    "train_loss": pa.float64(),
    "train_accuracy": pa.float64(),
    "val_loss": pa.float64(),
    "val_accuracy": pa.float64(),
    "val_low": pa.float64(),
    "val_high": pa.float64(),
    "best": pa.bool_(),
    "seconds": pa.float64(),
    "waited": pa.float64(),
}
"""`epoch` and `stage` count from 0; the rate that was used is `lr` times `lr_scale`. Loss and
accuracy of train are means over the epoch's batches as they were trained on, augmented and (for the
accuracy of images that are mixed with others, by their own class) mixed; those of val are of the
model after the epoch, `val_low` to `val_high` the 95 % interval. `best` says that no epoch before
was better. `waited` are the `seconds` in which the model had no images to train on."""

SLOW_LOADING = 0.1
"""Share of an epoch spent waiting for images from which it is said: less is hardly noticed."""

NOTICED = 1.0
"""Seconds of waiting from which it is said."""

TIMES = ("seconds", "waited")
"""The columns that differ between two runs of the same training."""


def write_history(rows: Sequence[Row], path: Path) -> None:
    """Write all epochs so far; the file is replaced whole."""
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    with atomic(path) as file:
        pq.write_table(pa.table(columns), file)


def scalars(row: Row) -> dict[str, float]:
    """What is drawn of an epoch, by the names that it has in TensorBoard and elsewhere."""
    found = {
        f"{what}/{split}": row[f"{split}_{what}"]
        for split in ("train", "val")
        for what in ("loss", "accuracy")
        if row[f"{split}_{what}"] is not None
    }
    seconds = max(row["seconds"], 1e-9)
    return {
        **found,
        "lr": row["lr"] * row["lr_scale"],
        "images_per_second": row["images"] / seconds,
        "waited_for_images": row["waited"] / seconds,
    }


def tell_epoch(row: Row, epochs: int, before: Row | None) -> None:
    """Log a row, and in each stage once where the model waits for its images.

    Args:
        row: of the table.
        epochs: of the training.
        before: the row before it, if there is one.
    """
    val = ""
    if row["val_accuracy"] is not None:
        val = "val accuracy {val_accuracy:.3f} [{val_low:.3f}, {val_high:.3f}], ".format(**row)
    seconds = max(row["seconds"], 1e-9)
    log.info(
        "epoch %d of %d, stage %d: %d images, loss %.4f, %s%.0f images/s", row["epoch"] + 1,
        epochs, row["stage"] + 1, row["images"], row["train_loss"], val, row["images"] / seconds,
    )  # fmt: skip
    # Not of the first epoch, which waits for the processes to start.
    new = before is not None and (before["epoch"] == 0 or before["stage"] != row["stage"])
    if new and row["waited"] > max(SLOW_LOADING * seconds, NOTICED):
        log.warning(
            "data loading took %.0f %% of the time of this epoch (reading, resizing and augmenting "
            "images): without it %.0f images/s; more --workers, or smaller files, may help",
            100 * row["waited"] / seconds, row["images"] / max(seconds - row["waited"], 1e-9),
        )  # fmt: skip


class Board:
    """TensorBoard's events of a training: ``tensorboard --logdir DIR``.

    Args:
        folder: for the events.
        first_epoch: to be written; events of it and of later ones that are there are void.
    """

    def __init__(self, folder: Path, first_epoch: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=first_epoch or None)

    def add(self, row: Row) -> None:
        """Write one epoch."""
        for name, value in scalars(row).items():
            self._writer.add_scalar(name, value, row["epoch"])
        self._writer.flush()

    def close(self, finished: bool = True) -> None:
        """End the file."""
        self._writer.close()
