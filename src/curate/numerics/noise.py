"""Labels that may be wrong: the chance for each, from witnesses that have not seen the label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.belief import Belief, Witnesses
from curate.numerics.intervals import Z95, wilson_bounds

Array = NDArray[np.float64]

STRANGERS = 0.1
"""The share of neighbours whose label is taken to say nothing."""

STRENGTH = 50.0
"""Images' worth of belief that every class has the same share of wrong labels."""

SPREAD = 1.0
"""Labels' worth of belief, a class, that wrong labels go to every other class alike."""

CELLS = 500_000
"""Images times classes that are fitted on, and looked at together."""

ROUNDS = 40
"""Rounds of expectation and maximisation; they stop where nothing moves any more."""

FIRST = 12
"""Rounds after which the starts are compared."""

DROP = 1.92
"""Half of chi-squared's 95 % point with one degree of freedom."""

SUREST = (0.1, 0.25, 0.5, 1.0)
"""Shares of each class's images, the surest, whose labels bound how many can be wrong."""

LEAST_OF_FOUR = 2.5
"""Deviations by which the least of so many upper ends holds at 97.5 % (Bonferroni)."""

NEVER = 1e-6
"""The share of wrong labels that stands for none."""


@dataclass(frozen=True)
class Noise:
    """How labels go wrong, and what the witnesses are worth.

    Attributes:
        belief: how the witnesses are weighed.
        transition: (n_classes, n_classes) chance that an image of one class bears the label of
            another.
        prior: (n_classes,) share of each label.
        n: images that the probabilities rest on.
        rate: expected share of wrong labels.
        rate_interval: its 95 % interval, which holds what cannot be told apart.
        odds_interval: factors of the odds of a wrong label that the data allows at 95 %.
        covariance: of the belief's weights, in the order of `Belief.gradients`, and of the log
            odds of a wrong label.
    """

    belief: Belief
    transition: Array
    prior: Array
    n: int
    rate: float
    rate_interval: tuple[float, float]
    odds_interval: tuple[float, float]
    covariance: Array

    def posterior(self, labels: Ints, probs: Floats, votes: Floats, strange: Floats) -> Array:
        """(n, n_classes) chance of each class, given the label and the witnesses."""
        found = np.empty(probs.shape)
        for part in _blocks(*probs.shape):
            seen = _witnesses(probs[part], votes[part], strange[part], self.prior, self.n)
            draws = votes_as_draws(votes[part], self.transition)
            joint = self.belief.of(seen, draws).both() * self.transition[:, labels[part]].T
            found[part] = joint / joint.sum(axis=1, keepdims=True)
        return found

    def spread(self, labels: Ints, probs: Floats, votes: Floats, strange: Floats) -> float:
        """Standard deviation of these images' mean chance to be wrong (delta method); 0 of none."""
        slope = np.zeros(len(self.covariance))
        for part in _blocks(*probs.shape):
            seen = _witnesses(probs[part], votes[part], strange[part], self.prior, self.n)
            draws = votes_as_draws(votes[part], self.transition)
            parts = self.belief.of(seen, draws)
            shares = parts.shares(self.transition[:, labels[part]].T)[:2]
            at = np.eye(probs.shape[1])[labels[part]]
            own = (shares[0] * at, shares[1] * at)
            right = (own[0] + own[1]).sum(axis=1)
            of_right, _ = self.belief.gradients(seen, draws, parts, own)
            of_all, _ = self.belief.gradients(seen, draws, parts, shares)
            slope[:-1] += (right[:, None] * of_all - of_right).sum(axis=0)
            slope[-1] += float((right * (1 - right)).sum())
        slope /= max(len(labels), 1)
        return float(np.sqrt(slope @ self.covariance @ slope))


def scaled(chance: Floats, factor: float) -> Array:
    """(n,) the chance of being wrong, had labels gone wrong at `factor` times the odds."""
    wrong = chance * factor
    result: Array = wrong / np.maximum(wrong + 1 - chance, 1e-300)
    return result


