"""Keeping one of every heap of images that lie within a distance of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints, Neighbors


@dataclass(frozen=True)
class Thinned:
    """Which images are kept, and what stands in for each of the others.

    Attributes:
        kept: (n,) True for images of which no two are within the threshold of each other.
        kin: (n,) row of the nearest kept image; the row itself where it is kept.
        distances: (n,) cosine distance to it, 0 where the row is kept.
        cut_off: images all of whose neighbours in the graph are within the threshold, so that
            the graph may not know of others that are: 0 means that nothing was missed.
    """

    kept: Bools
    kin: Ints
    distances: Floats
    cut_off: int


def thin(neighbors: Neighbors, threshold: float) -> Thinned:
    """Keep a set of rows of which no two are within `threshold`, going from the first to the last.

    A row is kept unless a kept row before it is within the threshold, and speaks for those after
    it. With the graph of `curate.numerics.centring.centred` these are the duplicates of
    `fiftyone.brain.compute_near_duplicates`, whose default threshold is 0.2. Not a finding: look
    for copies with `curate.numerics.copies`, which asks the pixels and knows the embedder's scale;
    a fixed distance takes look-alikes for copies in one dataset and misses copies in another.
    """
    from scipy.sparse import coo_array

    n, k = neighbors.indices.shape
    near = neighbors.distances <= threshold
    rows, places = np.nonzero(near)
    others = neighbors.indices[rows, places]
    # Stored one higher, because a sparse matrix forgets a distance of 0.
    one_way = coo_array((neighbors.distances[rows, places] + 1.0, (rows, others)), shape=(n, n))
    both: Any = one_way.tocsr().maximum(one_way.T.tocsr())
    start, other, gap = both.indptr, both.indices, both.data - 1.0
    kept = np.ones(n, dtype=bool)
    for row in np.flatnonzero(np.diff(start)):
        if kept[row]:
            within = other[start[row] : start[row + 1]]
            kept[within[within > row]] = False
    kin, distances = np.arange(n), np.zeros(n)
    source = np.repeat(np.arange(n), np.diff(start))
    edges = np.flatnonzero(~kept[source] & kept[other])
    edges = edges[np.lexsort((other[edges], gap[edges], source[edges]))]
    removed, first = np.unique(source[edges], return_index=True)
    kin[removed], distances[removed] = other[edges][first], gap[edges][first]
    full = near.all(axis=1) if 0 < k < n - 1 else np.zeros(n, dtype=bool)
    return Thinned(kept, kin, np.maximum(distances, 0.0), int(full.sum()))


def across_splits(thinned: Thinned, splits: NDArray[Any]) -> Bools:
    """(n,) rows that stand for, or are stood for by, a row of another split.

    The leaks of `fiftyone.brain.compute_leaky_splits`. Two removed rows of one heap that lie in
    two splits, while the kept one lies in neither, leak unseen.
    """
    leak: Bools = np.asarray(splits != splits[thinned.kin], dtype=bool)
    leak[thinned.kin[leak]] = True
    return leak
