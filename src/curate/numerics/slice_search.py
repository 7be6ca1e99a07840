"""Which of many groups of images hold more mistakes than chance would put there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

Matrix = Any
"""A scipy CSR matrix, (groups, rows), 1 where the row is in the group."""

SAME = 0.5
"""Groups that share this much of their union (Jaccard) are told as one."""


@dataclass(frozen=True)
class Tested:
    """What is known of m groups; arrays are (m,).

    Attributes:
        size, wrong: images, and mistakes among them.
        expected: mistakes that the classes' rates would put there.
        rest_size: images of the same classes outside.
        rest_rate: share of mistakes outside, in the group's own mix of classes.
        p: an upper bound of the chance of as many mistakes, for this group alone.
        least_p: the p that the group would have with as many mistakes as its classes have.
        design: how many images count as one, since images of one unit err together.
    """

    size: NDArray[np.float64]
    wrong: NDArray[np.float64]
    expected: NDArray[np.float64]
    rest_size: NDArray[np.float64]
    rest_rate: NDArray[np.float64]
    p: NDArray[np.float64]
    least_p: NDArray[np.float64]
    design: NDArray[np.float64]


def compare_groups(members: Matrix, wrong: Bools, classes: Ints, units: Ints) -> Tested:
    """Test groups for more mistakes than their classes' rates explain.

    Idea: if, within a class, mistakes fall on images whatever they look like, then the mistakes in
    a group are a sum of hypergeometric numbers, one a class. Each of these is a sum of independent
    Bernoulli numbers (Vatutin & Mikhailov 1982), hence so is the whole, and its tail is at most
    that of the binomial with the same mean, beyond one from the mean (Hoeffding, "On the
    distribution of the number of successes in independent trials", 1956). The same holds for the
    mistakes left outside; the lower of the two bounds is p. Inside one class the tail is that of
    Fisher's exact test, which is far lower where the group is a good part of the class. No mixture
    of classes makes a group weak, and no sampling is needed for a p of 1e-9.

    Images of one unit (a group, copies) err together. Counts are divided by the design effect
    ``1 + (m - 1) rho`` (Rao & Scott 1992) with m the number of members in the unit of a mean
    member and rho the correlation of mistakes within units; with units of one image it is exact.

    Args:
        members: (m, n) CSR.
        wrong: (n,) True for a mistake.
        classes: (n,) from 0.
        units: (n,) from 0.
    """
    from scipy.sparse import csr_matrix

    n = len(wrong)
    mistakes = wrong.astype(np.float64)
    total = np.bincount(classes).astype(np.float64)
    faults = np.bincount(classes, mistakes)
    rate = faults / np.maximum(total, 1)
    # Images in the real part, mistakes in the imaginary one: two counts of one pattern.
    told = csr_matrix((1 + 1j * mistakes, (np.arange(n), classes)), (n, len(total)))
    both = (members @ told).tocsr()
    here, missed, of = both.data.real, both.data.imag, both.indices

    def over_classes(values: Floats) -> NDArray[np.float64]:
        summed = csr_matrix((values, of, both.indptr), both.shape).sum(axis=1)
        return np.asarray(summed, dtype=np.float64).ravel()

    size, x, expected = over_classes(here), over_classes(missed), over_classes(here * rate[of])
    reach, all_faults = over_classes(total[of]), over_classes(faults[of])
    most = over_classes(np.minimum(here, faults[of]))
    left = total[of] - here
    # A class that lies wholly inside has no rest; its own rate stands in.
    others = np.where(left > 0, (faults[of] - missed) / np.maximum(left, 1), rate[of])
    rest_rate = over_classes(here * others) / np.maximum(size, 1)
    design = _design(members, mistakes - rate[classes], units, size)
    p = _tail(x, size, expected, reach - size, all_faults, design)
    least = _tail(most, size, expected, reach - size, all_faults, design)
    single = np.flatnonzero((np.diff(both.indptr) == 1) & (design == 1))
    own = of[both.indptr[single]]
    for tail, count in ((p, x), (least, most)):
        tail[single] = _fisher(count[single], size[single], faults[own], total[own])
    return Tested(size, x, expected, reach - size, rest_rate, p, least, design)


def looked_at(least_p: Floats, alpha: float) -> int:
    """The number of tests to correct for.

    Tarone ("A modified Bonferroni method for discrete data", 1990): groups that could not reach
    ``alpha / k`` with every mistake in them cannot be false discoveries and need not be counted;
    k is the smallest number for which no more than k groups can. p times k is then corrected:
    some group of a dataset without weak slices comes below alpha with a chance of at most alpha,
    however the groups overlap.
    """
    ascending = np.sort(least_p)
    k = np.arange(1, len(ascending) + 1)
    reach = np.searchsorted(ascending, alpha / k, side="right")
    return int(k[reach <= k][0]) if len(k) else 1


def distinct(
    members: Matrix, wrong: Bools, classes: Ints, units: Ints, highest_p: Floats, most: int
) -> list[tuple[int, list[int]]]:
    """Groups of which none is explained by the others, each with the numbers of its near-twins.

    Greedy: the group with the smallest p is kept, its images are set aside, and the others are
    tested again on what is left, so that a broad group of which one corner is weak falls to the
    corner, and a part of it to the whole. Twins share `SAME` of the union with the kept group.

    Args:
        members: (m, n) CSR.
        wrong: (n,) True for a mistake.
        classes: (n,) from 0.
        units: (n,) from 0.
        highest_p: (m,) up to which each group counts.
        most: groups that are kept.
    """
    left = np.ones(len(wrong), dtype=bool)
    candidates = np.arange(members.shape[0])
    kept: list[tuple[int, list[int]]] = []
    while len(kept) < most and left.any() and len(candidates):
        part = members[candidates][:, np.flatnonzero(left)]
        compact = np.unique(classes[left], return_inverse=True)[1]
        tested = compare_groups(part, wrong[left], compact, units[left])
        significant = tested.p <= highest_p[candidates]
        candidates, p = candidates[significant], tested.p[significant]
        if not len(candidates):
            break
        excess = (tested.wrong - tested.expected)[significant]
        best = int(candidates[np.lexsort((candidates, -excess, p))[0]])
        mine = np.asarray(members[[best]].todense()).ravel() > 0
        shared = members[candidates] @ mine.astype(np.float64)
        sizes = members[candidates] @ np.ones(len(wrong))
        alike = shared / (sizes + mine.sum() - shared) >= SAME
        kept.append((best, [int(c) for c in candidates[alike] if c != best]))
        candidates = candidates[~alike]
        left &= ~mine
    return kept


def _tail(x: Floats, n: Floats, mean: Floats, rest: Floats, faults: Floats, design: Floats) -> Any:
    from scipy.special import betainc

    x, n, mean, rest, faults = (values / design for values in (x, n, mean, rest, faults))
    p = np.ones(len(x))
    sure = (x >= mean + 1) & (mean > 0) & (rest > 0)
    x, n, mean, rest, faults = (values[sure] for values in (x, n, mean, rest, faults))
    y = np.maximum(faults - x, 0)
    inside = betainc(x, np.maximum(n - x, 0) + 1, mean / n)
    clear = np.clip(1 - (faults - mean) / rest, 0, 1)
    outside = betainc(np.maximum(rest - y, 1e-9), y + 1, clear)
    p[sure] = np.minimum(inside, outside)
    return p


def _fisher(x: Floats, n: Floats, faults: Floats, total: Floats) -> Any:
    """P(X >= x) of the mistakes among n images drawn from `total` of which `faults` are wrong."""
    from scipy.stats import hypergeom

    return hypergeom.sf(x - 1, total, faults, n)


def _design(members: Matrix, residual: Floats, units: Ints, size: Floats) -> Any:
    """(m,) design effects; the correlation is that of pairs of one unit, at least 0."""
    from scipy.sparse import csr_matrix

    count = np.bincount(units)
    several = np.flatnonzero(count[units] > 1)
    spread = float(np.square(residual).mean())
    if not len(several) or spread == 0:
        return np.ones(len(size))
    sums = np.bincount(units[several], residual[several], len(count))
    squares = float(np.square(sums).sum() - np.square(residual[several]).sum())
    pairs = float((count * (count - 1.0)).sum())
    rho = float(np.clip(squares / pairs / spread, 0, 1))
    spots = csr_matrix(
        (np.ones(len(several)), (several, units[several])), (len(residual), len(count))
    )
    crowds = (members @ spots).tocsr()
    crowds.data = crowds.data * (crowds.data - 1)
    pairs_here = np.asarray(crowds.sum(axis=1)).ravel()
    return 1 + rho * pairs_here / np.maximum(size, 1)
