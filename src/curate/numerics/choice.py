"""Which linear classifier, scaling and regularisation suit the data at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.linear import ClosedForms, Linear, constant
from curate.numerics.logistic import Logistic
from curate.numerics.parallel import side_by_side
from curate.numerics.spaces import Space, Training, spaces
from curate.numerics.temperature import fit_temperature, log_loss

LDA, RIDGE, LOGISTIC = "shrinkage LDA", "ridge regression", "logistic regression"

PENALTIES = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Of the closed forms, relative to the mean variance within classes."""

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisations of the logistic regression, from strong to weak."""

CHOOSING = 4000
"""Held-out images on which the choice is made: as many folds as it takes, or all of them."""

CHOOSING_LOGITS = 4_000_000
"""Held-out images x classes on which it is made, so that many classes take no longer; but at least
1,000 images."""

LOGISTIC_WORK = 8e10
"""Images x features x (classes + 100) x fits up to which logistic regression is tried, a minute or
two of one core; the 100 stands for reading the images, which few classes do not make cheaper. A
bound on work and not on time, so that every machine makes the same choice."""

LOGISTIC_ENTRIES = 2.5e8
"""Images x features up to which it is tried: its one copy of them is then 1 GB."""


@dataclass
class Choice:
    """The best candidate, and all that were tried.

    Attributes:
        training: what it is fitted to.
        seen: (n_folds, n_classes) classes that the rows outside a fold have.
        judges: per fold, the held-out rows on which candidates are compared, and their labels.
        loss: held-out log loss of the best.
        method: `LDA`, `RIDGE` or `LOGISTIC`.
        space: the coordinates.
        value: the regularisation, one of `PENALTIES` or `STRENGTHS`.
        tried: held-out log losses, by method and scaling, then by regularisation.
        not_tried: by method, why.
        kept: fits of the logistic regression, which are too dear to be made twice.
    """

    training: Training
    seen: Bools
    judges: dict[int, tuple[Ints, Ints]]
    loss: float = float("inf")
    method: str = LDA
    space: Space | None = None
    value: float = 1.0
    tried: dict[str, dict[str, float]] = field(default_factory=dict)
    not_tried: dict[str, str] = field(default_factory=dict)
    logistic: Logistic | None = None
    kept: dict[tuple[int | None, float], Linear] = field(default_factory=dict)

    def fit(self, folds: Sequence[int | None]) -> list[Linear]:
        """The chosen classifier, trained on the rows outside each fold, or on all for None."""
        assert self.space is not None
        space, fits = self.space, dict[int | None, Linear]()
        if self.method == LOGISTIC:
            assert self.logistic is not None
            fits = {fold: fit for (fold, value), fit in self.kept.items() if value == self.value}
            lacking = [k for k in folds if k not in fits and self._can_fit(k)]
            tasks = [(fold, self.value) for fold in lacking]
            fits.update(zip(lacking, self.logistic.fit(tasks), strict=True))

        def fit(fold: int | None) -> Linear:
            if fold in fits:
                return fits[fold]
            moments = space.without(fold)
            if not self._can_fit(fold):
                return constant(moments)
            return ClosedForms.of(moments, space.scale).solve(self.value)[self.method == RIDGE]

        return side_by_side(fit, folds)

    def _can_fit(self, fold: int | None) -> bool:
        """Whether there are two classes outside the fold."""
        known = self.seen.any(axis=0) if fold is None else self.seen[fold]
        return int(known.sum()) > 1

    def try_closed_forms(self, space: Space) -> None:
        """Compare shrinkage LDA and ridge regression in one space, over all penalties."""
        forms = side_by_side(
            lambda fold: ClosedForms.of(space.without(fold), space.scale), self.judges
        )

        def held_out(task: tuple[float, ClosedForms, int]) -> list[NDArray[np.float32]]:
            penalty, form, fold = task
            return [fit.logits(space.X, self.judges[fold][0]) for fit in form.solve(penalty)]

        tasks = [
            (penalty, form, fold)
            for penalty in PENALTIES
            for fold, form in zip(self.judges, forms, strict=True)
        ]
        found = side_by_side(held_out, tasks)
        for i, method in enumerate((LDA, RIDGE)):
            self._judge(method, space, PENALTIES, [pair[i] for pair in found])
        if self.space is None:
            self.space = space

    def try_logistic(self) -> None:
        """Compare logistic regression in the space that is best so far, where it is quick enough.

        It takes the scaling of the closed forms, since the three agree on it.
        """
        space, folds = self.space, list(self.judges)
        assert space is not None
        n, d, k = len(self.training.rows), space.X.shape[1], self.training.n_classes
        fits = len(STRENGTHS) * len(folds) + self.training.n_folds + 1
        if float(n) * d * (k + 100) * fits > LOGISTIC_WORK or float(n) * d > LOGISTIC_ENTRIES:
            self.not_tried[LOGISTIC] = (
                f"{n} images x {d} features x {k} classes x {fits} fits would take too long"
            )
        elif folds:
            self.logistic = Logistic.of(space, self.training)
            tasks = [(fold, strength) for strength in STRENGTHS for fold in folds]
            self.kept.update(zip(tasks, self.logistic.fit(tasks), strict=True))
            found = [
                fit.logits(space.X, self.judges[fold][0])
                for (fold, _), fit in zip(tasks, self.kept.values(), strict=True)
            ]
            self._judge(LOGISTIC, space, STRENGTHS, found)

    def _judge(
        self,
        method: str,
        space: Space,
        values: Sequence[float],
        found: list[NDArray[np.float32]],
    ) -> None:
        """Judge candidates by their logits, value by value and fold by fold; the first wins a tie.

        Each is judged at its own best temperature, since the chosen one gets its own too.
        """
        if not self.judges:
            return
        labels = np.concatenate([labels for _, labels in self.judges.values()])

        def loss(i: int) -> float:
            logits = np.concatenate(found[i * len(self.judges) : (i + 1) * len(self.judges)])
            return log_loss(logits, labels, fit_temperature(logits, labels))

        losses = side_by_side(loss, range(len(values)))
        self.tried[f"{method}, {space.scaling}"] = {
            f"{value:g}": round(one, 6) for value, one in zip(values, losses, strict=True)
        }
        best = int(np.argmin(losses))
        if losses[best] < self.loss:
            self.loss, self.method, self.space = losses[best], method, space
            self.value = values[best]


def choose(X: Floats, training: Training, update: Callable[[], object]) -> Choice:
    """Compare all candidates by held-out log loss, each at its own best temperature.

    A row whose class the other folds lack is no judge: no candidate could be right about it.
    Where there is no judge at all, the choice is LDA with equal parts of scatter and identity.

    Args:
        X: (n, d).
        training: rows, labels and folds.
        update: called three times, as the work goes on.
    """
    counts = np.zeros((training.n_folds, training.n_classes), dtype=np.int64)
    np.add.at(counts, (training.folds, training.labels), 1)
    seen = (counts.sum(axis=0) - counts) > 0
    choice = Choice(training, seen, _judges(training, seen))
    for space in spaces(X, training):
        choice.try_closed_forms(space)
        update()
    choice.try_logistic()
    update()
    return choice


def _judges(training: Training, seen: Bools) -> dict[int, tuple[Ints, Ints]]:
    """Per fold, rows to compare candidates on: folds from the first, until there are enough."""
    good = seen[training.folds, training.labels] & (seen.sum(axis=1) > 1)[training.folds]
    folds: list[Ints] = []
    for fold in range(training.n_folds):
        mine: Ints = np.flatnonzero(good & (training.folds == fold))
        if len(mine):
            folds.append(mine)
        if sum(map(len, folds)) >= CHOOSING:
            break
    most = min(CHOOSING, max(1000, CHOOSING_LOGITS // training.n_classes))
    share = min(1.0, most / max(sum(map(len, folds)), 1))
    judges = {}
    for mine in folds:
        evenly = np.linspace(0, len(mine) - 1, max(1, round(share * len(mine)))).astype(int)
        fold = int(training.folds[mine[0]])
        judges[fold] = (training.rows[mine[evenly]], training.labels[mine[evenly]])
    return judges
