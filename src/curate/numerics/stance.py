"""How embeddings shift when their images are turned, learnt from the turned copies of a sample.

`Discriminant` learns from the turned copies of every image. Here those of a sample are all the
supervision; what any other embedding is compared with is the shift of the images most like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import expit

Array = NDArray[Any]

SHRINKAGE = 0.3
SHARPNESS = 3.0
OTHER_CLASSES = 0.05
CHUNK = 4096


@dataclass(frozen=True)
class Turned:
    """The turned copies of some rows: their numbers (m,) and embeddings (m, d)."""

    rows: Array
    X: Array


@dataclass(frozen=True)
class Stances:
    """Out-of-fold linear discriminants of turned against upright embeddings, local to each image.

    Idea: embeddings of upright images of a class and of their copies in a turned state are normal
    with one covariance S (linear discriminant analysis, Fisher 1936), and the copies' mean is off
    by a shift. Shifts are paired differences, copy less image, so that what an image shows
    cancels; that of row i is their weighted mean over the sample with weights exp(a cos(x_i, c_j))
    where c_j is the mean of image j and its copy, and `OTHER_CLASSES` times that for images of
    another class (a Nadaraya-Watson mean; classes stand in several poses). S is that of all
    embeddings around their class means and of the copies around theirs, shrunk towards a multiple
    of the identity. The log-likelihood ratio is then w x - w (class mean + shift / 2) with
    w = S^-1 shift, and the same w scores a difference of views.

    What it is not: an embedding mostly says what an image shows, so its ratio makes an image
    suspicious and no more. The score of a difference is the better judge.

    Attributes:
        folds: (n,) a row is scored by shifts of other folds.
        labels: (n,) class of each row; `n_classes` for rows that belong to none.
        n_classes: how many classes there are.
        X: (n, d) the embeddings.
        turned: per state the sample's turned copies.
        centres: (n_classes + 1, d) class means, shrunk a little towards the mean of all.
        middle: (d,) the mean of all.
        root: (d, d) lower triangular, root @ root.T = S.
    """

    folds: Array
    labels: Array
    n_classes: int
    X: Array
    turned: tuple[Turned, ...]
    centres: Array
    middle: Array
    root: Array

    def ratios(self, n_states: int) -> Array:
        """(n, n_states) log-likelihood ratios of each of the first turned states to upright."""
        found = np.zeros((len(self.X), n_states))
        for rows in _chunks(np.arange(len(self.X))):
            own = self._white(self.X[rows] - self.centres[self.labels[rows]])
            for state in range(n_states):
                shift = self._shift(state, rows)
                found[rows, state] = np.einsum("ij,ij->i", shift, own - shift / 2)
        return found

    def ratio_of_copies(self, state: int) -> Array:
        """(m,) the same ratio of the state's own copies, to calibrate by."""
        rows = self.turned[state].rows
        copies = self._white(self.turned[state].X - self.centres[self.labels[rows]])
        shift = self._shift(state, rows)
        return np.asarray(np.einsum("ij,ij->i", shift, copies - shift / 2))

    def score(self, rows: Array, differences: Array, mixture: Sequence[float]) -> Array:
        """(m,) scores of differences of views (m, d) of `rows`, by a mixture of states' weights."""
        found = np.zeros(len(rows))
        for part in _chunks(np.arange(len(rows))):
            shift = np.zeros((len(part), self.X.shape[1]), dtype=np.float32)
            for state, much in enumerate(mixture):
                if much:
                    shift += np.float32(much) * self._shift(state, rows[part])
            found[part] = np.einsum("ij,ij->i", shift, self._white(differences[part]))
        return found

    def _white(self, X: Array) -> Array:
        return np.asarray(solve_triangular(self.root, X.T, lower=True, check_finite=False).T)

    @cached_property
    def _content(self) -> list[Array]:
        """Per state, what each pair of image and copy shows: (m, d), rows of length one."""
        return [_unit((self.X[t.rows] + t.X) / 2 - self.middle) for t in self.turned]

    @cached_property
    def _shifts(self) -> list[Array]:
        """Per state, each copy less its image: (m, d), whitened."""
        return [self._white(t.X - self.X[t.rows]) for t in self.turned]

    def _shift(self, state: int, rows: Array) -> Array:
        """(m, d) the local mean shift of each row, whitened; zero where nothing is known."""
        others = self.turned[state].rows
        if not len(others):
            return np.zeros((len(rows), self.X.shape[1]), dtype=np.float32)
        alike = _unit(self.X[rows] - self.middle) @ self._content[state].T
        weight = np.exp(np.float32(SHARPNESS) * alike)
        label = self.labels[others]
        same = (self.labels[rows][:, None] == label) & (label < self.n_classes)
        weight *= np.where(same, np.float32(1), np.float32(OTHER_CLASSES))
        weight *= self.folds[rows][:, None] != self.folds[others]
        weight /= np.maximum(weight.sum(1, keepdims=True), np.float32(1e-12))
        return np.asarray(weight @ self._shifts[state])


def learn_stances(
    X: Array, labels: Array, n_classes: int, folds: Array, turned: Sequence[Turned]
) -> Stances:
    """Learn from embeddings (n, d) float32 and the sample's turned copies, state by state."""
    n, d = X.shape
    size = np.bincount(labels, minlength=n_classes + 1).astype(float)[:, None]
    size[-1] = 0  # the unlabelled are no class
    middle = X.mean(0, dtype=np.float64)
    sums = np.zeros((n_classes + 1, d))
    for label in np.unique(labels):
        sums[label] = X[labels == label].sum(0, dtype=np.float64)
    sums[-1] = 0
    centres = ((sums + 2 * middle) / (size + 2)).astype(np.float32)
    residual = X - centres[labels]
    scatter, count = residual.T @ residual, float(n)
    for copies in turned:
        if len(copies.rows):
            residual = copies.X - centres[labels[copies.rows]]
            residual -= residual.mean(0)
            scatter += residual.T @ residual
            count += len(copies.rows)
    covariance = scatter / np.float32(count)
    level = max(float(np.trace(covariance)) / d, 1e-6)
    covariance *= np.float32(1 - SHRINKAGE)
    covariance[np.diag_indices(d)] += np.float32(SHRINKAGE * level)
    root = np.linalg.cholesky(covariance)
    middle = middle.astype(np.float32)
    return Stances(folds, labels, n_classes, X, tuple(turned), centres, middle, root)


def logistic(score: Array, is_turned: Array, weight: Array) -> tuple[float, float]:
    """Slope and offset of the log-odds of "turned" given a score (n,); by Newton's method.

    A slight pull of the slope towards one and of the offset towards zero, in units of the scores'
    spread, keeps separable scores finite.
    """
    spread = float(np.sqrt(np.mean(np.square(score)))) or 1.0
    z = np.stack([score / spread, np.ones(len(score))])
    prior, found = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(50):
        chance = expit(found @ z)
        slope = z @ (weight * (chance - is_turned)) + 0.1 * (found - prior)
        bend = (z * (weight * chance * (1 - chance))) @ z.T + 0.1 * np.eye(2)
        step = np.clip(np.linalg.solve(bend, slope), -1, 1)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return float(found[0]) / spread, float(found[1])


def _unit(X: Array) -> Array:
    """Rows of length one; of next to no length where they have none."""
    return np.asarray(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9))


def _chunks(rows: Array) -> list[Array]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
