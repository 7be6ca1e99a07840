"""Several tests at once, of which some matter more than others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def weighted_holm(p_values: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """P values adjusted for being several, where each has a share of the 5 % for false alarms.

    Idea: a test is passed where its p value is below its share, the weight over the weights of all
    that have not passed; each that passes leaves its share to the others. With equal weights it is
    `curate.numerics.paired.holm`. It asks nothing of how the tests depend on each other. Source:
    Holm (1979), "A simple sequentially rejective multiple test procedure", section 4; adjusted as
    by Westfall and Young (1993).

    What it is not: a licence to choose the weights by the p values.

    Args:
        p_values: NaN is no test: it stays, and its weight does not count.
        weights: positive.
    """
    given, share = np.asarray(p_values, dtype=float), np.asarray(weights, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known] / share[known], kind="stable")]
    left = np.cumsum(share[order][::-1])[::-1]
    scaled = given[order] * left / share[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
