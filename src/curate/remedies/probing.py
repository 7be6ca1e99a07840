"""Linear probes for asking what a changed image looks like, and what changed images would teach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curate.errors import RunError
from curate.findings import Evidence, Floats, Ints
from curate.numerics.choice import CHOOSING, LDA, PENALTIES, RIDGE
from curate.numerics.linear import ClosedForms, Linear, constant
from curate.numerics.moments import Moments, fold_moments, total
from curate.numerics.parallel import side_by_side
from curate.numerics.spaces import SCALINGS, Training
from curate.numerics.temperature import FLOOR, fit_temperature, log_loss

ALL = -1
"""The number of the probe that is trained on all train images; the folds are 0, 1, ..."""

TRAIN = "train, out-of-fold"
"""What images of train are called where probes judge them that did not see them."""

_Judges = list[tuple[int, Ints, Ints]]
"""Per fold that judges: its number, held-out rows, and their labels."""


@dataclass(frozen=True)
class Probes:
    """Linear probes of one method: one for each fold, trained on the others, and one of all train.

    Idea: as for the run's probabilities (`curate.inference.probe.out_of_fold`), on the run's own
    folds, but from the closed forms only: shrinkage LDA and ridge regression, on embeddings as
    they are and standardised, over all penalties, by held-out log loss. What they need to know of
    the images is a few sums (`Moments`), so that to train on changed copies too is to add the sums
    of the copies, see `curate.remedies.refitting`. Logistic regression, which the run may have
    chosen, would have to be trained anew for each candidate.

    A copy of an image of fold k belongs to fold k: the probe that judges it saw neither.

    Not a fine-tuned network: the embeddings stay as they are, and only what is read off them
    changes.

    Attributes:
        X: (n, d) embeddings of the images as they are.
        training: rows, labels and folds.
        method: `LDA` or `RIDGE`.
        scale: (d,) features are divided by it.
        shares: the moments of each fold, of the classes or of two clusters of each.
        penalty: one of `PENALTIES`.
        temperature: fitted to held-out logits.
        held_out_log_loss: of the judges of the penalty, train images as they are.
        fits: the probes that were needed so far, by fold, or `ALL`.
    """

    X: Floats
    training: Training
    method: str
    scale: NDArray[np.float64]
    shares: list[Moments]
    penalty: float
    temperature: float
    held_out_log_loss: float
    fits: dict[int, Linear] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, evidence: Evidence) -> Probes:
        """Choose and fit the probes of a run.

        Args:
            evidence: with embeddings, folds and labels.

        Raises:
            RunError: there are not two classes among the train images.
        """
        assert evidence.embeddings is not None
        assert evidence.folds is not None
        rows = np.flatnonzero((evidence.folds >= 0) & evidence.labelled)
        labels, folds = evidence.labels[rows], evidence.folds[rows]
        n_classes = len(evidence.class_names)
        if len(np.unique(labels)) < 2:
            raise RunError(
                "Expected labelled train images of at least two classes, to measure what an "
                f"augmentation does, found {len(np.unique(labels))}. Run `curate analyze` on a "
                "folder with train/CLASS/ images."
            )
        X = evidence.embeddings
        training = Training(rows, labels, folds, n_classes, int(folds.max()) + 1)
        shares = fold_moments(X, rows, labels, folds, n_classes, training.n_folds)
        judges = judges_of(training)
        best: Probes | None = None
        for scaling in SCALINGS:
            scale = _scale(scaling, total(shares))
            for found in fitted(X, training, scale, shares, judges, PENALTIES, (LDA, RIDGE)):
                if best is None or found.held_out_log_loss < best.held_out_log_loss:
                    best = found
        assert best is not None
        return best

    def logits(self, embeddings: Floats, rows: Ints) -> NDArray[np.float32]:
        """(m, n_classes) logits of copies (or originals) of some rows, by probes that saw neither.

        Args:
            embeddings: (m, d).
            rows: (m,) which image each is a copy of.
        """
        judge = np.full(len(self.X), ALL)
        judge[self.training.rows] = self.training.folds
        of = judge[rows]
        self._fit([int(k) for k in np.unique(of)])
        logits = np.empty((len(rows), self.training.n_classes), dtype=np.float32)
        for k in np.unique(of):
            mine = np.flatnonzero(of == k)
            logits[mine] = by_class(self.fits[int(k)], embeddings, mine, logits.shape[1])
        return logits

    def predictions(self, embeddings: Floats, rows: Ints) -> NDArray[np.int64]:
        """(m,) the likeliest classes; arguments as of `logits`."""
        found: NDArray[np.int64] = self.logits(embeddings, rows).argmax(axis=1)
        return found

    def pred_probs(self, embeddings: Floats, rows: Ints) -> NDArray[np.float32]:
        """(m, n_classes) probabilities; arguments as of `logits`."""
        scaled = self.logits(embeddings, rows)
        scaled -= scaled.max(axis=1, keepdims=True)
        scaled /= np.float32(self.temperature)
        np.maximum(scaled, np.float32(FLOOR), out=scaled)
        np.exp(scaled, out=scaled)
        scaled /= scaled.sum(axis=1, keepdims=True)
        return scaled

    def _fit(self, folds: list[int]) -> None:
        lacking = [k for k in folds if k not in self.fits]
        whole = total(self.shares)

        def fit(k: int) -> Linear:
            moments = whole if k == ALL else whole - self.shares[k]
            return _solutions(_forms(moments, self.scale), self.penalty, (self.method,))[0]

        self.fits.update(zip(lacking, side_by_side(fit, lacking), strict=True))


def evaluated(evidence: Evidence) -> tuple[Ints, str]:
    """The labelled images on which an augmentation is judged, and what they are.

    Those of val where it has labels, else those of train, out-of-fold. Never test: what is chosen
    by its labels could not be tested on them any more.
    """
    val = np.flatnonzero((evidence.splits == "val") & evidence.labelled)
    if len(val):
        return val, "val"
    return out_of_fold_train(evidence), TRAIN


def out_of_fold_train(evidence: Evidence) -> Ints:
    """The labelled train images that have a fold."""
    assert evidence.folds is not None
    return np.flatnonzero((evidence.folds >= 0) & evidence.labelled)


def fitted(
    X: Floats, training: Training, scale: NDArray[np.float64], shares: list[Moments],
    judges: _Judges, penalties: Sequence[float], methods: Sequence[str],
) -> list[Probes]:  # fmt: skip
    """Probes for each penalty and method, with their held-out log loss at its best temperature."""
    whole = total(shares)
    forms = side_by_side(
        lambda fold: _forms(whole - shares[fold], scale), [fold for fold, _, _ in judges]
    )
    labels = np.concatenate([labels for _, _, labels in judges])

    def judge(penalty: float) -> list[Probes]:
        solved = [_solutions(form, penalty, methods) for form in forms]
        found = []
        for i, method in enumerate(methods):
            logits = np.concatenate(
                [
                    by_class(fit[i], X, rows, training.n_classes)
                    for fit, (_, rows, _) in zip(solved, judges, strict=True)
                ]
            )
            temperature = fit_temperature(logits, labels)
            loss = log_loss(logits, labels, temperature)
            fits = {fold: fit[i] for fit, (fold, _, _) in zip(solved, judges, strict=True)}
            found.append(
                Probes(X, training, method, scale, shares, penalty, temperature, loss, fits)
            )
        return found

    return [found for row in side_by_side(judge, penalties) for found in row]


def by_class(linear: Linear, E: Floats, rows: Ints, n_classes: int) -> NDArray[np.float32]:
    """(m, n_classes) logits of some rows; where each class is two clusters, of either of them.

    LDA's logits are log densities, so that ``log(exp a + exp b)`` is the class's.
    """
    found = linear.logits(E, rows)
    if found.shape[1] == n_classes:
        return found
    found[:, ~linear.seen] = -np.inf
    both: NDArray[np.float32] = np.logaddexp(found[:, :n_classes], found[:, n_classes:])
    unseen = np.isneginf(both[:1]).ravel() if len(both) else np.zeros(n_classes, dtype=bool)
    both[:, unseen] = both[:, ~unseen].min(axis=1, keepdims=True) if not unseen.all() else 0.0
    return both


def _forms(moments: Moments, scale: NDArray[np.float64]) -> ClosedForms | Linear:
    if int((moments.counts > 0).sum()) < 2:
        return constant(moments)
    return ClosedForms.of(moments, scale)


def _solutions(form: ClosedForms | Linear, penalty: float, methods: Sequence[str]) -> list[Linear]:
    if isinstance(form, Linear):
        return [form] * len(methods)
    both = form.solve(penalty)
    return [both[method == RIDGE] for method in methods]


def judges_of(training: Training) -> _Judges:
    """The folds that choose the penalty: from the first on, until there are enough images.

    A row whose class the other folds lack is no judge: no candidate could be right about it.
    """
    counts = np.zeros((training.n_folds, training.n_classes), dtype=np.int64)
    np.add.at(counts, (training.folds, training.labels), 1)
    known = (counts.sum(axis=0) - counts)[training.folds, training.labels] > 0
    judges: _Judges = []
    for fold in range(training.n_folds):
        mine = np.flatnonzero(known & (training.folds == fold))
        judges.append((fold, training.rows[mine], training.labels[mine]))
        if sum(len(rows) for _, rows, _ in judges) >= CHOOSING:
            break
    return judges


def _scale(scaling: str, whole: Moments) -> NDArray[np.float64]:
    """(d,) one scale for all features, or each its own; see `curate.numerics.spaces`."""
    own = np.sqrt(whole.variance)
    middle = float(np.sqrt(whole.variance.mean())) or 1.0
    # A feature that does not vary is divided by what the others are.
    varies = (own > 1e-5 * middle) & (scaling != SCALINGS[0])
    scale: NDArray[np.float64] = np.where(varies, own, middle)
    return scale
