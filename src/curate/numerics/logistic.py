"""Multinomial logistic regression that leaves a fold out without a copy of the others."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.numerics.linear import Linear
from curate.numerics.parallel import side_by_side
from curate.numerics.spaces import Space, Training

MAX_ITER = 300


@dataclass(frozen=True)
class Logistic:
    """scikit-learn's logistic regression on one standardised float32 copy of the training rows.

    Rows of the fold that is held out have weight zero, so that all folds share the copy.

    Attributes:
        X: (m, d) training rows, centred and divided by the space's scale.
        space: where they come from.
        training: their labels and folds.
    """

    X: NDArray[np.float32]
    space: Space
    training: Training

    @classmethod
    def of(cls, space: Space, training: Training) -> Logistic:
        """Copy and scale the training rows of a space."""
        X = np.array(space.X[training.rows], dtype=np.float32)
        X -= space.whole.center.astype(np.float32)
        X /= space.scale.astype(np.float32)
        return cls(X, space, training)

    def fit(self, tasks: Iterable[tuple[int | None, float]]) -> list[Linear]:
        """Fit to the rows outside a fold, of at least two classes, for each task.

        Args:
            tasks: the fold to leave out, None for none, and the inverse of the L2 penalty,
                scikit-learn's C.
        """
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            # Such an optimum ranks images as the exact one does.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return side_by_side(lambda task: self._fit(*task), tasks)

    def _fit(self, fold: int | None, strength: float) -> Linear:
        from sklearn.linear_model import LogisticRegression

        labels = self.training.labels
        inside = np.ones(len(labels), dtype=bool) if fold is None else self.training.folds != fold
        seen = np.bincount(labels[inside], minlength=self.training.n_classes) > 0
        X, y, weight = self.X, labels, inside.astype(np.float32)
        if not seen[labels].all():
            # A class that is in this fold alone would be fitted too, by nothing.
            X, y, weight = X[inside], y[inside], weight[inside]
        model = LogisticRegression(C=strength, max_iter=MAX_ITER)
        model.fit(X, y, sample_weight=weight)
        coefficients, intercept = model.coef_, model.intercept_
        if len(model.classes_) == 2:
            coefficients = np.vstack([-coefficients / 2, coefficients / 2])
            intercept = np.concatenate([-intercept / 2, intercept / 2])
        weights = np.zeros((len(seen), len(self.space.scale)), dtype=np.float32)
        offset = np.zeros(len(seen), dtype=np.float32)
        weights[model.classes_] = coefficients / self.space.scale
        offset[model.classes_] = intercept
        return Linear(self.space.whole.center.astype(np.float32), weights, offset, seen)
