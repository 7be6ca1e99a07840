"""Linear classifiers, and the two of them that are solved in closed form from moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.moments import BLOCK, Moments


@dataclass(frozen=True)
class Linear:
    """Logits that are linear in the embedding.

    Attributes:
        center: (d,) what is subtracted from an embedding.
        weights: (n_classes, d); zero for classes that were not seen.
        offset: (n_classes,).
        seen: (n_classes,) the classes it was trained on.
    """

    center: NDArray[np.float32]
    weights: NDArray[np.float32]
    offset: NDArray[np.float32]
    seen: Bools

    def logits(self, X: Floats, rows: Ints) -> NDArray[np.float32]:
        """(m, n_classes) logits of some rows; an unseen class has the least of the seen ones."""
        logits = np.empty((len(rows), len(self.offset)), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            part = logits[start : start + BLOCK]
            block = np.asarray(X[rows[start : start + BLOCK]], dtype=np.float32) - self.center
            np.matmul(block, self.weights.T, out=part)
            part += self.offset
            if not self.seen.all():
                least = part[:, self.seen].min(axis=1, keepdims=True) if self.seen.any() else 0.0
                part[:, ~self.seen] = least
        return logits


def constant(moments: Moments) -> Linear:
    """The classifier that says the shares of the classes whatever it sees."""
    counts = moments.counts[moments.counts > 0]
    return _linear(moments, np.zeros((len(counts), len(moments.origin))), np.log(counts))


@dataclass(frozen=True)
class ClosedForms:
    """Shrinkage LDA and ridge regression on class indicators, for any penalty.

    Idea: with class means m_c (as rows of M, less the mean of all), class shares p, and the
    covariance W within classes, LDA scores ``m_c S^-1 x - m_c S^-1 m_c / 2 + log p_c``, where
    ``S = (W + penalty * level * I) / (1 + penalty)`` is W shrunk towards a multiple of the
    identity, level being the mean of its diagonal; the weight of the identity is
    ``penalty / (1 + penalty)`` (Friedman 1989; Ledoit and Wolf 2004 for the form of S). Ridge
    regression of the indicators on x, with the same penalty, needs the inverse of
    ``W + penalty * level * I + M' P M``; pushed through, its weights are
    ``(P^-1 + A M')^-1 A`` with ``A = M (W + penalty * level * I)^-1``. So one Cholesky
    factorisation serves both. (That both span one subspace is Hastie, Tibshirani and Buja 1994.)

    Each penalty has a factorisation of its own: one eigendecomposition for all would cost as much
    as a dozen of them or more, and be needed anew in each fold, where most penalties are not.

    Not calibrated: LDA is as sure as Gaussians would be, and ridge scores lie about [0, 1]. A
    temperature is needed for either.

    Attributes:
        moments: of the images to train on, of at least two classes.
        scale: (d,) features are divided by it, so that the penalty means the same for each.
        means: (k, d) M of the k classes that there are, divided.
        within: (d, d) W, divided.
    """

    moments: Moments
    scale: Floats
    means: NDArray[np.float64]
    within: NDArray[np.float64]

    @classmethod
    def of(cls, moments: Moments, scale: Floats) -> ClosedForms:
        """Prepare what does not depend on the penalty."""
        seen, mean = moments.counts > 0, moments.mean
        means = (moments.sums[seen] / moments.counts[seen, None] - mean) / scale
        within = moments.second / moments.n
        within -= np.outer(mean, mean)
        within /= scale
        within /= scale[:, None]
        within -= (means * (moments.counts[seen, None] / moments.n)).T @ means
        return cls(moments, scale, means, within)

    def solve(self, penalty: float) -> tuple[Linear, Linear]:
        """The LDA and the ridge classifier, for features that are not divided.

        Args:
            penalty: positive, relative to the mean variance within classes.
        """
        from scipy.linalg import cho_factor, cho_solve

        moments, M, d = self.moments, self.means, len(self.scale)
        seen = moments.counts > 0
        share = moments.counts[seen] / moments.n
        between = float(share @ np.square(M).sum(axis=1)) / d
        # Where the classes are points there is no spread within them; where all images are equal
        # there is none at all.
        level = max(float(np.trace(self.within)) / d, 1e-4 * between, 1e-12)
        shrunk = self.within.copy()
        shrunk[np.diag_indices(d)] += penalty * level
        A = cho_solve(cho_factor(shrunk, lower=True, overwrite_a=True), M.T).T
        Q = A @ M.T
        prior = np.log(share) - 0.5 * (1 + penalty) * np.diagonal(Q)
        Q[np.diag_indices(len(share))] += 1 / share
        ridge = cho_solve(cho_factor(Q, lower=True, overwrite_a=True), A)
        return (
            _linear(moments, (1 + penalty) * A / self.scale, prior),
            _linear(moments, ridge / self.scale, share),
        )


def _linear(moments: Moments, weights: Floats, offset: Floats) -> Linear:
    """A classifier from the weights and offsets of the classes that there are."""
    seen = moments.counts > 0
    every = np.zeros((len(seen), weights.shape[1]), dtype=np.float32)
    levels = np.zeros(len(seen), dtype=np.float32)
    every[seen], levels[seen] = weights, offset
    return Linear(moments.center.astype(np.float32), every, levels, seen)
