"""Labels that may be wrong: the chance for each, from witnesses that have not seen the label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints

Array = NDArray[np.float64]

STRANGERS = 0.1
"""The share of neighbours whose label is taken to say nothing."""

STRENGTH = 50.0
"""Images' worth of belief that every class has the same share of wrong labels."""

SPREAD = 1.0
"""Labels' worth of belief, a class, that wrong labels go to every other class alike."""

CELLS = 1_000_000
"""Images times classes that are fitted on, and looked at together."""

ROUNDS = 60
"""Rounds of expectation and maximisation; they stop where nothing moves any more."""

DROP = 1.92
"""Half of chi-squared's 95 % point with one degree of freedom."""


@dataclass(frozen=True)
class Noise:
    """How labels go wrong, and what the witnesses are worth.

    Attributes:
        weights: (3,) of the probabilities, of the neighbours' votes, and of the votes as draws
            from `transition`.
        transition: (n_classes, n_classes) chance that an image of one class bears the label of
            another.
        prior: (n_classes,) share of each label.
        n: images that the probabilities rest on.
        rate: expected share of wrong labels.
        rate_interval: its 95 % interval.
        odds_interval: factors of the odds of a wrong label that the data allows at 95 %.
    """

    weights: Array
    transition: Array
    prior: Array
    n: int
    rate: float
    rate_interval: tuple[float, float]
    odds_interval: tuple[float, float]

    def posterior(self, labels: Ints, probs: Floats, votes: Floats) -> Array:
        """(n, n_classes) chance of each class, given the label and the witnesses."""
        found = np.empty(probs.shape)
        for part in _blocks(*probs.shape):
            fixed = _fixed(probs[part], votes[part], self.prior, self.n)
            joint = self._belief(fixed, votes[part]) * self.transition[:, labels[part]].T
            found[part] = joint / joint.sum(axis=1, keepdims=True)
        return found

    def _belief(self, fixed: list[Array], votes: Floats) -> Array:
        return _softmax(self.weights, [*fixed, votes_as_draws(votes, self.transition)])


def scaled(chance: Floats, factor: float) -> Array:
    """(n,) the chance of being wrong, had labels gone wrong at `factor` times the odds."""
    wrong = chance * factor
    result: Array = wrong / np.maximum(wrong + 1 - chance, 1e-300)
    return result


