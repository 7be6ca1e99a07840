"""How well two classes can be told apart, by a score or in the embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.intervals import Z95

PENALTIES = (0.03, 0.3, 3.0)
"""Of the ridge regression of `told_apart`, relative to the mean variance of a feature."""


def auc(score: Floats, positive: Bools) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    The Mann-Whitney statistic, from mean ranks. NaN where one side is empty.
    """
    from scipy.stats import rankdata

    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        return float("nan")
    return float((rankdata(score)[positive].sum() - m * (m + 1) / 2) / (m * n))


def auc_interval(area: float, m: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Interval of an area under the ROC curve of m positives and n negatives.

    Hanley and McNeil (1982) for the variance V of the area A, with
    ``Q1 = A / (2 - A)`` and ``Q2 = 2 A^2 / (1 + A)``:
    ``V = (A (1 - A) + (m - 1)(Q1 - A^2) + (n - 1)(Q2 - A^2)) / (m n)``. Solved like Wilson's
    interval, for the areas that are z deviations away from the one found, so that an area of
    1 from a few images has a width too.
    """
    areas = np.unique(np.append(np.linspace(0.0, 1.0, 1001), area))
    q1, q2 = areas / (2 - areas), 2 * areas**2 / (1 + areas)
    spread = areas * (1 - areas) + (m - 1) * (q1 - areas**2) + (n - 1) * (q2 - areas**2)
    inside = areas[np.abs(areas - area) <= z * np.sqrt(np.maximum(spread, 0) / (m * n))]
    return float(inside.min()), float(inside.max())


def even_chances(score: Floats, positive: Bools) -> NDArray[np.float64]:
    """(n,) the calibrated chance of being positive if both classes were equally frequent.

    Logistic regression of the class on the one score (Platt 1999), both classes with the same
    total weight. The slope is not let below zero: a score that tells nothing gives one half.
    The chances are of the images that the two numbers were fitted to.
    """
    from scipy.special import expit

    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        return np.full(len(score), 0.5)
    middle, spread = float(np.median(score)), float(np.std(score))
    if spread <= 1e-9:
        return np.full(len(score), 0.5)
    x = np.column_stack([np.ones(len(score)), (score - middle) / spread])
    # Both sides count as half of the smaller sample twice, so that the prior keeps its say.
    weight = np.where(positive, min(m, n) / m, min(m, n) / n)
    target = positive.astype(float)
    prior = np.array([0.01, 0.1])
    theta = np.zeros(2)
    for _ in range(50):
        chance = expit(x @ theta)
        gradient = x.T @ (weight * (target - chance)) - prior * theta
        curvature = (x * (weight * chance * (1 - chance))[:, None]).T @ x + np.diag(prior)
        step = np.linalg.solve(curvature, gradient)
        theta += step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-8:
            break
    if theta[1] <= 0:
        return np.full(len(score), 0.5)
    result: NDArray[np.float64] = expit(x @ theta)
    return result


def told_apart(X: Floats, positive: Bools, folds: Ints) -> NDArray[np.float64]:
    """(n,) out-of-fold scores of a linear classifier of the two classes alone, evenly weighted.

    Ridge regression of +1 and -1 on the embedding, both classes with the same total weight, solved
    in the span of the images (the dual form): two classes are separable if *some* line separates
    images that it has not seen, whatever shares the classes have. Of three penalties the one with
    the largest area under the ROC curve counts, which flatters it by about a hundredth.

    Args:
        X: (n, d) embeddings of the two classes.
        positive: (n,) which of them.
        folds: (n,) images of one fold are scored by weights from the others.
    """
    from scipy.linalg import cho_factor, cho_solve

    X = np.asarray(X, dtype=np.float64)
    kernel = X @ X.T
    target = np.where(positive, 1.0, -1.0)
    scores = np.zeros((len(PENALTIES), len(X)))
    for fold in np.unique(folds):
        out = folds == fold
        train = np.flatnonzero(~out)
        m, n = int(positive[train].sum()), int((~positive[train]).sum())
        if not m or not n:
            continue
        weight = np.where(positive[train], 0.5 / m, 0.5 / n)
        # Centred in feature space on the weighted mean of the training images.
        inside, across = kernel[np.ix_(train, train)], kernel[np.ix_(out, train)]
        mean = inside @ weight
        across = across - mean - (across @ weight - mean @ weight)[:, None]
        inside = inside - mean - mean[:, None] + mean @ weight
        root = np.sqrt(weight)
        level = max(float(weight @ np.diagonal(inside)) / X.shape[1], 1e-12)
        system = inside * root * root[:, None]
        for i, penalty in enumerate(PENALTIES):
            shrunk = system.copy()
            shrunk[np.diag_indices(len(train))] += penalty * level
            solved = cho_solve(cho_factor(shrunk, lower=True), root * target[train])
            scores[i, out] = across @ (root * solved)
    best = int(np.argmax([auc(one, positive) for one in scores]))
    chosen: NDArray[np.float64] = scores[best]
    return chosen
