"""The weighted graph that UMAP lays out, from a graph of nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.findings import Floats, Ints

HALVINGS = 64
FLOOR = 1e-3
"""Least scale as a share of the mean distance: keeps copies from pulling without bound."""


def fuzzy_graph(indices: Ints, distances: Floats) -> Any:
    """The fuzzy simplicial set of McInnes et al. (2018, section 3.1), as a sparse (n, n) matrix.

    Idea: each row measures distance in its own unit, so that dense and thin regions look alike.
    With r the distance to the nearest neighbour that is not a copy, its neighbour at distance d
    weighs ``w = exp(-max(d - r, 0) / s)``; s is such that the weights of the k neighbours add up
    to ``log2(k + 1)``, found by bisection. Both directions are joined as a probabilistic or:
    ``w_ij + w_ji - w_ij w_ji``.

    The same numbers as `umap.umap_.fuzzy_simplicial_set` gives with the row itself as its first
    neighbour, without the seconds that compiling it takes in every process.

    Args:
        indices: (n, k) nearest rows, the row itself excluded, k > 0.
        distances: (n, k) ascending.
    """
    from scipy.sparse import csr_array

    n, k = indices.shape
    d = np.asarray(distances, dtype=np.float64)
    nearest = np.where(d > 0, d, np.inf).min(axis=1)
    nearest[~np.isfinite(nearest)] = 0.0
    gap = np.maximum(d - nearest[:, None], 0)
    low, high, scale = np.zeros(n), np.full(n, np.inf), np.ones(n)
    for _ in range(HALVINGS):
        wide = np.exp(-gap / scale[:, None]).sum(axis=1) > np.log2(k + 1)
        high = np.where(wide, scale, high)
        low = np.where(wide, low, scale)
        scale = np.where(np.isinf(high), 2 * scale, (low + high) / 2)
        # Where nearly all neighbours are copies, no scale is small enough: it halves to nothing.
        scale = np.maximum(scale, 1e-12)
    # The mean counts the row itself, at distance 0.
    mean = np.where(nearest > 0, d.sum(axis=1), d.sum() / n) / (k + 1)
    scale = np.maximum(scale, np.maximum(FLOOR * mean, 1e-12))
    weights = np.exp(-gap / scale[:, None]).astype(np.float32)
    one_way = csr_array((weights.ravel(), indices.ravel(), np.arange(n + 1) * k), shape=(n, n))
    other_way = one_way.T.tocsr()
    return one_way + other_way - one_way.multiply(other_way)