def fit_noise(labels: Ints, probs: Floats, votes: Floats, strange: Floats, order: Ints) -> Noise:
    """Learn how labels go wrong from images whose true class nobody knows.

    Idea: an image's true class t is hidden. The witnesses give each class a belief, see
    `curate.numerics.belief.Belief`: the held-out probabilities, the labels of the neighbours, and
    those labels as draws from T, the chance T_tj that an image of class t is labelled j. If a class
    loses two fifths of its labels to one other, six to four is plain evidence and no doubt. The
    label y is one more draw from T, so that its likelihood is ``sum_t belief_t T_ty``.
    Expectation-maximisation (Dempster et al. 1977) finds the weights by Newton's steps, and T by
    counting: the share of wrong labels of a class is shrunk to that of all by `STRENGTH` images,
    where they go to an even spread by one label each. What tells a wrong label from a hard image
    is how sure the witnesses are: an image at odds of two to one is expected to be wrong in a
    third of the cases, a plain one never. Several starts; the likeliest is taken. T as in Dawid
    and Skene (1979) and in confident learning (Northcutt et al. 2021), learnt with the belief as
    in Goldberger and Ben-Reuven (2017).

    The interval is where the likelihood, with the odds of a wrong label scaled for all classes
    together, falls by `DROP`, times what not knowing the weights adds by the information matrix.
    It is widened by what the data cannot tell. Probabilities that are exactly calibrated to
    spoilt labels explain them without a wrong one, and a few steps of likelihood are no proof for
    either: the lower end is zero where labels without a fault do as well, and the upper end is not
    below the share of labels that contradict the belief among the surest images. A label that goes
    wrong whatever the image looks like goes wrong among those too, so that no more can be hidden.

    Not able to tell a systematic convention from noise: where a class is labelled otherwise more
    often than not, the label wins. Nor is it told of an error that the witnesses share.

    Args:
        labels: (n,) class numbers, at least two of them.
        probs: (n, n_classes) probabilities by a model that did not see the label.
        votes: (n, n_classes) share of each label among the neighbours; zero where there are none.
        strange: (n,) standard normal scores of how far an image lies from its neighbours.
        order: (n,) the rows in an order of no meaning; of large data evenly spaced ones are used.
    """
    n, n_classes = probs.shape
    prior = np.bincount(labels, minlength=n_classes) / n
    most = min(n, max(CELLS // n_classes, 20 * n_classes))
    rows = order[np.linspace(0, n - 1, most).astype(int)]
    y = labels[rows]
    seen = _witnesses(probs[rows], votes[rows], strange[rows], prior, n)
    fit = max(_starts(y, seen, n_classes), key=lambda fit: fit.height)
    fit = _climb(y, seen, fit, ROUNDS)
    faultless = _even(n_classes, NEVER)
    trusting = Fit(Belief.start(np.array([1.0, 0.0, 0.0]), n_classes), faultless)
    without = _climb(y, seen, trusting, FIRST, learn=False)
    draws = votes_as_draws(seen.votes, fit.transition)
    parts = fit.belief.of(seen, draws)
    plain, hard, likelihood = parts.shares(fit.transition[:, y].T)
    belief, own = parts.both(), np.diagonal(fit.transition)[y]
    right = belief[np.arange(len(y)), y]
    wrong = np.maximum(likelihood - right * own, 0)
    correct = (plain + hard)[np.arange(len(y)), y]
    slopes, known = fit.belief.gradients(seen, draws, parts, (plain, hard))
    every = np.column_stack([slopes, 1 - correct - (1 - own)])
    information = every.T @ every + np.diag(np.append(known, 1e-9))
    covariance = np.linalg.inv(information)
    # By what the variance of the wrong labels' odds grows since the weights are not known.
    doubt = float(max(covariance[-1, -1] * information[-1, -1], 1.0))
    low, high = _interval(wrong, right, 1 - own, doubt)
    if fit.height - without.height < DROP:
        low = 0.0
    rate, lost = float((wrong / likelihood).mean()), 1 - own
    most_rate = min(_contradicted(belief, y), 1 - 1e-9)
    high = max(high, most_rate / (1 - most_rate) * (1 - rate) / max(rate, 1e-12))
    ends = [float(scaled(lost, f).mean() / lost.mean()) * rate for f in (low, high)]
    noise = Noise(fit.belief, fit.transition, prior, n, rate, (rate, rate), (low, high), covariance)
    spread = Z95 * noise.spread(y, probs[rows], votes[rows], strange[rows])
    least, most_rate = min(ends[0], rate - spread), max(ends[1], most_rate, rate + spread)
    return replace(noise, rate_interval=(max(least, 0.0), min(most_rate, 1.0)))


def votes_as_draws(votes: Floats, transition: Array) -> Array:
    """(n, n_classes) mean log chance of the neighbours' labels, were this the true class."""
    n_classes = len(transition)
    known = np.log((1 - STRANGERS) * transition + STRANGERS / n_classes)
    return np.asarray(votes @ known.T, dtype=np.float64)


@dataclass(frozen=True)
class Fit:
    """Where the climb is, and the log posterior there."""

    belief: Belief
    transition: Array
    height: float = -np.inf


def _witnesses(probs: Floats, votes: Floats, strange: Floats, prior: Array, n: int) -> Witnesses:
    # A model that has seen n images cannot be surer than one in n; ten votes no surer than that.
    return Witnesses(
        np.log((n * probs.astype(np.float64) + prior) / (n + 1)),
        np.log((10 * votes.astype(np.float64) + prior) / 11),
        votes.astype(np.float64),
        strange.astype(np.float64),
    )


def _blocks(n: int, n_classes: int) -> Iterator[slice]:
    step = max(CELLS // n_classes, 1)
    return (slice(start, start + step) for start in range(0, n, step))


def _starts(labels: Ints, seen: Witnesses, n_classes: int) -> Iterator[Fit]:
    """Believing the probabilities, both witnesses at their sharpest, and the neighbours alone."""
    both = np.eye(n_classes)[(seen.log_probs + seen.log_votes).argmax(axis=1)]
    near = np.eye(n_classes)[seen.log_votes.argmax(axis=1)]
    for weights, transition in (
        ((1.0, 0.0, 0.0), _even(n_classes, 0.1)),
        ((5.0, 5.0, 0.0), _count(both, labels)),
        ((0.0, 0.0, 5.0), _count(near, labels)),
    ):
        start = Fit(Belief.start(np.array(weights), n_classes), transition)
        yield _climb(labels, seen, start, FIRST)


def _even(n_classes: int, lost: float) -> Array:
    """The transition matrix by which every class loses as much, to all others alike."""
    matrix = np.full((n_classes, n_classes), lost / (n_classes - 1))
    np.fill_diagonal(matrix, 1 - lost)
    return matrix


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


def _climb(labels: Ints, seen: Witnesses, fit: Fit, rounds: int, learn: bool = True) -> Fit:
    """Up to so many rounds; the transition matrix stays as it is unless it is to be learnt."""
    belief, transition = fit.belief, fit.transition
    for left in reversed(range(rounds)):
        draws = votes_as_draws(seen.votes, transition)
        parts = belief.of(seen, draws)
        plain, hard, likelihood = parts.shares(transition[:, labels].T)
        fit = Fit(belief, transition, float(np.log(likelihood).sum()) + belief.log_prior())
        if not left:
            break
        belief = belief.improved(seen, draws, parts, (plain, hard))
        transition = _count(plain + hard, labels) if learn else transition
        moved = max(float(np.abs(belief.plain - fit.belief.plain).max()),
                    float(np.abs(belief.hard - fit.belief.hard).max()))  # fmt: skip
        if moved < 1e-4 and np.abs(transition - fit.transition).max() < 1e-6:
            break
    return fit


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


def _contradicted(belief: Array, labels: Ints) -> float:
    """The most labels that can be wrong, by those that contradict the belief where it is surest."""
    best, sure = belief.argmax(axis=1), belief.max(axis=1)
    order = np.lexsort((-sure, best))
    _, first, counts = np.unique(best[order], return_index=True, return_counts=True)
    place = (np.arange(len(order)) - np.repeat(first, counts)) / np.repeat(counts, counts)
    against = best[order] != labels[order]
    upto = [against[place < share] for share in SUREST]
    shares, sizes = [part.mean() for part in upto], [len(part) for part in upto]
    return float(wilson_bounds(shares, sizes, LEAST_OF_FOUR)[1].min())
