"""The k-nearest-neighbour graph of the embeddings, computed once and used by every detector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints, Neighbors
from curate.numerics.inverted_lists import approximate_index, ask
from curate.numerics.parallel import side_by_side
from curate.progress import Progress, silent

BLOCK = 1024
"""Rows a block: bounds memory to the index and a few BLOCK x (d + k), whatever n is."""

EXACT_UP_TO = 100_000
"""Images up to which every pair is compared: a few minutes on two cores with 1,280 dimensions."""


def normalized(embeddings: Floats) -> NDArray[np.float32]:
    """(n, d) rows of length one; a row of zeros stays zero."""
    unit = np.array(embeddings, dtype=np.float32, order="C")
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def knn(
    embeddings: Floats, k: int, progress: Progress = silent, *, exact_up_to: int = EXACT_UP_TO
) -> Neighbors:
    """The cosine neighbours of every row, itself excluded.

    Up to `exact_up_to` rows by all inner products (faiss, Douze et al. 2024, ``IndexFlatIP``):
    O(n^2 d) time, exact, `recall` is 1. Beyond, by inverted lists that are searched as widely as it
    takes to find nearly all, see `curate.numerics.inverted_lists`; `recall` then says how many of
    the true neighbours are in the graph, as measured, with its interval. Either way the same
    answer every time, and one copy of the embeddings in memory: they may be a memory-mapped file.

    Args:
        embeddings: (n, d), finite.
        k: neighbours a row; cut to n - 1.
        progress: shows one bar.
        exact_up_to: rows from which the graph is approximate.

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
    with progress("neighbours", total=n, unit="image") as bar:
        recall, interval = 1.0, (1.0, 1.0)
        index: Any
        if n <= exact_up_to:
            index = faiss.IndexFlatIP(embeddings.shape[1])
            for start in range(0, n, BLOCK):
                index.add(normalized(embeddings[start : start + BLOCK]))
        else:
            index, recall, interval = approximate_index(embeddings, k + 1, normalized)

        def search(start: int) -> None:
            faiss.omp_set_num_threads(1)  # of this thread: the blocks are what runs side by side
            rows = np.arange(start, min(start + BLOCK, n))
            similarity, found = ask(index, normalized(embeddings[rows[0] : rows[-1] + 1]), k + 1)
            # With duplicates, faiss may rank another row before the query itself, or leave the
            # query out: drop the query where it is, the farthest where it is not.
            drop = found == rows[:, None]
            drop[~drop.any(axis=1), -1] = True
            indices[rows] = found[~drop].reshape(len(rows), k)
            distances[rows] = 1 - similarity[~drop].reshape(len(rows), k)
            bar.update(len(rows))

        side_by_side(search, range(0, n, BLOCK))
    np.clip(distances, 0, 2, out=distances)
    return Neighbors(indices, distances, recall, interval)


def neighbor_label_share(neighbors: Neighbors, labels: Ints, n_classes: int, k: int) -> Floats:
    """(n, n_classes) share of each class among the k nearest labelled neighbours.

    Rows without a labelled neighbour are all zero.
    """
    found = labels[neighbors.indices[:, :k]]
    share = np.zeros((len(labels), n_classes), dtype=np.float32)
    rows, columns = np.nonzero(found >= 0)
    np.add.at(share, (rows, found[rows, columns]), 1)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1)
    return share


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
