"""Groups of rows that lie together: k-means on the main axes of the embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints

FIT_ROWS = 10_000
"""Rows that axes and centres are fitted to; of more, an even choice."""

AXES = 64
ROUNDS = 15
BLOCK = 8192


def main_axes(X: Floats, n_axes: int = AXES) -> NDArray[np.float32]:
    """(n, at most n_axes) coordinates of the rows of unit length on their main axes.

    Idea: principal components of a sample, by a randomised SVD (Halko, Martinsson & Tropp 2011);
    rows are scaled to length 1 first, since lengths of embeddings say little of what they show.
    Coordinates are rounded to 1e-5, so that equal rows are equal. Not whitened: an axis of little
    variance weighs little.
    """
    from sklearn.utils.extmath import randomized_svd

    n = len(X)
    chosen = even_choice(n, FIT_ROWS)
    sample = _unit(X[chosen])
    center = sample.mean(axis=0)
    width = min(n_axes, *sample.shape)
    _, _, axes = randomized_svd(sample - center, width, random_state=0)
    found = np.empty((n, width), dtype=np.float32)
    for start in range(0, n, BLOCK):
        found[start : start + BLOCK] = (_unit(X[start : start + BLOCK]) - center) @ axes.T
    return found.round(5)


def even_choice(n: int, most: int) -> Ints:
    """At most `most` of n row numbers, evenly spread and ascending."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def k_means(X: Floats, k: int, rng: np.random.Generator) -> Ints:
    """(n,) cluster numbers of rows by Lloyd's k-means, started by k-means++.

    Fewer than k where there are fewer different rows. One thread sums in one order: the same rows
    and seed give the same clusters, which library versions with several threads do not promise.
    Not the best clustering: one start, `ROUNDS` rounds at most.
    """
    fit = X[even_choice(len(X), FIT_ROWS)]
    centres = _starts(fit, k, rng)
    place = _nearest(fit, centres)
    for _ in range(ROUNDS):
        sums = np.stack([np.bincount(place, column, len(centres)) for column in fit.T], axis=1)
        size = np.bincount(place, minlength=len(centres))
        means = (sums / np.maximum(size, 1)[:, None]).astype(np.float32)
        centres = np.where(size[:, None] > 0, means, centres)
        previous, place = place, _nearest(fit, centres)
        if (place == previous).all():
            break
    return _nearest(X, centres)


def _starts(X: Floats, k: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """k-means++ (Arthur & Vassilvitskii 2007): far rows are likelier to start a cluster."""
    chosen = [int(rng.integers(len(X)))]
    gap = np.square(X - X[chosen[0]]).sum(axis=1)
    while len(chosen) < k and gap.max() > 0:
        chances = gap.astype(np.float64)
        chosen.append(int(rng.choice(len(X), p=chances / chances.sum())))
        gap = np.minimum(gap, np.square(X - X[chosen[-1]]).sum(axis=1))
    return np.asarray(X[chosen], dtype=np.float32)


def _nearest(X: Floats, centres: Floats) -> Ints:
    squares = np.square(centres).sum(axis=1)
    place = np.empty(len(X), dtype=np.int64)
    for start in range(0, len(X), BLOCK):
        block = X[start : start + BLOCK]
        place[start : start + BLOCK] = (squares - 2 * (block @ centres.T)).argmin(axis=1)
    return place


def _unit(X: Floats) -> NDArray[np.float32]:
    X = np.asarray(X, dtype=np.float32)
    length = np.linalg.norm(X, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = X / np.maximum(length, np.float32(1e-12))
    return scaled
