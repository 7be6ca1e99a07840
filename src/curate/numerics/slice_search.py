"""Which of many groups of images hold more mistakes than chance would put there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.slice_null import Matrix, Null, null_of, over_classes, per_class

SAME = 0.5
"""Groups that share this much of their union (Jaccard) are told as one."""


@dataclass(frozen=True)
class Tested:
    """What is known of m groups; arrays are (m,).

    Attributes:
        null: what there would be by chance.
        wrong: mistakes.
        rest_rate: share of mistakes outside, in the group's own mix of classes.
        p: an upper bound of the chance of as many mistakes, for this group alone.
        least_p: the p that the group would have with as many mistakes as its classes have.
    """

    null: Null
    wrong: NDArray[np.float64]
    rest_rate: NDArray[np.float64]
    p: NDArray[np.float64]
    least_p: NDArray[np.float64]


def compare_groups(members: Matrix, wrong: Bools, classes: Ints, units: Ints) -> Tested:
    """Test groups for more mistakes than their classes' rates explain, see `Null.p`.

    Args:
        members: (m, n) CSR.
        wrong: (n,) True for a mistake.
        classes: (n,) from 0.
        units: (n,) from 0: images that err together, such as copies, share one.
    """
    null = null_of(members, wrong, classes, units)
    mistakes = wrong.astype(np.float64)
    missed, of = per_class(members, mistakes, classes)
    here, _ = per_class(members, np.ones(len(wrong)), classes)
    total = np.bincount(classes).astype(np.float64)
    faults = np.bincount(classes, mistakes)
    left = total[of] - here.data
    # A class that lies wholly inside has no rest; its own rate stands in.
    rate = faults / np.maximum(total, 1)
    others = np.where(left > 0, (faults[of] - missed.data) / np.maximum(left, 1), rate[of])
    rest_rate = over_classes(here, here.data * others) / np.maximum(null.size, 1)
    x, every = over_classes(missed, missed.data), np.arange(members.shape[0])
    return Tested(null, x, rest_rate, null.p(every, x), null.p(every, null.most))


def distinct(
    members: Matrix,
    wrong: Bools,
    classes: Ints,
    units: Ints,
    highest_p: Floats,
    alpha: float,
    most: int,
) -> list[tuple[int, list[int]]]:
    """Groups of which none is explained by the others, each with the numbers of its near-twins.

    Greedy: the group whose p is the smallest part of what it may be is kept, and the others are
    tested again, images inside and outside of it apart, as if they were of two classes (the strata
    of Mantel & Haenszel 1959). So a broad group of which one corner is weak falls to the corner,
    and a part falls to the whole, unless it is weaker still. That a group is weak is known by
    then; what is asked is whether it is so for itself, and corrected is for the groups of which it
    is asked.

    Args:
        members: (m, n) CSR.
        wrong: (n,) True for a mistake.
        classes: (n,) from 0.
        units: (n,) from 0.
        highest_p: (m,) up to which each group is weak.
        alpha: the chance that a group is kept that the others explain, shared by all.
        most: groups that are kept.
    """
    strata = np.asarray(classes)
    candidates = np.arange(members.shape[0])
    kept: list[tuple[int, list[int]]] = []
    while len(kept) < most and len(candidates):
        tested = compare_groups(members[candidates], wrong, strata, units)
        highest = highest_p[candidates]
        limit = np.maximum(highest, alpha / len(candidates)) if kept else highest
        significant = tested.p <= limit
        # Groups of different families are looked at in different numbers: corrected, p compare.
        candidates, p = candidates[significant], (tested.p / highest)[significant]
        if not len(candidates):
            break
        excess = (tested.wrong - tested.null.expected)[significant]
        best = int(candidates[np.lexsort((candidates, -excess, p))[0]])
        mine = np.asarray(members[[best]].todense()).ravel() > 0
        shared = members[candidates] @ mine.astype(np.float64)
        sizes = members[candidates] @ np.ones(len(wrong))
        alike = shared / (sizes + mine.sum() - shared) >= SAME
        kept.append((best, [int(c) for c in candidates[alike] if c != best]))
        candidates = candidates[~alike]
        strata = np.unique(2 * strata + mine, return_inverse=True)[1]
    return kept
