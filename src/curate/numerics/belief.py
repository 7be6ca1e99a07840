"""What witnesses make of an image's class, on plain images and on those where they mislead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats

Array = NDArray[np.float64]

PLAIN = (np.array([1.0, 0.0, 0.0]), 1.0)
"""Where the weights are drawn to, and how loosely: the probabilities are taken at their word."""

HARD = (np.array([0.5, 0.5, 0.0]), 0.5)
"""The same where an image is hard: each witness is worth half, the third nothing."""

DOUBT = (np.array([-3.5, 0.0]), 1.0)
"""Log odds that an image is hard, 3 in 100 give or take a factor of 7, whatever it looks like."""

CLASSES = 0.5
"""How far a class's own scale and bias may lie from those of all."""


@dataclass(frozen=True)
class Witnesses:
    """What is known about images besides their labels.

    Attributes:
        log_probs: (n, n_classes) of the held-out probabilities.
        log_votes: (n, n_classes) of the shares of labels among the neighbours.
        votes: (n, n_classes) the shares themselves.
        strange: (n,) how far from its neighbours an image lies, as a standard normal score.
    """

    log_probs: Array
    log_votes: Array
    votes: Array
    strange: Array

    def features(self, draws: Array) -> list[Array]:
        """The three terms of the belief."""
        return [self.log_probs, self.log_votes, draws]

    def __getitem__(self, rows: slice) -> Witnesses:
        """Those of some images."""
        return Witnesses(
            self.log_probs[rows], self.log_votes[rows], self.votes[rows], self.strange[rows]
        )


@dataclass(frozen=True)
class Parts:
    """The belief in each class if the image is plain, and if it is hard, and the chance of that."""

    plain: Array
    hard: Array
    doubt: Array

    def both(self) -> Array:
        """(n, n_classes) the belief, whether plain or hard."""
        doubt = self.doubt[:, None]
        result: Array = (1 - doubt) * self.plain + doubt * self.hard
        return result

    def shares(self, chance: Array) -> tuple[Array, Array, Array]:
        """Of each class with either part, given the label's chance in it; and the likelihood."""
        plain = self.plain * chance * (1 - self.doubt)[:, None]
        hard = self.hard * chance * self.doubt[:, None]
        likelihood = plain.sum(axis=1) + hard.sum(axis=1)
        plain /= likelihood[:, None]
        hard /= likelihood[:, None]
        return plain, hard, likelihood


