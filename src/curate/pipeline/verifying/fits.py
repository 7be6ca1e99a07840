"""One training of an arm, kept: what is finished is never run again."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from curate.errors import ComparisonError
from curate.findings import Floats
from curate.progress import log
from curate.store.files import write_json

if TYPE_CHECKING:
    from curate.training.options import Options

RECORD, PREDICTIONS, FINAL = "fit.json", "val.parquet", "test.parquet"
"""In a training's directory, beside its model; the first is written last."""

WORK = "work"
"""Folder of the training itself; of no use once it is over."""


@dataclass(frozen=True)
class Fit:
    """A finished training.

    Attributes:
        probs: (n, n_classes) of the images that it was asked to predict.
        seconds: that it took, with all that belongs to it.
        lr: its learning rate.
    """

    probs: Floats
    seconds: float
    lr: float


def fitted(
    home: Path, curriculum: Path, options: Options, paths: Sequence[str], classes: Sequence[str]
) -> Fit:
    """Train and predict; where that was broken off, go on; where it is done, read it.

    The model is the one after the last epoch: the epoch is not chosen by any image, so that the
    images which judge had no part in what they judge. Images are predicted as they lie.

    Args:
        home: directory of the training.
        curriculum: what it follows, without images of val.
        options: how to train.
        paths: of the images to predict.
        classes: in the order of the outputs.

    Raises:
        TrainingError: the training broke off; its finished epochs are kept.
        InputError: the model or an image cannot be had.
    """
    record = home / RECORD
    if not record.is_file():
        _fit(home, curriculum, options, paths, classes)
    found = json.loads(record.read_text("utf-8"))
    return Fit(_read(home / PREDICTIONS, paths, classes), found["seconds"], found["lr"])


def predicted(
    home: Path, curriculum: Path, options: Options, paths: Sequence[str], classes: Sequence[str]
) -> Floats:
    """(n, n_classes) of the images of test by the model of a finished training."""
    from curate.progress import silent
    from curate.training.fitting import Fitting
    from curate.training.predicting import write_predictions

    if not (home / FINAL).is_file():
        with quietly():
            probs = Fitting(curriculum, home, options, silent).probabilities(paths)
        write_predictions(home / FINAL, paths, probs, classes)
    return _read(home / FINAL, paths, classes)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep back what a training tells of itself: dozens of them would hide the experiment.

    Hints at its speed are warnings, so these are kept back too; what stops a training is raised.
    """

    def loud(record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING

    log.addFilter(loud)
    try:
        yield
    finally:
        log.removeFilter(loud)


def _fit(
    home: Path, curriculum: Path, options: Options, paths: Sequence[str], classes: Sequence[str]
) -> None:
    from curate.progress import silent
    from curate.recipe.curriculum import read_curriculum
    from curate.training.checkpoints import BEST
    from curate.training.fitting import Fitting
    from curate.training.predicting import write_predictions

    start = time.perf_counter()
    (home / WORK).mkdir(parents=True, exist_ok=True)
    options = replace(options, epochs=read_curriculum(curriculum).schedule.epochs)
    with quietly():
        fitting = Fitting(curriculum, home / WORK, options, silent)
        done = fitting.run()
        probs = fitting.probabilities(paths)
    write_predictions(home / PREDICTIONS, paths, probs, classes)
    # Without images of val the best model is the last one.
    shutil.copyfile(home / WORK / BEST, home / BEST)
    # One that was broken off took longer than this process has seen.
    seconds = max(time.perf_counter() - start, sum(float(row["seconds"]) for row in done.rows))
    about: dict[str, Any] = {
        "seed": options.seed, "lr": options.lr, "epochs": len(done.rows), "seconds": seconds,
        "train_loss": [float(row["train_loss"]) for row in done.rows],
    }  # fmt: skip
    write_json(home / RECORD, about)
    shutil.rmtree(home / WORK)


def _read(path: Path, paths: Sequence[str], classes: Sequence[str]) -> Floats:
    table = pq.read_table(path)
    if table["filepath"].to_pylist() != list(paths):
        raise ComparisonError(
            f"Expected predictions of {len(paths)} images in {path}, found those of others. "
            "Remove its folder, and go on: it is trained again."
        )
    return np.column_stack([table[f"prob_{name}"].to_numpy() for name in classes])
