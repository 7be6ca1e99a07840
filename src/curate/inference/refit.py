"""The probe of a run once more, to predict images that were not in the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.inference.probe import to_probabilities
from curate.numerics.choice import LOGISTIC, Choice
from curate.numerics.linear import Linear
from curate.numerics.logistic import Logistic
from curate.numerics.spaces import Space, Training, spaces


@dataclass(frozen=True)
class Refitted:
    """The linear probe of all train images.

    Attributes:
        linear: from an embedding to logits.
        temperature: fitted to out-of-fold logits when the run was made.
        n_seen: images it was fitted to.
    """

    linear: Linear
    temperature: float
    n_seen: int

    def pred_probs(self, embeddings: Floats) -> NDArray[np.float32]:
        """(m, n_classes) probabilities, as the run gave them to its val and test images.

        A class without a train image has the least probability of the others, divided by twice the
        images that were seen; see `curate.inference.probe.out_of_fold`.
        """
        rows = np.arange(len(embeddings))
        logits = self.linear.logits(embeddings, rows)
        to_probabilities(logits, rows, self.temperature, self.linear.seen, self.n_seen)
        return logits


def refit(
    embeddings: Floats, labels: Ints, folds: Ints, n_classes: int, info: Mapping[str, Any]
) -> Refitted:
    """Fit the probe that a run recorded to all of its train images.

    Method, scaling, regularisation and temperature are those that the run chose: nothing is chosen
    anew, and the probe is the one that predicted its val and test images.

    Args:
        embeddings: (n, d) of the run; may be a memory map.
        labels: (n,) class numbers that the run went by.
        folds: (n,) of the run, -1 for what was not trained on; at least one that is not.
        n_classes: how many classes the run has.
        info: `curate.inference.probe.Probe.info`, as run.json has it.
    """
    rows = np.flatnonzero(folds >= 0)
    own = folds[rows].astype(np.int64)
    X, training = np.asarray(embeddings[rows], dtype=np.float32), labels[rows]
    d = X.shape[1]
    basis = np.empty((0, d), dtype=np.float32)
    if len(rows) < d:
        # Weights are found in the rows' own span; where these points fall in it, tells how any
        # other does.
        mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        basis = mean + np.concatenate([np.zeros((1, d)), np.eye(d)]).astype(np.float32)
    one = Training(np.arange(len(rows)), training, own, n_classes, int(own.max()) + 1)
    space = next(
        found
        for found in spaces(np.concatenate([X, basis]), one)
        if found.scaling == info["scaling"]
    )
    choice = Choice(
        one, _seen(one), {}, method=info["method"], space=space, value=info["regularisation"]
    )
    if choice.method == LOGISTIC:
        choice.logistic = Logistic.of(space, one)
    linear = choice.fit([None])[0]
    if len(basis):
        linear = _in_embeddings(linear, space, basis[0], len(rows))
    return Refitted(linear, float(info["temperature"]), len(rows))


def _seen(training: Training) -> Bools:
    counts = np.zeros((training.n_folds, training.n_classes), dtype=np.int64)
    np.add.at(counts, (training.folds, training.labels), 1)
    seen: Bools = (counts.sum(axis=0) - counts) > 0
    return seen


def _in_embeddings(linear: Linear, space: Space, mean: Floats, n: int) -> Linear:
    """The same classifier on embeddings in place of the space's coordinates."""
    points = np.asarray(space.X[n:], dtype=np.float64)
    at_mean, along = points[0], points[1:] - points[0]
    weights = linear.weights.astype(np.float64)
    offset = linear.offset + weights @ (at_mean - linear.center)
    return Linear(
        np.asarray(mean, dtype=np.float32), (along @ weights.T).T.astype(np.float32),
        offset.astype(np.float32), linear.seen,
    )  # fmt: skip