def fit_noise(labels: Ints, probs: Floats, votes: Floats, order: Ints) -> Noise:
    """Learn how labels go wrong from images whose true class nobody knows.

    Idea: an image's true class t is hidden. What the witnesses make of it is a softmax over the
    classes of ``a log p_t + b log q_t + c sum_j q_j log T_tj``, with p the held-out probabilities,
    q the shares of labels among the neighbours, and T_tj the chance that an image of class t is
    labelled j. The third term reads the neighbours as draws from T: if a class loses two fifths
    of its labels to one other, six to four is plain evidence and no doubt. The label y is one more
    draw from T, so that its likelihood is ``sum_t belief_t T_ty``. Expectation-maximisation
    (Dempster et al. 1977) finds the weights by Newton's steps, drawn to (1, 0, 0) by a unit normal
    prior, and T by counting: the share of wrong labels of a class is shrunk to that of all by
    `STRENGTH` images, where they go to an even spread by one label each. What tells a wrong label
    from a hard image is how sure the witnesses are: an image at odds of two to one is expected to
    be wrong in a third of the cases, a plain one never. Two starts, trusting and sharp; the
    likelier end is taken. T as in Dawid and Skene (1979) and in confident learning (Northcutt et
    al. 2021), learnt with the belief as in Goldberger and Ben-Reuven (2017).

    The interval is where the likelihood, with the odds of a wrong label scaled for all classes
    together, falls by `DROP`, times what not knowing the weights adds by the information matrix.

    Not identified by probabilities that are exactly calibrated to the spoilt labels and differ in
    doubt from image to image as they would without a wrong label: those explain the labels by
    themselves, and too few are then found wrong.

    Not able to tell a systematic convention from noise: where a class is labelled otherwise more
    often than not, the label wins. Nor is it told of an error that the witnesses share.

    Args:
        labels: (n,) class numbers, at least two of them.
        probs: (n, n_classes) probabilities by a model that did not see the label.
        votes: (n, n_classes) share of each label among the neighbours; zero where there are none.
        order: (n,) the rows in an order of no meaning; of large data evenly spaced ones are used.
    """
    n, n_classes = probs.shape
    prior = np.bincount(labels, minlength=n_classes) / n
    most = min(n, max(CELLS // n_classes, 20 * n_classes))
    rows = order[np.linspace(0, n - 1, most).astype(int)]
    y, q = labels[rows], votes[rows].astype(np.float64)
    fixed = _fixed(probs[rows], q, prior, n)
    careful = np.full((n_classes, n_classes), 0.1 / (n_classes - 1))
    np.fill_diagonal(careful, 0.9)
    winners = np.eye(n_classes)[(fixed[0] + fixed[1]).argmax(axis=1)]
    ends = [
        _climb(y, q, fixed, np.array([1.0, 0.0, 0.0]), careful),
        _climb(y, q, fixed, np.array([5.0, 5.0, 0.0]), _count(winners, y)),
    ]
    weights, transition, _ = max(ends, key=lambda end: end[2])
    features = [*fixed, votes_as_draws(q, transition)]
    belief = _softmax(weights, features)
    own = np.diagonal(transition)[y]
    right = belief[np.arange(len(y)), y]
    likelihood = np.einsum("it,ti->i", belief, transition[:, y])
    wrong = np.maximum(likelihood - right * own, 0)
    interval = _interval(
        wrong, right, 1 - own, _doubt(weights, transition, y, features, belief, likelihood)
    )
    rate = float((wrong / likelihood).mean())
    low, high = (float(scaled(1 - own, f).mean() / (1 - own).mean()) for f in interval)
    return Noise(weights, transition, prior, n, rate, (rate * low, min(rate * high, 1.0)), interval)


def votes_as_draws(votes: Floats, transition: Array) -> Array:
    """(n, n_classes) mean log chance of the neighbours' labels, were this the true class."""
    n_classes = len(transition)
    known = np.log((1 - STRANGERS) * transition + STRANGERS / n_classes)
    return np.asarray(votes @ known.T, dtype=np.float64)


def _fixed(probs: Floats, votes: Floats, prior: Array, n: int) -> list[Array]:
    # A model that has seen n images cannot be surer than one in n; ten votes no surer than that.
    return [np.log((n * probs + prior) / (n + 1)), np.log((10 * votes + prior) / 11)]


def _blocks(n: int, n_classes: int) -> Iterator[slice]:
    step = max(CELLS // n_classes, 1)
    return (slice(start, start + step) for start in range(0, n, step))


def _softmax(weights: Array, features: list[Array]) -> Array:
    logits: Array = weights[0] * features[0]
    for weight, feature in zip(weights[1:], features[1:], strict=True):
        logits += weight * feature
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return np.maximum(logits, 1e-300)


def _count(shares: Array, labels: Ints) -> Array:
    """The transition matrix of (n, n_classes) shares of true classes, shrunk."""
    n_classes = shares.shape[1]
    counts = np.stack([shares[labels == c].sum(axis=0) for c in range(n_classes)], axis=1)
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    lost = counts.sum(axis=1)
    share = (lost + STRENGTH * lost.sum() / totals.sum()) / (totals + STRENGTH)
    share = np.clip(share, 1e-9, 1 - 1e-9)
    even = SPREAD * (1 - np.eye(n_classes))
    matrix: Array = share[:, None] * (counts + even) / (lost[:, None] + SPREAD * (n_classes - 1))
    matrix[np.arange(n_classes), np.arange(n_classes)] = 1 - share
    return matrix


def _climb(
    labels: Ints, votes: Array, fixed: list[Array], weights: Array, transition: Array
) -> tuple[Array, Array, float]:
    """Weights, transition matrix and log posterior at the end of the way up."""
    target = np.array([1.0, 0.0, 0.0])
    objective = -np.inf
    for _ in range(ROUNDS):
        features = [*fixed, votes_as_draws(votes, transition)]
        belief = _softmax(weights, features)
        joint = belief * transition[:, labels].T
        likelihood = joint.sum(axis=1, keepdims=True)
        objective = float(np.log(likelihood).sum() - ((weights - target) ** 2).sum() / 2)
        joint /= likelihood
        step = _newton(belief, joint, features, weights - target)
        # A Newton step from far away may overshoot; no weight moves by more than one.
        moved = step / max(1.0, float(np.abs(step).max()))
        renewed = _count(joint, labels)
        still = np.abs(moved).max() < 1e-5 and np.abs(renewed - transition).max() < 1e-7
        weights, transition = weights + moved, renewed
        if still:
            break
    return weights, transition, objective


def _newton(belief: Array, shares: Array, features: list[Array], excess: Array) -> Array:
    means = [(belief * f).sum(axis=1) for f in features]
    slope = np.array([np.vdot(shares - belief, f) for f in features]) - excess
    curve = np.eye(len(features))
    for i, f in enumerate(features):
        tilted = belief * f
        for j in range(i + 1):
            curve[i, j] += np.vdot(tilted, features[j]) - means[i] @ means[j]
            curve[j, i] = curve[i, j]
    return np.asarray(np.linalg.solve(curve, slope), dtype=np.float64)


def _doubt(
    weights: Array,
    transition: Array,
    labels: Ints,
    features: list[Array],
    belief: Array,
    likelihood: Array,
) -> float:
    """By what the variance of the wrong shares' scale grows since the weights are not known."""
    shares = belief * transition[:, labels].T / likelihood[:, None]
    own = shares[np.arange(len(labels)), labels]
    lost = 1 - np.diagonal(transition)[labels]
    slope = 1 - own - lost
    columns: list[Any] = [((shares - belief) * f).sum(axis=1) for f in features]
    gradients = np.column_stack([*columns, slope])
    information = gradients.T @ gradients + np.diag([1.0] * len(weights) + [1e-9])
    return float(max(np.linalg.inv(information)[-1, -1] * information[-1, -1], 1.0))


def _interval(wrong: Array, right: Array, lost: Array, doubt: float) -> tuple[float, float]:
    """Factors of the wrong labels' odds within which the log likelihood falls by no more."""
    factors = np.unique(np.r_[0.0, np.geomspace(1e-3, 1e3, 241), 1.0])
    heights = np.array(
        [
            (
                np.log(np.maximum(f * wrong + right * (1 - lost), 1e-300))
                - np.log(np.maximum(1 - lost + f * lost, 1e-300))
            ).sum()
            for f in factors
        ]
    )
    allowed = factors[heights >= heights.max() - DROP * doubt]
    return float(min(allowed.min(), 1.0)), float(max(allowed.max(), 1.0))
