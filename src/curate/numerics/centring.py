"""A graph of neighbours with its distances measured from the middle of the data."""

from __future__ import annotations

import numpy as np

from curate.findings import Floats, Neighbors

BLOCK = 8192

AT_THE_MIDDLE = 1e-4
"""Length after centring, as a share of the longest before, at which a row is the mean itself."""


def centred(neighbors: Neighbors, embeddings: Floats) -> Neighbors:
    """The same neighbours, by the cosine distances of embeddings less their mean, nearest first.

    Idea: what all embeddings share says nothing about any of them, and where it is large all
    distances are small and alike. Centring takes it out. No pair need be looked at again, because
    with m the mean, ``(x - m)(y - m) = x y - x m - y m + m m``, and the graph knows
    ``x y = |x| |y| (1 - distance)``: O(n d + n k) time.

    Not the graph of the centred embeddings: an image that becomes a near neighbour only by
    centring, and is not among the k of the graph, stays unseen. Of the three nearest, 98 to 100 %
    are among 50 (measured on four sets of photographs, drawings and made points).

    Args:
        neighbors: the cosine graph of the embeddings.
        embeddings: (n, d), finite; read in blocks.
    """
    n = len(embeddings)
    if neighbors.indices.size == 0:
        return neighbors
    mean = np.asarray(embeddings.mean(axis=0, dtype=np.float64))
    along, length = np.empty(n), np.empty(n)
    for start in range(0, n, BLOCK):
        block = np.asarray(embeddings[start : start + BLOCK], dtype=np.float64)
        along[start : start + BLOCK] = block @ mean
        length[start : start + BLOCK] = np.linalg.norm(block, axis=1)
    own = float(mean @ mean)
    left = np.sqrt(np.maximum(length**2 - 2 * along + own, 0))
    left[left <= AT_THE_MIDDLE * length.max()] = 0
    others = neighbors.indices
    similarity = 1 - neighbors.distances.astype(np.float64)
    inner = length[:, None] * length[others] * similarity - along[:, None] - along[others] + own
    both = left[:, None] * left[others]
    # Two rows at the middle are the same; one at the middle is at a right angle to all others.
    same = (left[:, None] == 0) & (left[others] == 0)
    cosine = np.divide(inner, both, out=same.astype(np.float64), where=both > 0)
    distances = np.clip(1 - cosine, 0, 2)
    order = np.lexsort((others, distances), axis=1)
    return Neighbors(
        np.take_along_axis(others, order, axis=1),
        np.take_along_axis(distances, order, axis=1).astype(np.float32),
        neighbors.recall,
        neighbors.recall_interval,
    )
