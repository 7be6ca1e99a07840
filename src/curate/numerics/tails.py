"""How unlikely a count is: exact tails of the binomial and the Poisson distribution."""

from __future__ import annotations

import math

import numpy as np


def binomial_upper(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p), summed exactly from the largest logarithm on.

    Raises:
        ValueError: `p` is no probability, or `n` is negative.
    """
    if not 0 <= p <= 1 or n < 0:
        raise ValueError(f"Expected n >= 0 and 0 <= p <= 1, found n = {n}, p = {p}")
    if k <= 0:
        return 1.0
    if k > n or p == 0:
        return 0.0
    if p == 1:
        return 1.0
    start = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    start += k * math.log(p) + (n - k) * math.log1p(-p)
    at = np.arange(k, n, dtype=float)  # term i + 1 by term i is (n - i) / (i + 1) * p / (1 - p)
    steps = np.log(n - at) - np.log(at + 1) + math.log(p) - math.log1p(-p)
    return _sum_of_exponentials(start, steps)


def binomial_lower(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p)."""
    return binomial_upper(n - k, n, 1 - p)


def poisson_lower(k: int, mean: float) -> float:
    """P(X <= k) for X ~ Poisson(mean).

    Raises:
        ValueError: `mean` is negative.
    """
    if mean < 0:
        raise ValueError(f"Expected a mean of at least 0, found {mean}")
    if k < 0:
        return 0.0
    if mean == 0:
        return 1.0
    steps = math.log(mean) - np.log(np.arange(1, k + 1, dtype=float))
    return _sum_of_exponentials(-mean, steps)


def _sum_of_exponentials(
    start: float, steps: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    """exp(start) + exp(start + steps[0]) + ..., at most 1, without underflow on the way."""
    logs = start + np.concatenate([[0.0], np.cumsum(steps)])
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))
