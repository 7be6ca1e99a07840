"""How small the smallest p of many groups is when there is nothing to find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.slice_null import Matrix, Null
from curate.numerics.slice_search import Tested

ROUNDS = 999
LEAST_ROUNDS = 199
WORK = 4e9
"""Rounds, as many of them as this many sums allow."""

BLOCK = 1000
"""Groups that are counted together."""

SURE = 0.99
"""How sure the rounds have to be that the chance of a false discovery is as promised."""

FARTHEST = 8
"""Deviations beyond what is expected that no round reaches; no p is worked out beyond."""


@dataclass(frozen=True)
class Corrected:
    """What is left of each p of many groups; arrays are (m,).

    Attributes:
        highest: the p up to which a group is a discovery: by chance, some is with at most alpha.
        p: the chance that some group of the family would have so low a p, families counted.
    """

    highest: NDArray[np.float64]
    p: NDArray[np.float64]


def corrected(
    members: Matrix,
    tested: Tested,
    families: Ints,
    wrong: Bools,
    classes: Ints,
    units: Ints,
    alpha: float,
    rng: np.random.Generator,
) -> Corrected:
    """Correct for the number of groups, in each family for an equal part of `alpha`.

    Two ways do so, and what either allows is allowed: the smallest p when mistakes are dealt anew
    (`smallest_p`), and the number of groups (`looked_at`), which no dealing can tell of a p far
    below one in the number of rounds. See `smallest_p` for the arguments.
    """
    smallest = np.sort(smallest_p(members, tested.null, families, wrong, classes, units, rng))
    n_families, rounds = smallest.shape
    share = alpha / max(n_families, 1)
    highest, left = np.zeros(len(families)), np.ones(len(families))
    for one, least in enumerate(smallest):
        mine = families == one
        k, p = looked_at(tested.least_p[mine], share), tested.p[mine]
        highest[mine] = max(below(least, share), share / k)
        by_rounds = (1 + np.searchsorted(least, p, side="right")) / (1 + rounds)
        left[mine] = n_families * np.minimum(by_rounds, p * k)
    return Corrected(highest, np.minimum(left, 1))


def looked_at(least_p: Floats, alpha: float) -> int:
    """The number of tests to correct for, at most.

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


def smallest_p(
    members: Matrix,
    null: Null,
    families: Ints,
    wrong: Bools,
    classes: Ints,
    units: Ints,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(families, rounds) the smallest p of each family's groups, mistakes dealt anew each round.

    Idea: groups overlap, so the smallest of thousands of p is less small than that of as many
    independent ones, and correcting by their number is too strict (Westfall & Young,
    "Resampling-based multiple testing", 1993). What no look takes from the data is where in their
    classes the mistakes fall: they are dealt anew, whole units among units of the same classes,
    and all groups are tested again. Exact where such units are exchangeable; a unit that is the
    only one of its sort keeps its mistakes, which errs on the side of saying nothing.

    Args:
        members: (m, n) CSR.
        null: of the m groups.
        families: (m,) from 0: the smallest p is taken in each apart.
        wrong: (n,) True for a mistake.
        classes: (n,) from 0.
        units: (n,) from 0.
        rng: deals.
    """
    rounds = int(np.clip(WORK / max(members.nnz, 1), LEAST_ROUNDS, ROUNDS))
    dealt = dealt_anew(wrong, classes, units, rounds, rng)
    first = np.floor(null.expected) + 1
    # A deviation is at most the root of what is expected; of few, more than its eightfold is seen.
    farthest = np.ceil(FARTHEST * np.sqrt(null.design * null.expected)) + 40
    width = np.minimum(null.most - first + 1, farthest)
    found = np.ones((int(families.max(initial=-1)) + 1, rounds))
    able = np.flatnonzero(width > 0)
    able = able[np.argsort(width[able], kind="stable")]
    for start in range(0, len(able), BLOCK):
        some = able[start : start + BLOCK]
        table = _tails(null, some, first[some], int(width[some].max()))
        beyond = (members[some] @ dealt) - first[some, None].astype(np.float32)
        place = np.clip(beyond, -1, table.shape[1] - 2).astype(np.int32) + 1
        p = np.take_along_axis(table, place, axis=1)
        for family in np.unique(families[some]):
            least = p[families[some] == family].min(axis=0)
            np.minimum(found[family], least, out=found[family])
    return found


def below(smallest: Floats, alpha: float) -> float:
    """The p that the smallest of a round comes down to with a chance of at most `alpha`.

    As many rounds lie at it or below as can be while, with `SURE`, the chance is no more than
    `alpha` (the bound of Clopper & Pearson 1934); 0 where the rounds are too few to say.
    """
    from scipy.stats import beta

    ascending = np.sort(smallest)
    n, k = len(ascending), np.arange(len(ascending))
    allowed = int(np.count_nonzero(beta.ppf(SURE, k + 1, n - k) <= alpha))
    return float(np.nextafter(ascending[allowed], 0)) if allowed else 0.0


def dealt_anew(
    wrong: Bools, classes: Ints, units: Ints, rounds: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(n, rounds) mistakes: those of whole units, exchanged with units of the same classes."""
    dealt = np.empty((len(wrong), rounds), dtype=np.float32)
    for places in _alike(classes, units):
        mistakes = wrong[places].astype(np.float32)
        order = np.tile(np.arange(len(places)), (rounds, 1))
        rng.permuted(order, axis=1, out=order)
        for column, rows in zip(mistakes.T, places.T, strict=True):
            dealt[rows] = column[order].T
    return dealt


def _alike(classes: Ints, units: Ints) -> Iterator[Ints]:
    """Per sort of unit its (units, images) row numbers, images in the order of their classes."""
    order = np.lexsort((classes, units))
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    size = np.diff(starts, append=len(order))
    for many in np.unique(size):
        places = order[starts[size == many][:, None] + np.arange(many)]
        sorts = np.unique(classes[places], axis=0, return_inverse=True)[1].ravel()
        for one in range(int(sorts.max()) + 1):
            yield places[sorts == one]


def _tails(null: Null, some: Ints, first: Floats, width: int) -> NDArray[np.float64]:
    """(k, 1 + width) the p of fewer mistakes than `first`, which is 1, and from there on."""
    x = first[:, None] + np.arange(width)
    most = null.most[some, None]
    told = null.p(np.repeat(some, width), np.minimum(x, most).ravel()).reshape(len(some), width)
    return np.column_stack([np.ones(len(some)), told])
