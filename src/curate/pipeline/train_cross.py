"""A training a fold, and the run of all their models together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curate.findings import Floats
from curate.pipeline.train_curriculum import Asked
from curate.pipeline.train_folds import held_out_by, other_images, vote, write_fold
from curate.pipeline.train_result import folds_result, kept_if_it_fails
from curate.pipeline.train_run import (
    PREDICTIONS,
    analyze_trained,
    manifest,
    named_once,
    own_dynamics,
)
from curate.progress import Progress, log
from curate.recipe.curriculum import read_curriculum
from curate.training.checkpoints import BEST
from curate.training.fitting import Fitting
from curate.training.keeping import DYNAMICS, HISTORY, STATES
from curate.training.merging import merge_dynamics
from curate.training.options import Options
from curate.training.predicting import write_predictions
from curate.training.processes import by_the_first, in_all


def cross_train(
    target: Path, curriculum: Path, asked: Asked, options: Options, progress: Progress
) -> Callable[[], dict[str, Any]]:
    """Train a model for each fold on the images that it does not hold out.

    Every training image is predicted by the one model that has not seen it: out-of-fold
    probabilities. Val, test and the images under review, which no model has seen, are predicted
    by all of them, which vote. Val chooses the best epoch of each fold; what a fold holds out
    chooses nothing. What the folds recorded of an image as they trained on it is averaged, see
    `curate.training.merging`. A fold that is finished is not trained again.

    Args:
        target: the directory.
        curriculum: what is followed.
        asked: how many folds, and how they vote.
        options: the same for every fold.
        progress: for the bars.

    Returns:
        What makes the run, and gives what `curate.pipeline.train_result.folds_result` says.

    Raises:
        TrainingError: the images cannot be put into so many folds, or a training cannot go on.
    """
    assert asked.folds is not None
    n_folds = asked.folds
    folds = in_all(lambda: held_out_by(curriculum, n_folds))
    paths = read_curriculum(curriculum).table["filepath"].to_numpy(dtype=object)
    homes = [target / f"fold_{fold}" for fold in range(n_folds)]
    fitting: Fitting | None = None
    for fold, home in enumerate(homes):
        fitting = _train_fold(home, curriculum, fold, folds, paths, options, progress)
    assert fitting is not None
    last = fitting

    def conclude() -> dict[str, Any]:
        _write_together(target, curriculum, homes, folds, asked.vote)
        recorded = merge_dynamics([home / DYNAMICS for home in homes], target / DYNAMICS)
        images = manifest(curriculum)
        model = {
            "weights": homes[0] / BEST, "predictions": (target / PREDICTIONS,),
            "dynamics": own_dynamics(target, images),
        }  # fmt: skip
        with kept_if_it_fails(target):
            run = analyze_trained(target, images, options, last.seed, model, progress)
        histories = [(home, pq.read_table(home / HISTORY).to_pylist()) for home in homes]
        return folds_result(histories, last, asked.vote, recorded, run)

    return conclude


def _train_fold(
    home: Path, curriculum: Path, fold: int, folds: Any, paths: Any, options: Options,
    progress: Progress,
) -> Fitting:  # fmt: skip
    """Train one, and predict what it did not see, unless that is done."""
    held_out = np.flatnonzero(folds == fold)
    is_done = (home / PREDICTIONS).is_file()
    by_the_first(lambda: write_fold(curriculum, folds != fold, home / curriculum.name))
    fitting = in_all(lambda: Fitting(home / curriculum.name, home, options, progress))
    if is_done:
        return fitting
    log.info("fold %d of %d: %d images held out", fold + 1, folds.max() + 1, len(held_out))
    fitting.run()

    def predict() -> None:
        wanted = [*paths[held_out], *other_images(curriculum)]
        probs = fitting.probabilities(wanted)
        # A fold that has it is finished.
        write_predictions(home / PREDICTIONS, wanted, probs, fitting.classes)
        shutil.rmtree(home / STATES, ignore_errors=True)

    by_the_first(predict)
    return fitting


def _write_together(
    target: Path, curriculum: Path, homes: list[Path], folds: Any, how: str
) -> None:
    """Write the probabilities of all images, each by the models that have not seen it."""
    found = read_curriculum(curriculum)
    names = [*found.table["filepath"], *other_images(curriculum)]
    out_of_fold = np.zeros((len(folds), len(found.classes)), dtype=np.float32)
    votes: list[Floats] = []
    for fold, home in enumerate(homes):
        held_out, probs = np.flatnonzero(folds == fold), _read(home / PREDICTIONS)
        out_of_fold[held_out] = probs[: len(held_out)]
        votes.append(probs[len(held_out) :])
    every = np.concatenate([out_of_fold, vote(votes, how)])
    once = set(named_once(manifest(curriculum)))
    rows = [row for row, name in enumerate(names) if name in once]
    write_predictions(
        target / PREDICTIONS, [names[row] for row in rows], every[rows], found.classes
    )  # fmt: skip


def _read(path: Path) -> Floats:
    """The probabilities of a file of predictions, row by row."""
    table = pq.read_table(path).drop_columns(["filepath"])
    return np.column_stack([column.to_numpy() for column in table.columns])
