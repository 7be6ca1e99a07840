"""Confidence intervals for the numbers that a person is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.findings import Floats, Ints

Z95 = 1.959963984540054


def wilson(successes: float, n: float) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927): sound at 0, at 1, and for small n."""
    low, high = wilson_bounds(successes / n if n else 0.0, n, Z95)
    return float(low), float(high)


def wilson_bounds(
    share: ArrayLike, n: ArrayLike, z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's interval elementwise, at z deviations; [0, 1] where n is 0.

    Args:
        share: proportions.
        n: what they are proportions of; need not be whole, such as a number of images divided by a
            design effect.
        z: such as 1.96.
    """
    p, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    size = np.where(n > 0, n, 1.0)
    centre = (p + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2))
    # At 0 and 1 rounding could leave the share itself just outside.
    low = np.minimum(np.clip(centre - half, 0, 1), p)
    high = np.maximum(np.clip(centre + half, 0, 1), p)
    return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)


def f1_scores(confusion: Floats | Ints) -> Floats:
    """(..., n_classes) F1 of each class of a (..., n_classes, n_classes) confusion matrix.

    Rows are labels, columns predictions. A class neither labelled nor predicted is NaN.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(float)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    scores: Floats = np.divide(2 * hits, total, out=np.full(hits.shape, np.nan), where=total > 0)
    return scores


def bootstrap_macro_f1(
    confusion: Ints, rng: np.random.Generator, n_resamples: int = 1000
) -> tuple[float, float]:
    """95 % percentile interval of macro F1, over the classes that have labels.

    Drawing n images with replacement is drawing the confusion matrix's filled cells from a
    multinomial, so that the cost does not grow with n.
    """
    n = int(confusion.sum())
    supported = confusion.sum(axis=1) > 0
    if n == 0:
        return 0.0, 1.0
    rows, columns = np.nonzero(confusion)
    shares = confusion[rows, columns] / n
    scores = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = np.zeros_like(confusion)
        drawn[rows, columns] = rng.multinomial(n, shares)
        scores[i] = np.nan_to_num(f1_scores(drawn)[supported]).mean()
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)
