"""How sure a gain is that is made of two: on images as they are, and on changed ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.intervals import Z95, wilson_bounds
from curate.remedies.augmented import Measured

DRAWS = 40_000
"""Enough for the tails that two dozen candidates ask for: the thousandth part of them is 40."""

_NOTHING = (np.array([-1.0]), np.array([1.0]))
"""What the gain may be where there is nothing to tell it from."""


@dataclass(frozen=True)
class Excess:
    """By how much more often a symptom is seen in held-out images than in train images.

    Attributes:
        held_out: how many show it, and of how many, in independent images.
        train: the same.
        estimate: the difference of the shares.
        measured: with its 95 % interval.
    """

    held_out: tuple[float, float]
    train: tuple[float, float]
    estimate: float
    measured: Measured

    def draws(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the excess may be, leaning to the low side and to the high side.

        The confidence distributions of Clopper and Pearson (1934): of k of n the share is drawn
        from Beta(k, n - k + 1) on the low side and from Beta(k + 1, n - k) on the high one. For a
        few images of which train shows none, the chance of an excess of 0 is then that of Fisher's
        exact test.
        """
        low = _beta(self.held_out, False, rng) - _beta(self.train, True, rng)
        high = _beta(self.held_out, True, rng) - _beta(self.train, False, rng)
        return low, high


@dataclass(frozen=True)
class Parts:
    """Paired differences in being right, -1 to 1, of two probes.

    Attributes:
        units: (n,) which of the images as they are belong together.
        as_is: (n,) differences.
        can: (n,) whether the image may be changed at all (its class is not excluded).
        changed_units: (m,) units of the images whose copies were judged, all of which may.
        changed: (m,) differences.
    """

    units: Ints
    as_is: Floats
    can: Bools
    changed_units: Ints
    changed: Floats


@dataclass(frozen=True)
class Spread:
    """A gain and what it may be.

    Attributes:
        estimate: in accuracy.
        low, high: (DRAWS,) sorted, leaning to either side.
        p_value: one-sided: how sure it is not that the gain is above 0.
    """

    estimate: float
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: float

    @classmethod
    def of(cls, estimate: float, low: Floats, high: Floats) -> Spread:
        """From draws in any order."""
        p_value = (1 + int((low <= 0).sum())) / (1 + len(low))
        return cls(estimate, np.sort(low), np.sort(high), p_value)

    def agrees(self, other: Spread) -> bool:
        """Whether two independent measurements may be of one gain, as far as chance goes."""
        error = float(np.sqrt((np.var(self.low + self.high) + np.var(other.low + other.high)) / 4))
        silent = len(self.low) == 1 or len(other.low) == 1
        return silent or abs(self.estimate - other.estimate) <= Z95 * error

    def averaged(self, other: Spread, rng: np.random.Generator) -> Spread:
        """Two independent measurements of one gain, weighed by the inverse of their variances."""
        if len(self.low) == 1 or len(other.low) == 1:  # one of them says nothing
            return other if len(self.low) == 1 else self
        weights = [1 / float(np.var(one.low + one.high)) for one in (self, other)]
        own, others = np.array(weights) / sum(weights)
        order = rng.permutation(len(other.low))
        return Spread.of(
            float(own * self.estimate + others * other.estimate),
            own * self.low + others * other.low[order],
            own * self.high + others * other.high[order],
        )

    def interval(self, level: float) -> tuple[float, float]:
        """The two-sided interval that misses with the chance `level`."""
        return (
            max(float(np.quantile(self.low, level / 2, method="lower")), -1.0),
            min(float(np.quantile(self.high, 1 - level / 2, method="higher")), 1.0),
        )


def excess_of(train: Measured, held_out: Measured) -> Excess:
    """The excess of two shares, each of as many independent images as its interval is wide."""
    n_held, n_train = _worth(held_out), _worth(train)
    estimate = held_out.estimate - train.estimate
    below = np.hypot(held_out.estimate - held_out.interval[0], train.interval[1] - train.estimate)
    above = np.hypot(held_out.interval[1] - held_out.estimate, train.estimate - train.interval[0])
    # Newcombe (1998), method 10.
    measured = Measured(
        estimate, (float(estimate - below), float(estimate + above)), held_out.n + train.n
    )
    return Excess(
        (held_out.estimate * n_held, n_held),
        (train.estimate * n_train, n_train),
        estimate,
        measured,
    )


def spread_of(parts: Parts, excess: Excess | None, rng: np.random.Generator) -> Spread:
    """The gain on images of which a share more is changed than they are now.

    ``G = A + e (C - A')`` with the excess e, the mean difference A over all images as they are, A'
    its part in images that may be changed, and C the mean difference of changed copies times the
    share of images that may. A and C - A' are drawn from a bivariate Student's t about their means,
    with the covariance of the sums over units (the cluster bootstrap's in closed form) and g - 1
    degrees of freedom for g units; to either part two more units are added in mind, one for and one
    against, see `curate.numerics.paired.standard_interval`.
    """
    n = len(parts.as_is)
    if not n:
        return Spread(float("nan"), *_NOTHING, 1.0)
    ids, which = np.unique(parts.units, return_inverse=True)
    g = len(ids)
    if g < 2:
        return Spread(float(parts.as_is.mean()), *_NOTHING, 1.0)
    per_unit = np.zeros((2, g))
    per_unit[0] = np.bincount(which, parts.as_is, minlength=g) / n
    if excess is not None and len(parts.changed):
        scale = float(parts.can.mean()) / len(parts.changed)
        at = np.searchsorted(ids, parts.changed_units)
        per_unit[1] = np.bincount(at, parts.changed * scale, minlength=g)
        per_unit[1] -= np.bincount(which, parts.as_is * parts.can, minlength=g) / n
    per_unit[np.abs(per_unit) < 1e-12] = 0.0  # what rounding leaves of no difference
    differing = np.count_nonzero(per_unit, axis=1)
    means = per_unit.sum(axis=1)
    sizes = np.bincount(which, minlength=g) / n
    net = per_unit - means[:, None] * sizes
    covariance = net @ net.T * g / (g - 1)
    for i, q in enumerate(differing.tolist()):
        v = covariance[i, i]
        covariance[i, i] += 2 * ((v + means[i] ** 2 / g) / q if q else 1 / g**2)
    normal = np.linalg.cholesky(covariance) @ rng.standard_normal((2, DRAWS))
    t = normal * np.sqrt((g - 1) / rng.chisquare(g - 1, DRAWS))
    a, b = means[:, None] * g / (g + 2) + t
    if excess is None:
        low = high = a
        estimate = float(means[0])
    else:
        below, above = excess.draws(rng)
        ends = np.stack([a + below * b, a + above * b])
        low, high = ends.min(axis=0), ends.max(axis=0)
        estimate = float(means[0] + excess.estimate * means[1])
    return Spread.of(estimate, low, high)


def _worth(share: Measured) -> float:
    """How many independent images an interval is as wide as: n over the design effect."""
    low, high = wilson_bounds(share.estimate, share.n, Z95)
    alone, found = float(high - low), share.interval[1] - share.interval[0]
    return share.n * min(1.0, (alone / found) ** 2) if found > 0 else float(share.n)


def _beta(
    counted: tuple[float, float], above: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    hits, n = counted
    a, b = (hits + 1, n - hits) if above else (hits, n - hits + 1)
    if a <= 1e-9:
        return np.zeros(DRAWS)
    if b <= 1e-9:
        return np.ones(DRAWS)
    return rng.beta(a, b, DRAWS)
