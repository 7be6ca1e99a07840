"""The coordinates a linear probe is fitted in, with the moments of every fold in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.moments import Moments, fold_moments, row_space, total

SCALINGS = ("as embedded", "standardised")


@dataclass(frozen=True)
class Training:
    """The rows to train on, in ascending order.

    Attributes:
        rows: (m,) row numbers.
        labels: (m,) their classes.
        folds: (m,) the folds that hold them out.
        n_classes: how many classes there are.
        n_folds: how many folds there are.
    """

    rows: Ints
    labels: Ints
    folds: Ints
    n_classes: int
    n_folds: int

    def held(self, fold: int) -> Ints:
        """The rows of one fold."""
        rows: Ints = self.rows[self.folds == fold]
        return rows


@dataclass(frozen=True)
class Space:
    """All embeddings in coordinates in which weights are to be shrunk alike.

    Attributes:
        scaling: one of `SCALINGS`: one scale for all features, or each its own deviation.
        X: (n, d).
        scale: (d,) features are divided by it.
        shares: the moments of each fold, of X not divided.
        whole: the moments of all folds.
    """

    scaling: str
    X: Floats
    scale: NDArray[np.float64]
    shares: list[Moments]
    whole: Moments

    def without(self, fold: int | None) -> Moments:
        """The moments of all training rows but those of one fold."""
        return self.whole if fold is None else self.whole - self.shares[fold]


def spaces(X: Floats, training: Training) -> Iterator[Space]:
    """The space of each scaling; which is better depends on the embedder.

    Scales are taken over all training rows; those of the fold that is held out have a say in them
    as images, not by their labels. With fewer rows than features, the coordinates are those of the
    rows' own span.
    """
    if len(training.rows) >= X.shape[1]:
        shares = _shares(X, training)
        whole = total(shares)
        for scaling in SCALINGS:
            yield Space(scaling, X, _scale(scaling, whole.center, whole.variance), shares, whole)
        return
    train = np.asarray(X[training.rows], dtype=np.float64)
    center, variance = train.mean(axis=0), train.var(axis=0)
    for scaling in SCALINGS:
        Z = row_space(X, training.rows, center, _scale(scaling, center, variance))
        shares = _shares(Z, training)
        yield Space(scaling, Z, np.ones(Z.shape[1]), shares, total(shares))


def _shares(X: Floats, t: Training) -> list[Moments]:
    return fold_moments(X, t.rows, t.labels, t.folds, t.n_classes, t.n_folds)


def _scale(
    scaling: str, center: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(d,) what to divide by; a feature that does not vary is divided by what the others are."""
    # Float32 embeddings that are all equal seem to vary in their last digit.
    rounding = 1e-6 * float(np.sqrt(np.square(center).mean()))
    middle = float(np.sqrt(variance.mean()))
    middle = middle if middle > rounding else 1.0
    deviation = np.sqrt(variance)
    own = deviation if scaling == "standardised" else np.zeros_like(deviation)
    scale: NDArray[np.float64] = np.where(own > max(1e-5 * middle, rounding), own, middle)
    return scale
