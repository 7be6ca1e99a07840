"""Out-of-fold probabilities: what a linear probe says of each image without having seen it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.choice import choose
from curate.numerics.folds import assign_folds
from curate.numerics.linear import Linear
from curate.numerics.moments import BLOCK
from curate.numerics.parallel import side_by_side
from curate.numerics.spaces import Training
from curate.numerics.temperature import FLOOR, fit_temperature
from curate.progress import Progress, silent

TEMPERATURE_LOGITS = 20_000_000
"""Out-of-fold logits to which the one temperature is fitted: of more rows, an even choice."""


@dataclass(frozen=True)
class Probe:
    """What the probe predicted.

    Attributes:
        pred_probs: (n, n_classes) float32; for train rows out-of-fold, for others from all train.
        folds: (n,) the fold that held the row out, -1 outside train.
        info: what was chosen among what, the temperature, and what had to be given up; classes
            are numbers in it.
    """

    pred_probs: NDArray[np.float32]
    folds: NDArray[np.int32]
    info: dict[str, Any]


def out_of_fold(
    embeddings: Floats,
    labels: Ints,
    is_train: Bools,
    groups: NDArray[Any],
    n_classes: int,
    n_folds: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Probe:
    """Predict every image by a linear probe that did not train on it.

    Idea: K-fold on the labelled train images, images of one group in one fold, classes in balance.
    Shrinkage LDA and ridge regression (see `curate.numerics.linear`), on embeddings as they are
    and standardised, and logistic regression in the better of the two, compete by held-out log
    loss. One pass over the embeddings serves the closed forms: every fold is subtracted from the
    whole. One temperature for all, fitted on the out-of-fold logits (Guo et al. 2017), makes the
    probabilities calibrated on average. Val and test images are predicted from all of train.

    The choice and the temperature see the labels of held-out images, as one of thirty candidates
    and as one number; no image is predicted by weights that saw it. Small data chooses on all
    folds, since the first alone would be a poor judge, large data on the first ones. The winner's
    log loss is low by what choosing gains, which is about what lies between it and its neighbours
    in `held_out_log_loss_by_candidate`.

    A fold's probe knows nothing of a class all of whose images are in that fold. It gives the
    class, for each image, the least probability of those it knows divided by twice the images it
    saw: what half an image more would make of nothing. Such images judge neither the choice nor
    the temperature.

    Args:
        embeddings: (n, d), finite; may be a memory map, since it is read in blocks.
        labels: (n,) class numbers, negative where unknown.
        is_train: (n,) the rows that may be trained on, at least one.
        groups: (n,) rows with equal values are never separated.
        n_classes: columns of the result.
        n_folds: at least 2; lowered, and said in `info`, where there are not enough images.
        rng: seeds the folds.
        progress: shows one bar of fits.
    """
    train = np.flatnonzero(is_train & (labels >= 0))
    y = labels[train]
    folds, notes = assign_folds(y, groups[train], n_folds, rng)
    n_folds = int(folds.max()) + 1
    training = Training(train, y, folds, n_classes, n_folds)
    parts: list[tuple[int | None, Ints]] = [(k, training.held(k)) for k in range(n_folds)]
    parts.append((None, np.setdiff1d(np.arange(len(embeddings)), train)))
    logits = np.empty((len(embeddings), n_classes), dtype=np.float32)
    with progress("out-of-fold probe", total=4, unit="step") as bar:
        choice = choose(embeddings, training, bar.update)
        assert choice.space is not None
        parts = [(fold, rows) for fold, rows in parts if len(rows)]
        fits = choice.fit([fold for fold, _ in parts])
        X = choice.space.X

        def predict(task: tuple[Linear, Ints]) -> None:
            linear, rows = task
            logits[rows] = linear.logits(X, rows)

        side_by_side(predict, zip(fits, (rows for _, rows in parts), strict=True))
        bar.update()
    unseen = ~choice.seen[folds, y]
    judges = train[~unseen]
    some = np.linspace(0, len(judges) - 1, min(len(judges), TEMPERATURE_LOGITS // n_classes))
    judges = judges[some.astype(int)]
    temperature = fit_temperature(logits[judges], labels[judges])
    counts = np.bincount(y, minlength=n_classes)
    for fold, rows in parts:
        known = counts > 0 if fold is None else choice.seen[fold]
        n_seen = len(train) - (0 if fold is None else len(rows))
        to_probabilities(logits, rows, temperature, known, n_seen)
    all_folds = np.full(len(embeddings), -1, dtype=np.int32)
    all_folds[train] = folds
    own = logits[train, y].astype(np.float64)[~unseen]
    info = {
        "method": choice.method,
        "scaling": choice.space.scaling,
        "regularisation": choice.value,
        "temperature": temperature,
        "n_folds": n_folds,
        "held_out_log_loss": float(-np.log(own).mean()) if len(own) else None,
        "held_out_log_loss_by_candidate": choice.tried,
        "chosen_on": {
            "folds": len(choice.judges),
            "images": sum(len(rows) for rows, _ in choice.judges.values()),
        },
        "not_tried": choice.not_tried,
        "classes_with_fewer_images_than_folds": _numbers((counts > 0) & (counts < n_folds)),
        "classes_unseen_in_a_fold": sorted({int(c) for c in y[unseen]}),
        "images_of_a_class_unseen": int(unseen.sum()),
        "notes": notes,
    }
    return Probe(logits, all_folds, info)


def to_probabilities(
    logits: NDArray[np.float32], rows: Ints, temperature: float, known: Bools, n_seen: int
) -> None:
    """Turn some rows of logits into probabilities, in place and in blocks.

    Args:
        logits: (n, n_classes).
        rows: to turn.
        temperature: that they are divided by.
        known: (n_classes,) the classes that the probe saw images of.
        n_seen: images that it saw.
    """
    for start in range(0, len(rows), BLOCK):
        block = logits[rows[start : start + BLOCK]]
        block -= block.max(axis=1, keepdims=True)
        block /= np.float32(temperature)
        np.maximum(block, FLOOR, out=block)
        if known.any():
            block[:, ~known] -= np.float32(np.log(2 * max(n_seen, 1)))
        np.exp(block, out=block)
        block /= block.sum(axis=1, keepdims=True)
        logits[rows[start : start + BLOCK]] = block


def _numbers(where: Bools) -> list[int]:
    return [int(c) for c in np.flatnonzero(where)]
