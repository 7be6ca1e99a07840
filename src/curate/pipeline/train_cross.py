"""A training a fold, and the run of all their models together."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curate.findings import Floats
from curate.pipeline.train_curriculum import Asked
from curate.pipeline.train_folds import held_out_by, other_images, vote, write_fold
from curate.pipeline.train_result import folds_result, kept_if_it_fails
from curate.pipeline.train_run import PREDICTIONS, analyze_trained, manifest, named_once
from curate.progress import Progress, log
from curate.recipe.curriculum import read_curriculum
from curate.training.checkpoints import BEST
from curate.training.fitting import HISTORY, STATES, Fitting
from curate.training.options import Options
from curate.training.predicting import write_predictions


def cross_train(
    target: Path, curriculum: Path, asked: Asked, options: Options, progress: Progress
) -> dict[str, Any]:
    """Train a model for each fold on the images that it does not hold out.

    Every training image is predicted by the one model that has not seen it: out-of-fold
    probabilities. Val, test and the images under review, which no model has seen, are predicted
    by all of them, which vote. Val chooses the best epoch of each fold; what a fold holds out
    chooses nothing. A fold that is finished is not trained again.

    Args:
        target: the directory.
        curriculum: what is followed.
        asked: how many folds, and how they vote.
        options: the same for every fold.
        progress: for the bars.

    Returns:
        What `curate.pipeline.train_result.folds_result` says.

    Raises:
        TrainingError: the images cannot be put into so many folds, or a training cannot go on.
    """
    assert asked.folds is not None
    found = read_curriculum(curriculum)
    folds = held_out_by(curriculum, asked.folds)
    paths, others = found.table["filepath"].to_numpy(dtype=object), other_images(curriculum)
    out_of_fold = np.zeros((len(paths), len(found.classes)), dtype=np.float32)
    votes: list[Floats] = []
    fittings = []
    fitting: Fitting | None = None
    for fold in range(asked.folds):
        home, held_out = target / f"fold_{fold}", np.flatnonzero(folds == fold)
        write_fold(curriculum, folds != fold, home / curriculum.name)
        fitting = Fitting(home / curriculum.name, home, options, progress)
        if not (home / PREDICTIONS).is_file():
            log.info("fold %d of %d: %d images held out", fold + 1, asked.folds, len(held_out))
            fitting.run()
            wanted = [*paths[held_out], *others]
            probs = fitting.probabilities(wanted)
            # A fold that has it is finished.
            write_predictions(home / PREDICTIONS, wanted, probs, found.classes)
            shutil.rmtree(home / STATES, ignore_errors=True)
        probs = _read(home / PREDICTIONS)
        out_of_fold[held_out] = probs[: len(held_out)]
        votes.append(probs[len(held_out) :])
        fittings.append((home, pq.read_table(home / HISTORY).to_pylist()))
    assert fitting is not None
    images = manifest(curriculum)
    every = np.concatenate([out_of_fold, vote(votes, asked.vote)])
    names = [*paths, *others]
    once = set(named_once(images))
    rows = [row for row, name in enumerate(names) if name in once]
    write_predictions(
        target / PREDICTIONS, [names[row] for row in rows], every[rows], found.classes
    )  # fmt: skip
    model = {"weights": target / "fold_0" / BEST, "predictions": (target / PREDICTIONS,)}
    with kept_if_it_fails(target):
        run = analyze_trained(target, images, options, fitting.seed, model, progress)
    return folds_result(fittings, fitting, asked.vote, run)


def _read(path: Path) -> Floats:
    """The probabilities of a file of predictions, row by row."""
    table = pq.read_table(path).drop_columns(["filepath"])
    return np.column_stack([column.to_numpy() for column in table.columns])
