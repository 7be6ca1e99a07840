"""Scores by which two samples of images are told apart, out of fold and within classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

INFLATION = 2.0
"""How much more than independent scores the area under these varies where there is no difference:
with fold means D_k the statistic is a sum of D_j' S^-1 D_k over j != k, and each pair of folds is
in it twice."""

BLOCK = 4096


@dataclass(frozen=True)
class Domains:
    """Shrunk linear discriminants of one sample against another, class by class.

    Idea: the two-sample test by a classifier (Lopez-Paz and Oquab 2017): if a classifier tells
    images that it has not seen better than chance, the samples differ. The classifier is
    ``x -> x' S^-1 D``, S the covariance within classes, shrunk by Ledoit and Wolf (2004), and D the
    difference of the samples' means within each class, averaged with the weights
    ``m n / (m + n)``, out of the folds that do not hold x. S and the classes' centres do not look
    at who is in which sample, so that one factorisation serves every pair of samples and all
    folds, and chance treats the samples alike.

    Not a test of the shares of the classes: scores are to be compared within classes.

    Attributes:
        X: (n, d).
        strata: (n,) class of each row, from 0.
        folds: (n,) fold of each row; rows that belong together share one.
        centers: (k, d) the mean of each class.
        factor: the Cholesky factor of S.
        used: (n,) rows of which means are made; the others are scored only.
    """

    X: Floats
    strata: Ints
    folds: Ints
    centers: NDArray[np.float32]
    factor: NDArray[np.float32]
    used: Bools

    @classmethod
    def of(cls, X: Floats, strata: Ints, folds: Ints, used: Bools) -> Domains:
        """Prepare what all pairs of samples share; at least one row is used."""
        from scipy.linalg import cholesky
        from sklearn.covariance import ledoit_wolf_shrinkage

        rows = np.flatnonzero(used)
        part = np.asarray(X[rows], dtype=np.float32)
        k = int(strata.max()) + 1
        size = np.bincount(strata[rows], minlength=k)
        # A class without a used row has no centre of its own, and is compared with nothing.
        centers = _sums(part, strata[rows], k) / np.maximum(size, 1).astype(np.float32)[:, None]
        part = part - centers[strata[rows]]
        covariance = part.T @ part / np.float32(len(rows))
        level = float(np.trace(covariance)) / len(covariance)
        shrinkage = float(ledoit_wolf_shrinkage(part, assume_centered=True)) if level > 0 else 1.0
        covariance *= np.float32(1 - shrinkage)
        # Float32 carries seven digits: never less than a millionth of the level on the diagonal.
        covariance[np.diag_indices(len(covariance))] += max(shrinkage, 1e-6) * max(level, 1e-12)
        factor = cholesky(covariance, lower=True, overwrite_a=True)
        return cls(X, strata, folds, centers, factor, used)

    def scores(self, first: Bools, second: Bools) -> tuple[Floats, Floats]:
        """(n,) scores by the common difference, and by the difference of the row's own class.

        They grow towards the second sample; 0 for rows of neither, and for the latter where the
        class is in one sample alone.
        """
        from scipy.linalg import cho_solve

        k, d = self.centers.shape
        n_folds = int(self.folds.max()) + 1
        sums = np.zeros((2, n_folds * k, d), dtype=np.float32)
        sizes = np.zeros((2, n_folds * k))
        cell = self.folds * k + self.strata
        for i, sample in enumerate((first, second)):
            rows = np.flatnonzero(sample & self.used)
            sums[i] = _sums(self.X[rows], cell[rows], n_folds * k)
            sizes[i] = np.bincount(cell[rows], minlength=n_folds * k)
        sums, sizes = sums.reshape(2, n_folds, k, d), sizes.reshape(2, n_folds, k)
        common, own = np.zeros(len(self.X)), np.zeros(len(self.X))
        for fold in range(n_folds):
            size = sizes.sum(axis=1) - sizes[:, fold]
            mean = (sums.sum(axis=1) - sums[:, fold]) / np.maximum(size, 1)[:, :, None]
            both = (size > 0).all(axis=0)
            weight = np.where(both, size[0] * size[1] / np.maximum(size.sum(axis=0), 1), 0)
            if not both.any():
                continue
            own_shift = np.where(both[:, None], mean[1] - mean[0], 0).astype(np.float32)
            shift = (weight / weight.sum()) @ own_shift
            rhs = np.vstack([shift, own_shift]).T.astype(np.float32)
            W = cho_solve((self.factor, True), rhs, overwrite_b=True).T
            length = np.sqrt(np.maximum(np.einsum("ij,ij->i", np.vstack([shift, own_shift]), W), 0))
            W /= np.where(length > 0, length, 1)[:, None]
            rows = np.flatnonzero((self.folds == fold) & (first | second))
            for start in range(0, len(rows), BLOCK):
                some = rows[start : start + BLOCK]
                stratum = self.strata[some]
                part = np.asarray(self.X[some], dtype=np.float32) - self.centers[stratum]
                common[some] = part @ W[0]
                own[some] = np.einsum("ij,ij->i", part, W[1:][stratum])
        return common, own


def _sums(X: Floats, cell: Ints, k: int) -> NDArray[np.float32]:
    """(k, d) sums of the rows of each cell."""
    order = np.argsort(cell, kind="stable")
    sums = np.zeros((k, X.shape[1]), dtype=np.float32)
    if len(order):
        present, starts = np.unique(cell[order], return_index=True)
        sums[present] = np.add.reduceat(np.asarray(X[order], dtype=np.float32), starts, axis=0)
    return sums
