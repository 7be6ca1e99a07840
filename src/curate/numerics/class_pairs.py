"""Which pairs of classes are mixed up more than can be chance, and which classes form clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curate.findings import Floats, Ints


@dataclass(frozen=True)
class MixedPairs:
    """Pairs a < b of classes that are confirmed to be mixed up.

    Attributes:
        a, b: (m,) class numbers.
        a_as_b, b_as_a: (m,) images of the one predicted as the other.
        p_value: (m,) chance of so many mistakes if the true rates were tolerable.
        tested: how many pairs there were to look at.
        z: deviations that an interval must reach so that 95 % of those *shown* hold.
    """

    a: Ints
    b: Ints
    a_as_b: Ints
    b_as_a: Ints
    p_value: Floats
    tested: int
    z: float


def mixed_pairs(
    confusion: Ints, tolerable: float, least: int, false_share: float = 0.05
) -> MixedPairs:
    """Pairs whose rate of mix-ups is above a tolerable one, corrected for the number of pairs.

    Idea: for each direction the binomial chance of at least so many mistakes at the tolerable
    rate; Fisher's method joins the two, ``-2 (ln p_ab + ln p_ba)`` against chi-square with four
    degrees; Benjamini and Hochberg (1995) keep the share of false pairs at `false_share` over all
    pairs of classes that have images. The intervals of the m pairs kept are then widened to the
    level ``1 - false_share m / tested`` (Benjamini and Yekutieli 2005), since they were selected.
    Only cells with mistakes are looked at, so that 1,000 classes cost no more than a few.

    Args:
        confusion: (k, k) counts, rows labels.
        tolerable: the share of a class's images that may be taken for another.
        least: mistakes below which a pair is never named.
        false_share: of the pairs kept, on average.
    """
    from scipy.stats import binom, chi2, norm

    support = confusion.sum(axis=1)
    present = int((support > 0).sum())
    tested = max(present * (present - 1) // 2, 1)
    a, b = np.nonzero(np.triu(confusion + confusion.T, 1) >= max(least, 1))
    n_ab, n_ba = confusion[a, b], confusion[b, a]
    chances = [
        binom.logsf(count - 1, support[side], tolerable) for count, side in ((n_ab, a), (n_ba, b))
    ]
    p = chi2.sf(-2 * (chances[0] + chances[1]), 4)
    order = np.argsort(p, kind="stable")
    under = np.flatnonzero(p[order] <= false_share * np.arange(1, len(p) + 1) / tested)
    kept = np.sort(order[: under[-1] + 1]) if len(under) else order[:0]
    level = false_share * max(len(kept), 1) / tested
    return MixedPairs(
        a[kept], b[kept], n_ab[kept], n_ba[kept], p[kept], tested, float(norm.isf(level / 2))
    )


def clusters(a: Ints, b: Ints) -> list[list[int]]:
    """Groups of three or more classes of which at least half of all pairs are mixed up.

    Average linkage on "mixed up or not", cut at one half: a chain, in which each class is mixed up
    with the next only, falls apart where connected components would make one cluster of it.

    Args:
        a: (m,) one class of each pair, surest first, which settles ties.
        b: (m,) the other.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    involved = list(dict.fromkeys(np.column_stack([a, b]).ravel().tolist()))
    if len(involved) < 3:
        return []
    place = {c: i for i, c in enumerate(involved)}
    i, j = (np.array([place[c] for c in side.tolist()]) for side in (a, b))
    apart = np.ones((len(involved), len(involved)))
    apart[i, j] = apart[j, i] = 0.0
    tree = linkage(apart[np.triu_indices(len(involved), 1)], method="average")
    member = fcluster(tree, 0.5, criterion="distance")
    found: dict[int, list[int]] = {}
    for c, m in zip(involved, member.tolist(), strict=True):
        found.setdefault(m, []).append(c)
    large = [sorted(one) for one in found.values() if len(one) > 2]
    return sorted(large, key=lambda one: (-len(one), one))
