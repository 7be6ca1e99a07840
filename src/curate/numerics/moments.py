"""Sums over images from which linear classifiers are solved; a fold is subtracted from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.parallel import side_by_side

BLOCK = 2048
"""Rows read at a time: bounds the copies in float64 whatever n is."""


@dataclass(frozen=True)
class Moments:
    """Counts, sums and the second moment of some images, by class.

    Two of them about one origin add and subtract, so that a fold is left out of the whole in
    O(d^2) instead of a new pass over the images.

    Attributes:
        origin: (d,) what was subtracted from every embedding.
        counts: (n_classes,) images.
        sums: (n_classes, d) of embeddings less the origin.
        second: (d, d) sum of the outer products of embeddings less the origin.
    """

    origin: NDArray[np.float64]
    counts: NDArray[np.float64]
    sums: NDArray[np.float64]
    second: NDArray[np.float64]

    def __sub__(self, other: Moments) -> Moments:
        """The images of this without those of `other`."""
        return Moments(
            self.origin,
            self.counts - other.counts,
            self.sums - other.sums,
            self.second - other.second,
        )

    @property
    def n(self) -> float:
        """How many images."""
        return float(self.counts.sum())

    @property
    def mean(self) -> NDArray[np.float64]:
        """(d,) mean less the origin."""
        mean: NDArray[np.float64] = self.sums.sum(axis=0) / max(self.n, 1.0)
        return mean

    @property
    def center(self) -> NDArray[np.float64]:
        """(d,) mean embedding."""
        return self.origin + self.mean

    @property
    def variance(self) -> NDArray[np.float64]:
        """(d,) variance of every feature."""
        return np.maximum(np.diagonal(self.second) / max(self.n, 1.0) - self.mean**2, 0.0)


def total(shares: Sequence[Moments]) -> Moments:
    """All images of some disjoint shares about one origin."""
    counts, sums, second = (
        np.sum([getattr(share, name) for share in shares], axis=0)
        for name in ("counts", "sums", "second")
    )
    return Moments(shares[0].origin, counts, sums, second)


def fold_moments(
    X: Floats, rows: Ints, labels: Ints, folds: Ints, n_classes: int, n_folds: int
) -> list[Moments]:
    """The moments of each fold; every row is read once.

    In float64, since the small eigenvalues of a scatter, on which its inverse depends most, would
    drown in the rounding of float32 sums. The origin is the mean of some rows, so that a common
    offset of all embeddings costs no digits.

    Args:
        X: (n, d); may be a memory map, since it is read in blocks.
        rows: (m,) row numbers in ascending order.
        labels: (m,) classes of `rows`.
        folds: (m,) folds of `rows`.
        n_classes: how many classes there are.
        n_folds: how many folds there are.
    """
    some = rows[np.linspace(0, len(rows) - 1, min(1024, len(rows))).astype(int)]
    origin = np.asarray(X[some], dtype=np.float64).mean(axis=0)

    def share(fold: int) -> Moments:
        mine = np.flatnonzero(folds == fold)
        return _moments(X, rows[mine], labels[mine], n_classes, origin)

    return side_by_side(share, range(n_folds))


def _moments(
    X: Floats, rows: Ints, labels: Ints, n_classes: int, origin: NDArray[np.float64]
) -> Moments:
    sums = np.zeros((n_classes, X.shape[1]))
    second = np.zeros((X.shape[1], X.shape[1]))
    for start in range(0, len(rows), BLOCK):
        block = np.asarray(X[rows[start : start + BLOCK]], dtype=np.float64) - origin
        second += block.T @ block
        order = np.argsort(labels[start : start + BLOCK], kind="stable")
        present, first = np.unique(labels[start : start + BLOCK][order], return_index=True)
        sums[present] += np.add.reduceat(block[order], first, axis=0)
    counts = np.bincount(labels, minlength=n_classes).astype(np.float64)
    return Moments(origin, counts, sums, second)


def row_space(X: Floats, rows: Ints, center: Any, scale: Any) -> NDArray[np.float32]:
    """All embeddings in coordinates of the space that fewer rows than features span.

    A linear classifier whose weights are shrunk towards zero never leaves the span of its training
    rows, so that nothing is lost and matrices are as small as the number of rows. The basis is
    that of a principal component analysis, from the eigenvectors of the (m, m) inner products.

    Args:
        X: (n, d).
        rows: (m,) the rows whose span counts, m < d.
        center: (d,) subtracted first.
        scale: (d,) divided by then.

    Returns:
        (n, r) coordinates, r < m.
    """
    from scipy.linalg import eigh

    train = (np.asarray(X[rows], dtype=np.float64) - center) / scale
    values, vectors = eigh(train @ train.T)
    kept = values > 1e-10 * max(float(values[-1]), 1e-300)
    # All rows equal: one coordinate, which is zero.
    kept[-1] = True
    basis = train.T @ (vectors[:, kept] / np.sqrt(np.maximum(values[kept], 1e-300)))
    coordinates = np.empty((len(X), basis.shape[1]), dtype=np.float32)
    for start in range(0, len(X), BLOCK):
        block = np.asarray(X[start : start + BLOCK], dtype=np.float64)
        coordinates[start : start + BLOCK] = ((block - center) / scale) @ basis
    return coordinates
