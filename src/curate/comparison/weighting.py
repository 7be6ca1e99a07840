"""How much each of several models should count, as far as some images can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.folds import assign_folds
from curate.numerics.paired import Interval, paired_difference

FLOOR = 1e-6
"""Chances below this count as this: a model that is sure and wrong once is not cast out for it."""

CLOSE = 1e-4
"""The weights are done when no others could have a mean log loss smaller by more than this.

It is far below what any number of images in use could tell apart."""

MOST_STEPS = 2000
FOLDS = 5


@dataclass(frozen=True)
class Weights:
    """The weights of a vote.

    Attributes:
        used: (k,) what the vote goes by: `fitted` where they are shown to be better, else equal.
        fitted: (k,) of least log loss on the images.
        over_folds: (k, 2) least and largest weight when a fifth of the images is left out.
        gain: how much lower the mean log loss of images is under weights that were fitted without
            them than under equal ones.
        interval: its 95 % interval.
    """

    used: NDArray[np.float64]
    fitted: NDArray[np.float64]
    over_folds: NDArray[np.float64]
    gain: float
    interval: Interval

    @property
    def supported(self) -> bool:
        """Whether the images show that the fitted weights are better than equal ones."""
        return self.interval[0] > 0


def simplex_weights(of_label: Floats) -> NDArray[np.float64]:
    """The weights, positive and of sum 1, whose mixture of models has the least log loss.

    Idea: with p_im the chance that model m gives image i's label, maximise the mean of
    ``log sum_m w_m p_im``. That is the likelihood of a mixture of known parts, concave in w, and EM
    climbs it: ``w_m <- mean_i w_m p_im / sum_l w_l p_il``. By concavity the largest of the factors
    less 1 bounds what is still to be gained, which says when to stop. Source: Dempster, Laird and
    Rubin (1977); as a vote of classifiers it is a linear opinion pool.

    Args:
        of_label: (n, k) chances of the labels by each model.
    """
    chances = np.maximum(np.asarray(of_label, dtype=np.float64), FLOOR)
    k = chances.shape[1]
    weights = np.full(k, 1 / k)
    for _ in range(MOST_STEPS):
        factors = (chances / (chances @ weights)[:, None]).mean(axis=0)
        if factors.max() - 1 <= CLOSE:
            break
        weights = weights * factors
        weights /= weights.sum()
    return weights


def vote_weights(
    of_label: Floats, labels: Ints, clusters: Ints, rng: np.random.Generator
) -> Weights:
    """Weights that some images support, else equal ones.

    Idea: weights are fitted to some images and must prove themselves on others, or a few hundred
    images would always find a favourite. In five folds, clusters whole, the log loss of each image
    is taken under weights of the other folds and under equal weights; only where the paired
    difference is more than chance do the fitted weights count.

    Args:
        of_label: (n, k) chances of the labels by each model.
        labels: (n,) by which the folds are balanced.
        clusters: (n,) never separated.
        rng: deals the folds.
    """
    k = of_label.shape[1]
    equal = np.full(k, 1 / k)
    if len(of_label) < FOLDS:
        return Weights(equal, equal, np.column_stack([equal, equal]), 0.0, (-1.0, 1.0))
    fitted = simplex_weights(of_label)
    folds = np.asarray(assign_folds(labels, clusters, FOLDS, rng)[0])
    if folds.max() == 0:
        return Weights(equal, fitted, np.column_stack([fitted, fitted]), 0.0, (-1.0, 1.0))
    loss, tried = np.empty(len(of_label)), []
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        tried.append(simplex_weights(of_label[~out]))
        loss[out] = log_loss(of_label[out], tried[-1])
    gain, interval = paired_difference(loss, log_loss(of_label, equal), clusters)
    spread = np.array(tried)
    used = fitted if interval[0] > 0 else equal
    return Weights(
        used, fitted, np.column_stack([spread.min(axis=0), spread.max(axis=0)]), gain, interval
    )


def log_loss(of_label: Floats, weights: Floats) -> NDArray[np.float64]:
    """(n,) the log loss of each image under a weighted mean of the models."""
    mixed = np.maximum(np.asarray(of_label, dtype=np.float64), FLOOR) @ weights
    loss: NDArray[np.float64] = -np.log(mixed)
    return loss


def best_single(right: Sequence[Bools], of_label: Floats) -> int:
    """The model with most images right; of equals the one of least log loss."""
    hits = np.array([float(np.mean(one)) for one in right])
    loss = np.array([log_loss(of_label, alone).mean() for alone in np.eye(of_label.shape[1])])
    return int(np.lexsort((loss, -hits))[0])
