"""Shares of many small groups, each estimated with what the others teach about it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from curate.findings import Floats

MEANS = (np.arange(60) + 0.5) ** 2 / 3600
"""Grid of the groups' mean share: evenly spaced in its square root, finer near 0."""

SPREADS = np.geomspace(0.3, 300, 16)
"""Grid of how alike the groups are: the images that the others' shares are worth for one group."""

CELLS = 120
"""Points at which a posterior is summed."""

NEGLIGIBLE = 1e-3
"""Grid points with less weight are left out."""


class Pooled(NamedTuple):
    """One share: its posterior mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def pooled_shares(successes: ArrayLike, n: ArrayLike) -> list[Pooled]:
    """The share of each group, as a hierarchical model sees it.

    Idea: 0 of 8 alone could be a share of 0.3. But where forty groups have 0 of 8 each, none is
    likely to have 0.3. The groups' shares are draws from one Beta distribution of unknown mean and
    spread; given those, a group with k of n has a Beta posterior. Mean and spread are integrated
    over a grid by how likely they make all counts together (the beta-binomial likelihood), not
    fixed at their best values, so that few groups are believed less than many. Where groups differ
    (some at 0, some at 0.8) the spread is wide, and each stands for itself.

    Prior: the density of the mean is ``1 / (2 sqrt(mean))``, evenly spread in its square root; that
    of the spread is even in its logarithm, from `SPREADS`' first to its last.

    Source: Bayesian hierarchical models of binomial data (Gelman et al., Bayesian Data Analysis,
    3rd ed., 5.3); the beta-binomial after Skellam (1948).

    What it is not: valid for groups that someone singled out because they are special, of which
    the others say nothing; and a group of which nothing was seen gets what the others would lead
    one to expect, with an interval as wide as they differ.

    Args:
        successes: (g,) counts; need not be whole, such as those of images divided by a design
            effect.
        n: (g,) what they are out of, may be 0.
    """
    from scipy.special import betainc, betaln

    k, total = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
    m, s = (grid.ravel() for grid in np.meshgrid(MEANS, SPREADS))
    a, b = m * s, (1 - m) * s
    pairs, inverse, counts = np.unique(
        np.column_stack([k, total]), axis=0, return_inverse=True, return_counts=True
    )
    fit = np.zeros(len(a))
    for (hits, of), times in zip(pairs, counts, strict=True):
        fit += times * (betaln(a + hits, b + of - hits) - betaln(a, b))
    weight = np.exp(fit - fit.max())
    weight /= weight.sum()
    kept = weight > NEGLIGIBLE
    a, b, weight = a[kept], b[kept], weight[kept] / weight[kept].sum()
    x: Floats = np.linspace(0, 1, CELLS + 1) ** 2  # as finely as `MEANS` near 0
    found = []
    for hits, of in pairs:
        mean = float(weight @ ((a + hits) / (a + b + of)))
        below = weight @ betainc((a + hits)[:, None], (b + of - hits)[:, None], x[None, :])
        low, high = np.interp([0.025, 0.975], below, x)
        found.append(Pooled(mean, min(float(low), mean), max(float(high), mean)))
    return [found[i] for i in inverse.ravel()]


def difference(a: Pooled, b: Pooled) -> Pooled:
    """The difference of two shares, with an interval made of theirs.

    The "square-and-add" or MOVER rule (Newcombe 1998, method 10; Zou and Donner 2008): each end
    lies as far from the difference as the two relevant half-widths are long together, as the sides
    of a right angle. It takes the two for independent.
    """
    gap = a.mean - b.mean
    low = gap - float(np.hypot(a.mean - a.low, b.high - b.mean))
    high = gap + float(np.hypot(a.high - a.mean, b.mean - b.low))
    return Pooled(gap, low, high)
