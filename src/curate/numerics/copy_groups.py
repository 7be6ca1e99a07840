"""Groups of the same picture, made of pairs without letting pairs chain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.alignment import residual
from curate.numerics.framing import best_framing

DRIFT = 2.0
"""Two copies of one picture may differ from each other by so many times what each may from it."""


def without_chains(
    pairs: Ints, confirmed: Bools, residuals: Floats, identical: Bools, ids: NDArray[Any],
    thumbnails: NDArray[np.uint8], threshold: float,
) -> Bools:  # fmt: skip
    """(m,) the confirmed pairs, less those that only join one group to another.

    Idea: the frames of a film are each like the next, and connected components would make one
    picture of the film. So groups are stars: rows are taken by the number of their pairs, most
    first, and each takes its partners that are still free. Centres of stars that a pair joins are
    then compared themselves, and one star takes in another where the centres differ by no more
    than `DRIFT` thresholds, once over. Pairs between different groups are given up. Source: star
    clustering (Aslam, Pelekhov, Rus 2004).

    Args:
        pairs: (m, 2) row numbers.
        confirmed: (m,) pairs that count so far.
        residuals: (m,) of `curate.numerics.alignment.residual`.
        identical: (m,) files of the same bytes: rows of one file stay together.
        ids: (n,) names, by which ties are broken.
        thumbnails: (n, s, s) grey.
        threshold: the residual of a confirmed pair.
    """
    result = confirmed.copy()
    sure = np.flatnonzero(confirmed)
    if not len(sure):
        return result
    file = components(len(ids), pairs[identical])
    linked = file[pairs[sure]]
    name = np.full(int(file.max()) + 1, "", dtype=ids.dtype)
    order = np.argsort(ids, kind="stable")[::-1]
    name[file[order]] = ids[order]  # the first of a file's names is written last
    row = np.empty(len(name), dtype=np.int64)
    row[file[order]] = order
    centre = _stars(linked, residuals[sure], name)
    ends = centre[linked]
    joins = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
    if len(joins):
        first = np.where(name[joins[:, 0]] < name[joins[:, 1]], joins[:, 0], joins[:, 1])
        second = joins.sum(axis=1) - first
        drift = residual(thumbnails, best_framing(thumbnails, row[first], row[second]))
        near = drift <= DRIFT * threshold
        centre = _stars(joins[near], drift[near], name)[centre]
    result[sure] = centre[linked[:, 0]] == centre[linked[:, 1]]
    return result


def components(n: int, pairs: Ints) -> Ints:
    """(n,) numbers of the groups that rows form when those of a pair belong together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    found: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _stars(pairs: Ints, residuals: Floats, name: NDArray[Any]) -> Ints:
    """(n,) the centre of each node's star, itself where it is alone."""
    centre = np.arange(len(name))
    pairs, residuals = pairs[pairs[:, 0] != pairs[:, 1]], residuals[pairs[:, 0] != pairs[:, 1]]
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    ends = ends[np.lexsort((name[ends[:, 1]], np.concatenate([residuals, residuals]), ends[:, 0]))]
    nodes, first, degree = np.unique(ends[:, 0], return_index=True, return_counts=True)
    free = np.ones(len(name), dtype=bool)
    for i in np.lexsort((name[nodes], -degree)):
        if free[nodes[i]]:
            mine = ends[first[i] : first[i] + degree[i], 1]
            mine = mine[free[mine]]
            centre[mine] = nodes[i]
            free[mine] = free[nodes[i]] = False
    return centre
