"""Several models as one: votes, and whether they are worth more than the best of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.comparison.scores import Predicted, Task
from curate.comparison.weighting import FOLDS, Weights, best_single, vote_weights
from curate.findings import Floats, Ints
from curate.numerics.folds import assign_folds

HARD, SOFT = "hard", "soft"


@dataclass(frozen=True)
class Vote:
    """A vote on the images of a task, and the best single model to hold it against.

    Attributes:
        predicted: what the vote says.
        best: what the best single model says.
        chosen: the name of the best single, or where each fold had its own, all that were chosen.
        weights: of a soft vote; None of a hard one, in which models count the same.
        chosen_on: the split on which best single and weights were chosen.
        crossed: they were chosen on other folds of the very images that are measured, since there
            was no other split.
    """

    predicted: Predicted
    best: Predicted
    chosen: tuple[str, ...]
    weights: Weights | None
    chosen_on: str
    crossed: bool


def hard_vote(probs: Sequence[Floats]) -> NDArray[np.float64]:
    """(n, n_classes) the share of the models that say each class; the mean probability breaks ties.

    As probabilities whose largest is the winner: the votes and half a vote's worth of the mean
    probability, over their sum. Half a vote is less than any lead.
    """
    votes = np.zeros(probs[0].shape)
    rows = np.arange(len(votes))
    for one in probs:
        votes[rows, one.argmax(axis=1)] += 1
    mean: NDArray[np.float64] = np.mean(probs, axis=0, dtype=np.float64)
    shares: NDArray[np.float64] = (votes + mean / 2) / (len(probs) + 0.5)
    return shares


def soft_vote(probs: Sequence[Floats], weights: Floats) -> NDArray[np.float64]:
    """(n, n_classes) the weighted mean of the probabilities."""
    total = np.zeros(probs[0].shape)
    for one, weight in zip(probs, weights, strict=True):
        total += weight * np.asarray(one, dtype=np.float64)
    return total


def vote(
    how: str,
    task: Task,
    models: Sequence[Predicted],
    chosen_on: tuple[str, Task, Sequence[Predicted]] | None,
    split: str,
    rng: np.random.Generator,
) -> Vote:
    """A vote of models on the images of a task, held against the best single one.

    The best single and the weights are chosen on one split and measured on another, since the best
    of several on the very images that it was chosen by looks better than it is. Without another
    split both are chosen in five folds: for the images of each by all the others.

    Args:
        how: `HARD` or `SOFT`.
        task: the images measured.
        models: what each says of them.
        chosen_on: name, images and predictions of the split to choose on; None if there is none.
        split: the name of the split measured.
        rng: deals folds.
    """
    name = f"{how} vote of {len(models)}"
    probs = [model.probs for model in models]
    if chosen_on is not None:
        where, other, said = chosen_on
        of_label = np.column_stack([one.of_label(other) for one in said])
        best = best_single([one.right(other) for one in said], of_label)
        weights = vote_weights(of_label, other.labels, other.clusters, rng) if how == SOFT else None
        total = hard_vote(probs) if weights is None else soft_vote(probs, weights.used)
        alone = replace(models[best], name=f"{models[best].name}, the best single")
        return Vote(Predicted(name, total), alone, (models[best].name,), weights, where, False)
    return _crossed(how, name, task, models, split, rng)


def _crossed(
    how: str, name: str, task: Task, models: Sequence[Predicted], split: str,
    rng: np.random.Generator,
) -> Vote:  # fmt: skip
    probs = [model.probs for model in models]
    of_label = np.column_stack([one.of_label(task) for one in models])
    total = hard_vote(probs) if how == HARD else soft_vote(probs, _equal(len(models)))
    alone = np.array(models[0].probs, dtype=np.float64)
    folds = _folds(task, rng)
    whole = vote_weights(of_label, task.labels, task.clusters, rng) if how == SOFT else None
    chosen = []
    for fold in range(int(folds.max()) + 1):
        out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(rest):
            continue
        best = best_single([one.right(task)[rest] for one in models], of_label[rest])
        alone[out] = models[best].probs[out]
        chosen.append(models[best].name)
        if whole is not None:
            mine = vote_weights(of_label[rest], task.labels[rest], task.clusters[rest], rng)
            total[out] = soft_vote([one[out] for one in probs], mine.used)
    names = tuple(dict.fromkeys(chosen)) or (models[0].name,)
    text = names[0] if len(names) == 1 else "one chosen by the other folds"
    best_said = Predicted(f"{text}, the best single", alone)
    return Vote(Predicted(name, total), best_said, names, whole, split, True)


def _folds(task: Task, rng: np.random.Generator) -> Ints:
    if len(task) < FOLDS:
        return np.zeros(len(task), dtype=np.int64)
    return np.asarray(assign_folds(task.labels, task.clusters, FOLDS, rng)[0], dtype=np.int64)


def _equal(k: int) -> NDArray[np.float64]:
    return np.full(k, 1 / k)
