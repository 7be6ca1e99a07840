"""How well one number alone tells each class from the rest, judged out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.intervals import wilson_bounds

BINS = 64


class Bounds(NamedTuple):
    """A figure of each class and its interval."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Ranges:
    """For each class, the range of a number that holds it best against the rest.

    Idea: a decision rule that a person can check: an image is of the class if
    ``low <= x < high``. In the training folds the range maximises the share of the class inside
    less the share of the rest inside (Youden's J), over all ranges between `BINS` quantiles of x;
    it is the best subarray of the histograms' difference (Kadane). One-sided cuts are ranges too,
    and of a mark, 0 or 1, "has it" and "lacks it" are the two. Counts of the held-out folds are
    summed. The range that is shown is fitted to all.

    Attributes:
        low, high: (k,) the range, -inf or inf where it is open.
        inside: (k,) images of the class inside, held out.
        others_inside: (k,) images of other classes inside, held out.
        sizes: (k,) images of the class.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    inside: NDArray[np.float64]
    others_inside: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @classmethod
    def of(cls, x: Floats, labels: Ints, folds: Ints, k: int) -> Ranges:
        """Find the ranges of n numbers, finite, with labels from 0 to k - 1."""
        cuts = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1], method="higher"))
        cuts = cuts[cuts > x.min()]
        bins = np.searchsorted(cuts, x, side="right")
        n_folds, width = int(folds.max()) + 1, len(cuts) + 1
        flat = (folds.astype(np.int64) * k + labels) * width + bins
        counts = np.bincount(flat, minlength=n_folds * k * width).astype(np.float64)
        counts = counts.reshape(n_folds, k, width)
        total = counts.sum(axis=0)
        inside, others = np.zeros(k), np.zeros(k)
        for held in counts:
            start, end = _best(total - held)
            own, every = _between(held, start, end)
            inside += own
            others += every - own
        start, end = _best(total)
        edges = np.concatenate([[-np.inf], cuts, [np.inf]])
        return cls(edges[start], edges[end], inside, others, total.sum(axis=1))

    def holds(self, x: Floats, label: int) -> NDArray[np.bool_]:
        """Which numbers lie in the range of a class."""
        held: NDArray[np.bool_] = (x >= self.low[label]) & (x < self.high[label])
        return held

    def shares(self, z: float, growth: Floats, other_growth: float) -> tuple[Bounds, Bounds]:
        """Shares of the class and of the others inside, with Wilson intervals of z deviations.

        Args:
            z: such as 1.96.
            growth: (k,) design effects of the classes, see `curate.numerics.kin`.
            other_growth: the same of all images.
        """
        rest = np.maximum(self.sizes.sum() - self.sizes, 1)
        own, others = self.inside / np.maximum(self.sizes, 1), self.others_inside / rest
        return (
            Bounds(own, *wilson_bounds(own, self.sizes / growth, z)),
            Bounds(others, *wilson_bounds(others, rest / other_growth, z)),
        )


def balanced_accuracy(own: Bounds, others: Bounds) -> Bounds:
    """1/2 and half of the shares' difference, intervals squared and added (Newcombe 1998)."""
    value = 0.5 + (own.value - others.value) / 2
    low = value - np.hypot(own.value - own.low, others.high - others.value) / 2
    high = value + np.hypot(own.high - own.value, others.value - others.low) / 2
    return Bounds(value, low, high)


def _best(counts: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """(k,) first bin and end of the range that holds most of each class and least of the rest."""
    every = counts.sum(axis=0)
    size = counts.sum(axis=1, keepdims=True)
    rest = every - counts
    gain = counts / np.maximum(size, 1) - rest / np.maximum(rest.sum(axis=1, keepdims=True), 1)
    climb = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(gain, axis=1)], axis=1)
    lowest = np.minimum.accumulate(climb, axis=1)
    where = np.maximum.accumulate(np.where(climb <= lowest, np.arange(climb.shape[1]), 0), axis=1)
    # An end of the scale beats a place as good beside it: the range is then one-sided.
    score = (climb - lowest).round(12)
    end = climb.shape[1] - 1 - score[:, ::-1].argmax(axis=1)
    return where[np.arange(len(counts)), end], end


def _between(counts: NDArray[np.float64], start: Ints, end: Ints) -> tuple[Floats, Floats]:
    """(k,) members of the class, and of all classes, within each class's range."""
    row = np.arange(len(counts))
    own = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    every = own.sum(axis=0)
    return own[row, end] - own[row, start], every[end] - every[start]
