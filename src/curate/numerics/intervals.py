"""Confidence intervals for the numbers that a person is shown."""

from __future__ import annotations

import numpy as np

from curate.findings import Floats, Ints

Z95 = 1.959963984540054


def wilson(successes: float, n: float) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927): sound at 0, at 1, and for small n."""
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


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
