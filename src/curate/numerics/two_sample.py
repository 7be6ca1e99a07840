"""Whether two samples differ in one number, compared within strata, as an area under the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.intervals import Z95

ROUNDS, STEPS = 5, 32
"""An end of an interval is looked for on so many ever finer grids, to 3 parts in 100 million."""


@dataclass(frozen=True)
class Separation:
    """How well a number tells the second sample from the first.

    Attributes:
        auc: chance that a member of the second has the larger number, ties counting half.
        low, high: its 95 % interval.
        z: how many standard deviations of chance the auc lies above 1/2.
        counts: members of the first and of the second sample in strata that hold both.
    """

    auc: float
    low: float
    high: float
    z: float
    counts: tuple[int, int]

    @property
    def two_sided(self) -> float:
        """Chance of an auc as far from 1/2 if the samples do not differ."""
        from scipy.special import ndtr

        return float(2 * ndtr(-abs(self.z)))

    @property
    def one_sided(self) -> float:
        """Chance of an auc as high if the samples do not differ."""
        from scipy.special import ndtr

        return float(ndtr(-self.z))


def separate(
    x: Floats, second: Bools, strata: Ints, units: Ints, inflation: float = 1.0
) -> Separation:
    """Compare two samples within strata.

    Idea: a difference of the strata's shares must not pass for one of their members, so only
    members of one stratum are compared. The areas A_s of the strata are averaged with the weights
    ``m_s n_s / (m_s + n_s + 1)``, which makes the test at 1/2 that of van Elteren (1960), the
    stratified Wilcoxon test. The interval holds every theta with ``|A - theta| <= 1.96
    sqrt(V(theta))``, V of Hanley and McNeil in the form of Newcombe (2006, method 5), with ties
    corrected: like Wilson's interval it is sound at 0 and 1, and V(1/2) is that of the test.
    Members of one unit are not independent: V grows by the ratio of the placements' variance
    summed by unit and by member (Obuchowski 1997), never shrinks.

    Args:
        x: (n,) finite.
        second: (n,) True for members of the second sample.
        strata: (n,) numbers.
        units: (n,) members that belong together.
        inflation: factor of V; 2 for scores out of a cross-validation, see `domain`.
    """
    stratum = np.unique(strata, return_inverse=True)[1].ravel()
    k = int(stratum.max(initial=-1)) + 1
    second = second.astype(bool)
    n_second = np.bincount(stratum[second], minlength=k).astype(np.float64)
    n_first = np.bincount(stratum[~second], minlength=k).astype(np.float64)
    weight = n_first * n_second / (n_first + n_second + 1)
    both = weight > 0
    counts = (int(n_first[both].sum()), int(n_second[both].sum()))
    if not both.any():
        return Separation(0.5, 0.0, 1.0, 0.0, counts)
    weight /= weight.sum()
    ranks, ties = _ranks(x, stratum, k)
    own, _ = _ranks(x, stratum * 2 + second, 2 * k)
    other = np.where(second, n_first[stratum], n_second[stratum])
    below = (ranks - own) / np.maximum(other, 1)
    placement = np.where(second, below, 1 - below)
    area = np.bincount(stratum[second], placement[second], k) / np.maximum(n_second, 1)
    size = np.where(second, n_second[stratum], n_first[stratum])
    influence = weight[stratum] * (placement - area[stratum]) / size
    apart = float(np.square(influence).sum())
    together = float(np.square(np.bincount(units, influence)).sum())
    growth = inflation * max(1.0, together / apart if apart > 1e-12 else 1.0)
    m, n, w, t = n_first[both], n_second[both], weight[both], ties[both]

    def variance(theta: Floats) -> Floats:
        """Hanley and McNeil's, with both sizes in the numerator replaced by their mean."""
        at = theta[:, None]
        more = (m + n) / 2 - 1
        shape = 1 + more * ((1 - at) / (2 - at) + at / (1 + at))
        summed: Floats = growth * np.sum(w**2 * t * at * (1 - at) * shape / (m * n), axis=1)
        return summed

    auc = float(np.clip(weight @ area, 0, 1))
    at_chance = float(variance(np.array([0.5]))[0])
    z = (auc - 0.5) / np.sqrt(at_chance) if at_chance > 0 else 0.0
    return Separation(auc, _bound(auc, 0.0, variance), _bound(auc, 1.0, variance), float(z), counts)


def _ranks(x: Floats, stratum: Ints, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) mean ranks within strata from 1, and (k,) what ties leave of the variance."""
    n = len(x)
    order = np.lexsort((x, stratum))
    s, v = stratum[order], x[order]
    fresh = np.ones(n, dtype=bool)
    fresh[1:] = (s[1:] != s[:-1]) | (v[1:] != v[:-1])
    start = np.flatnonzero(fresh)
    length = np.diff(np.append(start, n))
    size = np.bincount(stratum, minlength=k).astype(np.float64)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    ranks = np.empty(n)
    ranks[order] = np.repeat(start + (length + 1) / 2, length) - first[s]
    tied = np.bincount(s[start], length.astype(np.float64) ** 3 - length, k)
    return ranks, 1 - tied / np.maximum(size**3 - size, 1)


def _bound(auc: float, end: float, variance: Callable[[Floats], Floats]) -> float:
    """The theta between `end` and `auc` that lies 1.96 of its own standard deviations away."""
    inside, outside = auc, end
    for _ in range(ROUNDS):
        thetas = np.linspace(inside, outside, STEPS + 1)
        far = np.abs(auc - thetas) > Z95 * np.sqrt(variance(thetas))
        if not far.any():
            return outside
        first = max(int(far.argmax()), 1)
        inside, outside = float(thetas[first - 1]), float(thetas[first])
    return inside