@dataclass(frozen=True)
class Belief:
    """How the witnesses are weighed.

    Idea: on a plain image the belief in class t is a softmax of ``a log p_t + b log q_t + c d_t``,
    with p the held-out probabilities, q the shares of labels among the neighbours and d those
    labels' mean log chance, were t the class. Each class has a scale of its log p_t and a bias of
    its own (vector scaling, Guo et al. 2017): else a class that the model mixes up with another
    more often than it says would be taken for one that is labelled wrongly. On a hard image it is
    a softmax of the same terms with weights of their own, which are drawn to half; so a model
    that is sure and mistaken does not have to be explained by the label. Whether an image is hard
    is a logistic regression on how strange it is, since wrong labels are as likely among the usual
    images as among the strange, and mistakes are not. A mixture of experts (Jacobs et al. 1991).
    No weight is below zero: a witness is not believed to speak against what it saw.

    Attributes:
        plain: (3,) a, b and c.
        hard: (3,) the same for hard images.
        doubt: (2,) log odds of being hard at the median of strangeness, and what a deviation adds.
        classes: (2, n_classes) scale and bias of each class, as differences from those of all.
    """

    plain: Array
    hard: Array
    doubt: Array
    classes: Array

    @staticmethod
    def start(plain: Array, n_classes: int) -> Belief:
        """To be improved from these weights for plain images."""
        return Belief(plain, HARD[0].copy(), DOUBT[0].copy(), np.zeros((2, n_classes)))

    def of(self, witnesses: Witnesses, draws: Array) -> Parts:
        """What the witnesses say.

        Args:
            witnesses: of n images.
            draws: (n, n_classes) mean log chance of the neighbours' labels, were this the class.
        """
        features = witnesses.features(draws)
        scale, bias = self.classes
        plain = (self.plain[0] + scale) * features[0] + bias
        hard = self.hard[0] * features[0]
        for i in (1, 2):
            plain += self.plain[i] * features[i]
            hard += self.hard[i] * features[i]
        logit = self.doubt[0] + self.doubt[1] * witnesses.strange
        return Parts(softmax(plain), softmax(hard), 1 / (1 + np.exp(-logit)))

    def log_prior(self) -> float:
        """Of all weights, up to a constant."""
        pulls = ((self.plain, PLAIN), (self.hard, HARD), (self.doubt, DOUBT))
        fall = sum(float((((x - at) / spread) ** 2).sum()) for x, (at, spread) in pulls)
        return -(fall + float((self.classes**2).sum()) / CLASSES**2) / 2

    def improved(
        self, witnesses: Witnesses, draws: Array, parts: Parts, shares: tuple[Array, Array]
    ) -> Belief:
        """One Newton step for each part, given the shares that the images have in them."""
        features, n_classes = witnesses.features(draws), len(draws[0])
        at = np.concatenate([PLAIN[0], np.zeros(2 * n_classes)])
        pull = np.concatenate([np.full(3, PLAIN[1] ** -2), np.full(2 * n_classes, CLASSES**-2)])
        now = np.concatenate([self.plain, self.classes.ravel()])
        plain = _step(parts.plain, shares[0], features, now, at, pull)
        pull = np.full(3, HARD[1] ** -2)
        hard = _step(parts.hard, shares[1], features, self.hard, HARD[0], pull)
        X = np.column_stack([np.ones(len(draws)), witnesses.strange])
        slope = X.T @ (shares[1].sum(axis=1) - parts.doubt)
        slope -= (self.doubt - DOUBT[0]) / DOUBT[1] ** 2
        curve = (X * (parts.doubt * (1 - parts.doubt))[:, None]).T @ X + np.eye(2) / DOUBT[1] ** 2
        doubt = self.doubt + _capped(np.linalg.solve(curve, slope))
        return Belief(plain[:3], hard, doubt, plain[3:].reshape(2, n_classes))

    def gradients(
        self, witnesses: Witnesses, draws: Array, parts: Parts, shares: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        """(n, weights) slope of each image's log likelihood, and what the prior knows of each."""
        features = witnesses.features(draws)
        excess = shares[0] - shares[0].sum(axis=1, keepdims=True) * parts.plain
        doubtful = shares[1].sum(axis=1, keepdims=True)
        other = shares[1] - doubtful * parts.hard
        lean = doubtful - parts.doubt[:, None]
        columns = [np.column_stack([(excess * f).sum(axis=1) for f in features])]
        columns += [np.column_stack([(other * f).sum(axis=1) for f in features])]
        columns += [lean, lean * witnesses.strange[:, None], excess * features[0], excess]
        known = [PLAIN[1] ** -2] * 3 + [HARD[1] ** -2] * 3 + [DOUBT[1] ** -2] * 2
        return np.hstack(columns), np.array(known + [CLASSES**-2] * self.classes.size)


def normal_scores(values: Floats) -> Array:
    """(n,) where each value would lie if they were drawn from a standard normal (Blom 1958)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores: Array = ndtri((rankdata(values) - 0.375) / (len(values) + 0.25))
    return scores


def softmax(logits: Array) -> Array:
    """Along the rows, in place; never quite zero."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return np.maximum(logits, 1e-300, out=logits)


def _step(
    belief: Array, shares: Array, features: list[Array], now: Array, at: Array, pull: Array
) -> Array:
    """Newton's step of three weights that stay above zero and, if `now` has them, of the classes'.

    Args:
        belief: (n, n_classes) softmax at `now`.
        shares: (n, n_classes) what it should be; rows sum to the image's share in this part.
        features: of the three weights; the first is also what the classes' scales multiply.
        now: the weights.
        at: where the prior draws them.
        pull: and how strongly, as precisions.
    """
    heavy = belief * shares.sum(axis=1, keepdims=True)
    excess = shares - heavy
    slope = [float(np.vdot(excess, f)) for f in features]
    means = np.column_stack([(belief * f).sum(axis=1) for f in features])
    mass = shares.sum(axis=1)
    curve = np.diag(pull)
    curve[:3, :3] -= (means * mass[:, None]).T @ means
    for i, f in enumerate(features):
        for j, g in enumerate(features):
            curve[i, j] += np.vdot(heavy * f, g)
    if len(now) > 3:
        size, first = belief.shape[1], features[0]
        slope += [*(excess * first).sum(axis=0), *excess.sum(axis=0)]
        own, weighted = np.hstack([belief * first, belief]), np.hstack([heavy * first, heavy])
        curve[3:, 3:] -= weighted.T @ own
        c = 3 + np.arange(size)
        curve[c, c] += (heavy * first**2).sum(axis=0)
        curve[c + size, c + size] += heavy.sum(axis=0)
        curve[c, c + size] += (heavy * first).sum(axis=0)
        curve[c + size, c] += (heavy * first).sum(axis=0)
        for i, f in enumerate(features):
            cross = np.concatenate([(heavy * f * first).sum(axis=0), (heavy * f).sum(axis=0)])
            cross -= means[:, i] @ weighted
            curve[i, 3:] += cross
            curve[3:, i] += cross
    rise = np.array(slope) - pull * (now - at)
    free = np.ones(len(now), dtype=bool)
    free[:3] = (now[:3] > 0) | (rise[:3] > 0)
    step = np.zeros(len(now))
    step[free] = np.linalg.solve(curve[np.ix_(free, free)], rise[free])
    moved = now + _capped(step)
    moved[:3] = np.maximum(moved[:3], 0)
    return moved


def _capped(step: Floats) -> Array:
    # A Newton step from far away may overshoot; no weight moves by more than one.
    return np.asarray(step / max(1.0, float(np.abs(step).max())), dtype=np.float64)
