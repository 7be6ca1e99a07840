"""Out-of-fold linear scores of differences, and the chances they stand for.

A difference of two views of one thing (an image less its turned copy) changes sign when the thing
itself is turned. A linear score without an offset then does the same: it cannot prefer one side
on its own account. `Discriminant` learns such scores on the assumption that most rows are the
right way round, and calibrates them by a mixture in which a few are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit

Array = NDArray[Any]

TEMPERATURES = np.exp(np.linspace(-4, 4, 25))
SHRINKAGES = (0.03, 0.1, 0.3, 0.6)
CLASS_WEIGHTS = (3.0, 10.0, 30.0, 100.0, np.inf)
LOG_TEMPERATURE_SD = 0.7


@dataclass(frozen=True)
class Fit:
    """Out-of-fold log-odds (n,) of a difference, and of another difference by the same weights."""

    log_odds: Array
    also: Array
    shrinkage: float
    kappa: float

    def rows(self, order: Array) -> Fit:
        """The same, in another order of rows."""
        return replace(self, log_odds=self.log_odds[order], also=self.also[order])


@dataclass(frozen=True)
class Discriminant:
    """Shrunk linear discriminants w = S^-1 m of differences, out of fold, class by class.

    S is the covariance of the differences shrunk towards a multiple of the identity, and m the
    mean of the row's class shrunk towards that of all: n_class / (n_class + kappa) of the former.

    Attributes:
        folds: (n,) a row is scored by weights from the other folds.
        labels: (n,) class of each row; `n_classes` for rows that belong to none.
        n_classes: how many classes there are.
    """

    folds: Array
    labels: Array
    n_classes: int

    def fit(
        self,
        X: Array,
        weight: Array | None = None,
        also: Array | None = None,
        like: Fit | None = None,
    ) -> Fit:
        """Score X (n, d), and `also` by the same weights; rows count by `weight`.

        Shrinkage and the trust in class means are those of `like`, or those under which the
        out-of-fold scores are likeliest.
        """
        weight = np.ones(len(X)) if weight is None else weight
        shrinkages = SHRINKAGES if like is None else (like.shrinkage,)
        kappas = CLASS_WEIGHTS if like is None else (like.kappa,)
        scores, sizes = self._scores(X, weight, also, shrinkages)
        best, found = -np.inf, None
        for shrinkage, (common, own) in zip(shrinkages, scores, strict=True):
            for kappa in kappas:
                mixed = common + sizes / (sizes + kappa) * (own - common)
                likelihood, temperature = temperatures(mixed[0], self.labels, self.n_classes + 1)
                if found is None or likelihood > best:
                    mixed *= temperature[self.labels]
                    best, found = likelihood, Fit(mixed[0], mixed[1], shrinkage, kappa)
        assert found is not None
        return found

    def _scores(
        self, X: Array, weight: Array, also: Array | None, shrinkages: Sequence[float]
    ) -> tuple[list[tuple[Array, Array]], Array]:
        """Per shrinkage the scores by the common mean and by the class's own, and class sizes.

        Scores are (2, n): of X, and of `also` (zeros without it).
        """
        n_folds, d = int(self.folds.max()) + 1, X.shape[1]
        n = len(X)
        moments = np.zeros((n_folds, d, d), dtype=np.float32)
        sums = np.zeros((n_folds, self.n_classes + 1, d), dtype=np.float32)
        counts = np.zeros((n_folds, self.n_classes + 1))
        for k in range(n_folds):
            mine = np.flatnonzero(self.folds == k)
            mine = mine[np.argsort(self.labels[mine], kind="stable")]
            part = X[mine] * np.sqrt(weight[mine, None]).astype(np.float32)
            moments[k] = part.T @ part
            part *= np.sqrt(weight[mine, None]).astype(np.float32)
            present, starts = np.unique(self.labels[mine], return_index=True)
            sums[k, present] = np.add.reduceat(part, starts, axis=0)
            counts[k] = np.bincount(self.labels[mine], weight[mine], self.n_classes + 1)
        moment, total, count = moments.sum(0), sums.sum(0), counts.sum(0)

        found = [(np.zeros((2, n)), np.zeros((2, n))) for _ in shrinkages]
        sizes = np.zeros(n)
        for k in range(n_folds):
            mine = np.flatnonzero(self.folds == k)
            label = self.labels[mine]
            size = np.maximum(count - counts[k], 0)
            size[-1] = 0  # the unlabelled are no class
            weights = max(float((count - counts[k]).sum()), 1e-6)
            sizes[mine] = size[label]
            mean = (total - sums[k]).sum(0) / weights
            own = (total - sums[k]) / np.maximum(size, 1e-6)[:, None]
            targets = np.vstack([mean, np.where(size[:, None] > 1e-6, own, mean)]).T.astype(
                np.float32
            )
            cov = (moment - moments[k]) / np.float32(weights) - np.outer(mean, mean)
            # Rows that hardly differ leave a difference of large numbers, which rounding may turn
            # negative: below a share of the mean's own square nothing is known of their spread.
            level = max(float(np.trace(cov)) / d, 1e-4 * float(mean @ mean), 1e-6)
            for shrinkage, (common, by_class) in zip(shrinkages, found, strict=True):
                shrunk = (1 - shrinkage) * cov
                shrunk[np.diag_indices(d)] += shrinkage * level
                W = cho_solve(cho_factor(shrunk, overwrite_a=True), targets).T
                for i, source in enumerate((X, also)):
                    if source is not None:
                        part = source[mine]
                        common[i, mine] = part @ W[0]
                        by_class[i, mine] = np.einsum("ij,ij->i", part, W[1:][label])
        return found, sizes


def temperatures(score: Array, labels: Array, n_classes: int) -> tuple[float, Array]:
    """The likelihood, and per class the temperature, of a mixture of right and turned images.

    An image is as it should be with chance 1 - pi, and then its score counts as
    log q = log_sigmoid(t s); else log_sigmoid(-t s). Maximised over pi and the common t, then
    over each class's t with a normal prior on log t around the common one. The common one has a
    wide prior around 2 median / variance, what two Gaussians would have: where the two sides lie
    far apart no score is in doubt, and the likelihood alone cannot tell one t from another.
    """
    # Scores of different shrinkage differ in size; their spread makes one grid fit all.
    spread = float(np.sqrt(np.mean(np.square(score))))
    grid = TEMPERATURES / spread if spread > 0 else TEMPERATURES
    z = score[:, None] * grid
    right, turned = log_expit(z), log_expit(-z)
    pi = np.full(len(grid), 0.02)
    for _ in range(12):
        odds = turned - right + np.log(pi) - np.log1p(-pi)
        pi = (expit(odds).sum(0) + 0.5) / (len(score) + 10.0)
    rows = np.logaddexp(right + np.log1p(-pi), turned + np.log(pi))
    middle = float(np.median(score))
    deviation = 1.4826 * float(np.median(np.abs(score - middle)))
    gaussian = 2 * max(middle, 1e-9) / max(deviation, 0.1 * spread, 1e-9) ** 2
    guess = np.clip(np.log(gaussian), np.log(grid[0]), np.log(grid[-1]))
    best = int((rows.sum(0) - 0.5 * np.square(np.log(grid) - guess)).argmax())
    share = pi[best]
    rows = np.logaddexp(right + np.log1p(-share), turned + np.log(share))
    by_class = np.zeros((n_classes, len(grid)))
    np.add.at(by_class, labels, rows)
    offset = np.log(grid) - np.log(grid[best])
    chosen = (by_class - 0.5 * np.square(offset / LOG_TEMPERATURE_SD)).argmax(1)
    likelihood = float(by_class[np.arange(n_classes), chosen].sum())
    return likelihood, grid[chosen]
