"""The k-nearest-neighbour graph of the embeddings, computed once and used by every detector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints, Neighbors
from curate.progress import Progress, silent

BLOCK = 2048
"""Queries a block: bounds memory to BLOCK x k results whatever n is."""


def normalized(embeddings: Floats) -> NDArray[np.float32]:
    """(n, d) rows of length one; a row of zeros stays zero."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def knn(embeddings: Floats, k: int, progress: Progress = silent) -> Neighbors:
    """The exact cosine neighbours of every row, itself excluded.

    Exact inner products by faiss (Johnson et al. 2017, ``IndexFlatIP``): O(n^2 d) time, O(n d)
    memory, the same answer every time.

    Args:
        embeddings: (n, d), finite.
        k: neighbours a row; cut to n - 1.
        progress: shows one bar.

    Returns:
        indices and distances of shape (n, min(k, n - 1)).
    """
    import faiss

    n = len(embeddings)
    k = max(0, min(k, n - 1))
    indices = np.empty((n, k), dtype=np.int64)
    distances = np.empty((n, k), dtype=np.float32)
    if k == 0:
        return Neighbors(indices, distances)
    unit = np.ascontiguousarray(normalized(embeddings))
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    with progress("neighbours", total=n, unit="image") as bar:
        for start in range(0, n, BLOCK):
            rows = np.arange(start, min(start + BLOCK, n))
            similarity, found = index.search(unit[rows], k + 1)
            # With duplicates, faiss may rank another row before the query itself, or leave the
            # query out: drop the query where it is, the farthest where it is not.
            drop = found == rows[:, None]
            drop[~drop.any(axis=1), -1] = True
            indices[rows] = found[~drop].reshape(len(rows), k)
            distances[rows] = 1 - similarity[~drop].reshape(len(rows), k)
            bar.update(len(rows))
    return Neighbors(indices, np.clip(distances, 0, 2))


def neighbor_label_share(neighbors: Neighbors, labels: Ints, n_classes: int, k: int) -> Floats:
    """(n, n_classes) share of each class among the k nearest labelled neighbours.

    Rows without a labelled neighbour are all zero.
    """
    found = labels[neighbors.indices[:, :k]]
    share = np.zeros((len(labels), n_classes), dtype=np.float32)
    rows, columns = np.nonzero(found >= 0)
    np.add.at(share, (rows, found[rows, columns]), 1)
    result: Floats = share / np.maximum(share.sum(axis=1, keepdims=True), 1)
    return result


def nearest_mean_distance(points: Floats, k: int) -> Floats:
    """(n,) mean Euclidean distance of each of (n, d) points to its k nearest others; d is small."""
    from sklearn.neighbors import NearestNeighbors

    n = len(points)
    if n < 2:
        return np.zeros(n)
    # One more than k: with equal points the query itself need not come first, and either way one
    # of the zeros is left out.
    found = NearestNeighbors(n_neighbors=min(k + 1, n)).fit(points).kneighbors(points)[0]
    result: Floats = found[:, 1:].mean(axis=1)
    return result
