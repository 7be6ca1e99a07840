"""Why an image is hard: how much belief each cause has, by held-out p and neighbours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

Shares = NDArray[np.float64]


class Causes(NamedTuple):
    """(m,) shares of belief in each cause, in [0, 1], together 1.

    Attributes:
        mislabelled: it is a usual image of another class.
        ambiguous: it is a usual image of several classes, in equal parts.
        rare: it is not a usual image of any class, or one of a few that keep to themselves.
        boundary: it is a usual image of its own class, and another class is near.
        low_quality: its pixels show little; then the other four share what is left.
    """

    mislabelled: Shares
    ambiguous: Shares
    rare: Shares
    boundary: Shares
    low_quality: Shares


def doubt_to_belief(p_values: Floats) -> Shares:
    """The most that p-values leave to the null hypothesis, as a share of what it had.

    ``min(1, -e p log p)``, the least Bayes factor of a null hypothesis at a p-value (Sellke,
    Bayarri and Berger 2001, "Calibration of p values for testing precise null hypotheses").
    """
    p = np.clip(p_values, 1e-12, 1.0)
    return np.where(p < np.exp(-1), -np.e * p * np.log(p), 1.0)


def usualness(distances: Floats, labels: Ints, rows: Ints, n_classes: int) -> Shares:
    """(m, n_classes) belief that each of `rows` is a usual image of each class.

    Idea: the share of a class's images that lie as far from their neighbours as the row does is a
    conformal p-value (Vovk et al. 2005; Papernot and McDaniel 2018), and `doubt_to_belief` of it
    the belief. Not a class posterior: an image may be usual for many classes, or for none.

    Args:
        distances: (n,) mean distance of each image to its neighbours, whatever their class.
        labels: (n,) class numbers, negative where unknown.
        rows: (m,) row numbers.
        n_classes: columns of the result; a class without images has belief 1, there is no doubt.
    """
    p_values = np.ones((len(rows), n_classes))
    asked = distances[rows]
    for c in range(n_classes):
        members = np.sort(distances[labels == c])
        # The row itself is a member of its own class, and is added to any other.
        self_counted = labels[rows] == c
        at_least = len(members) - np.searchsorted(members, asked, side="left")
        p_values[:, c] = (at_least + ~self_counted) / (len(members) + ~self_counted)
    return doubt_to_belief(p_values)


def island(own: Bools, known: Bools) -> Shares:
    """(m,) belief that the neighbours of a row's own class keep together nearest to it.

    Idea: where labels are wrong or classes mix, the neighbours that share the row's label lie
    anywhere among the others; where a few images of a class look alike and like no other of it,
    they come first. Wilcoxon's rank sum of their places (normal approximation with continuity
    correction), one-sided, as a belief by `doubt_to_belief`.

    Args:
        own: (m, k) True where a neighbour, nearest first, has the row's label.
        known: (m, k) True where it has any.
    """
    own = own & known
    place = np.cumsum(known, axis=1)
    total, count = known.sum(axis=1).astype(float), own.sum(axis=1).astype(float)
    rank_sum = (place * own).sum(axis=1)
    spread = np.sqrt(np.maximum(count * (total - count) * (total + 1) / 12, 0))
    z = (rank_sum + 0.5 - count * (total + 1) / 2) / np.where(spread > 0, spread, np.inf)
    return 1 - doubt_to_belief(_lower_tail(z))


def _lower_tail(z: Floats) -> Shares:
    from scipy.special import ndtr

    tail: Shares = ndtr(z)
    return tail


def posterior(pred_probs: Floats, votes: Floats) -> Shares:
    """(m, n_classes) class shares on which the model and the neighbours agree.

    The geometric mean of the held-out probabilities and of the neighbours' votes, with Krichevsky
    and Trofimov's half vote for every class: two witnesses of one embedding repeat each other, so
    that their product would count the same evidence twice.

    Args:
        pred_probs: (m, n_classes) of a model that did not train on the row.
        votes: (m, n_classes) how many of the neighbours have each label.
    """
    heard = votes + 0.5
    heard /= heard.sum(axis=1, keepdims=True)
    joint: Shares = np.sqrt(np.maximum(pred_probs.astype(np.float64), 1e-12) * heard)
    joint /= joint.sum(axis=1, keepdims=True)
    return joint


def not_learnt(aum: Floats) -> Shares:
    """(m,) factor by which a training run leaves the odds of a wrong label, 1 where it is silent.

    Idea: a label that training learnt early and surely has others that support it, whatever a
    held-out model says (Pleiss et al. 2020). Runs differ in length and scale, so an image counts
    by its place among the hard ones: with s the share that were learnt better, the factor is
    ``min(1, s / (1 - s))``. Never above 1: rare images are learnt late as well, so that what was
    not learnt need not be wrong.

    Args:
        aum: (m,) areas under the margin of the hard images, NaN where none was recorded.
    """
    from scipy.stats import rankdata

    heard = np.flatnonzero(np.isfinite(aum))
    factor = np.ones(len(aum))
    if len(heard):
        better = 1 - (rankdata(aum[heard]) - 0.5) / len(heard)
        factor[heard] = np.minimum(1, better / np.maximum(1 - better, 1e-12))
    return factor


def one_sided_z(values: Floats, low: bool) -> Shares:
    """(n,) how many spreads a value lies below (or above) the median; 0 on the other side.

    The spread is that of the same side, from the median to the 16th (84th) percentile, which is
    one standard deviation where values are normal: a skewed statistic has its long tail for a
    usual one.
    """
    if len(values) == 0:
        return np.zeros(0)
    signed = -values if low else values
    middle, far = np.quantile(signed, [0.5, 0.84])
    beyond: Shares = np.maximum(signed - middle, 0.0)
    # Where most images share one value the percentile is the median.
    spread = max(far - middle, 0.1 * float(np.sqrt(np.mean(beyond**2))))
    return beyond / spread if spread > 1e-9 else np.zeros(len(values))


def low_quality(z: Floats, prior: float = 0.02) -> Shares:
    """(m,) belief that an image is a bad picture, from (m, n_tests) one-sided z-scores.

    The largest z's tail, times the number of tests (Bonferroni), gives the least Bayes factor of
    "an ordinary picture"; before looking, `prior` of the images are bad ones.
    """
    if z.shape[1] == 0:
        return np.zeros(len(z))
    p_values = np.minimum(z.shape[1] * _lower_tail(-z.max(axis=1)), 1)
    ordinary = doubt_to_belief(p_values) * (1 - prior) / prior
    # A tail that is as likely as not under "ordinary" says nothing for the other.
    result: Shares = np.where(p_values < np.exp(-1), 1 / (1 + ordinary), 0.0)
    return result


def weigh(
    labels: Ints, joint: Floats, usual: Floats, keeps_to_itself: Floats, aum: Floats, bad: Shares
) -> tuple[Causes, Ints]:
    """Share the belief out over the causes, and name the other class.

    Idea: an image is of class c with share ``j_c`` and then a usual one of it with share ``u_c``.
    So ``own = j_y u_y`` and ``other = max_{c != y} j_c u_c`` are beliefs in "usual image of its own
    class, of another", the remaining ``j_c u_c`` in "of some third", and ``1 - sum j_c u_c`` in
    "unusual wherever it belongs". Where its own few neighbours keep together, `other` is unusual as
    well. What is left of own and other is split: their common part, twice, is ambiguous, as are
    third classes; the excess of `other` is a wrong label, that of `own` a boundary. Training
    dynamics may lower the odds of a wrong label, which the rest then shares. A bad picture makes
    all of this worth less.

    Args:
        labels: (m,) class numbers.
        joint: (m, n_classes) of `posterior`.
        usual: (m, n_classes) of `usualness`.
        keeps_to_itself: (m,) of `island`.
        aum: (m,) NaN where no training run recorded it.
        bad: (m,) of `low_quality`.

    Returns:
        The causes, and (m,) the class other than the label that has most belief.
    """
    rows = np.arange(len(labels))
    belief = joint * usual
    own, total = belief[rows, labels], belief.sum(axis=1)
    belief[rows, labels] = -1
    other_class = belief.argmax(axis=1)
    other = np.maximum(belief[rows, other_class], 0)
    left = other * (1 - keeps_to_itself)
    wrong = np.maximum(left - own, 0)
    odds = not_learnt(aum)
    doubted = wrong * odds / np.maximum(wrong * odds + 1 - wrong, 1e-12)
    rest = (1 - doubted) / np.maximum(1 - wrong, 1e-12) * (1 - bad)
    third = np.maximum(total - own - other, 0)
    causes = Causes(
        mislabelled=doubted * (1 - bad),
        ambiguous=(2 * np.minimum(own, left) + third) * rest,
        rare=(np.maximum(1 - total, 0) + other - left) * rest,
        boundary=np.maximum(own - left, 0) * rest,
        low_quality=bad,
    )
    return causes, other_class
