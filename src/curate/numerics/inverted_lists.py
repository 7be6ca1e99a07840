"""An approximate index of unit vectors for more images than all pairs of them can be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.intervals import Z95

WANTED = 0.99
"""Recall up to which more lists are searched."""

SAMPLE = 500
"""Queries by which the number of lists is chosen, and as many others by which recall is stated."""

TRAINED_ON = 40
"""Rows a list that the centres are found from; faiss asks for at least 39."""

ROUNDS = 10
"""Rounds of k-means: the lists need to be of like size, not optimal."""

BLOCK = 8192

Normalize = Callable[[Floats], NDArray[np.float32]]


def approximate_index(
    embeddings: Floats, k: int, normalize: Normalize
) -> tuple[Any, float, tuple[float, float]]:
    """An inverted-file index that finds `WANTED` of the true k neighbours, and how many it finds.

    Idea: k-means puts the rows into ``4 sqrt(n)`` lists, and a query looks only into the lists
    whose centres are nearest to it (`IndexIVFFlat` of faiss; Jégou et al. 2011). How many that
    takes depends on the data, so it is measured: the true neighbours of a sample of rows are
    computed from all rows, and the number of lists is doubled until the index finds `WANTED` of
    them. The recall is then stated on other rows than those it was chosen by. Every random choice
    is seeded, so that the same embeddings give the same graph.

    Args:
        embeddings: (n, d), finite; read in blocks.
        k: neighbours a query, the query itself among them; at least 2.
        normalize: makes rows of length one.

    Returns:
        the index, its recall, and the 95 % interval of the recall.
    """
    import faiss

    n, d = embeddings.shape
    lists = max(1, min(round(4 * n**0.5), n // TRAINED_ON))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.spherical = 1234, ROUNDS, True
    rng = np.random.default_rng(1234)
    index.train(normalize(_rows(embeddings, rng, min(n, lists * TRAINED_ON))))
    for start in range(0, n, BLOCK):
        index.add(normalize(embeddings[start : start + BLOCK]))
    queries = normalize(_rows(embeddings, rng, min(n, 2 * SAMPLE)))
    truth, least = exact_neighbors(embeddings, queries, k, normalize)
    index.nprobe = 1
    while (
        index.nprobe < lists
        and recall_of(index, queries[::2], truth[::2], least[::2]).mean() < WANTED
    ):
        index.nprobe = min(2 * index.nprobe, lists)
    each = recall_of(index, queries[1::2], truth[1::2], least[1::2])
    recall = float(each.mean())
    half = float(Z95 * each.std(ddof=1) / len(each) ** 0.5)
    return index, recall, (max(0.0, recall - half), min(1.0, recall + half))


def ask(index: Any, queries: NDArray[np.float32], k: int) -> tuple[Floats, Ints]:
    """Similarities and row numbers of the k best rows of each query, best first.

    A query whose lists hold fewer than k rows is asked again in all lists.
    """
    similarity, found = index.search(queries, k)
    short = np.flatnonzero(found[:, -1] < 0)
    if len(short):
        import faiss

        everywhere = faiss.SearchParametersIVF()
        everywhere.nprobe = index.nlist
        similarity[short], found[short] = index.search(queries[short], k, params=everywhere)
    return similarity, found


def exact_neighbors(
    embeddings: Floats, queries: NDArray[np.float32], k: int, normalize: Normalize
) -> tuple[Ints, Floats]:
    """The (m, k) row numbers of the true neighbours, and the (m,) similarity of the last of them.

    All rows are read once, in blocks of which only the best are kept.
    """
    import faiss

    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    for start in range(0, len(embeddings), BLOCK):
        block = normalize(embeddings[start : start + BLOCK])
        similarity, found = faiss.knn(
            queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        best = np.hstack([best, similarity])
        rows = np.hstack([rows, found + start])
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(best, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
    return rows, best[:, -1]


def recall_of(index: Any, queries: NDArray[np.float32], truth: Ints, least: Floats) -> Floats:
    """(m,) share of each query's true neighbours, itself left out, that the index finds.

    A row as near as the farthest true neighbour counts too: among equals, either is right.
    """
    k = truth.shape[1]
    similarity, found = ask(index, queries, k)
    hit = (found[:, :, None] == truth[:, None, :]).any(axis=2)
    hit |= similarity >= least[:, None]
    # A row lies in the list that is searched first, and so always finds itself.
    share: Floats = (hit.sum(axis=1) - 1) / (k - 1)
    return share


def _rows(embeddings: Floats, rng: np.random.Generator, m: int) -> Floats:
    """So many rows, drawn without replacement, in ascending order for the sake of files."""
    return embeddings[np.sort(rng.choice(len(embeddings), m, replace=False))]
