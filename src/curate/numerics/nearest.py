"""The nearest of some images for images that are none of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.neighbors import normalized

BLOCK = 4096
"""Rows of the reference that are compared at a time."""


def nearest(
    queries: Floats, reference: Floats, rows: Ints, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k rows of a reference that are nearest to each query, by cosine distance.

    Every pair is compared, in blocks of the reference: exact, O(m r d) time, memory O(m BLOCK).

    Args:
        queries: (m, d).
        reference: (n, d); may be a memory map, of which only `rows` are read.
        rows: (r,) ascending; those that count.
        k: cut to r.

    Returns:
        (m, k) row numbers of the reference, nearest first, and their distances in [0, 2].
    """
    unit = normalized(queries)
    k = min(k, len(rows))
    best = np.full((len(unit), k), -np.inf, dtype=np.float32)
    found = np.full((len(unit), k), -1, dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        similar = unit @ normalized(reference[block]).T
        top = min(k, len(block))
        near = np.argpartition(-similar, top - 1, axis=1)[:, :top]
        values = np.concatenate([best, np.take_along_axis(similar, near, axis=1)], axis=1)
        places = np.concatenate([found, block[near]], axis=1)
        # Of equally near ones the first row, whatever the partition's order.
        order = np.lexsort((places, -values), axis=1)[:, :k]
        best = np.take_along_axis(values, order, axis=1)
        found = np.take_along_axis(places, order, axis=1)
    return found, np.clip(1 - best, 0, 2)


def mean_distance(distances: Floats) -> NDArray[np.float64]:
    """(m,) the mean of (m, k) distances to the nearest: how far an image is from all of them.

    Source: k-nearest-neighbour distance for out-of-distribution images (Sun et al. 2022), by its
    mean, which depends less on a single image than the k-th distance does.
    """
    mean: NDArray[np.float64] = np.asarray(distances, dtype=np.float64).mean(axis=1)
    return mean
