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
        rare: it is not a usual image of any class, or looks like another and lies near its own.
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


def usualness(own: Floats, labels: Ints, asked: Floats, asked_labels: Ints) -> Shares:
    """(m, n_classes) belief that each of m rows is a usual image of each class.

    Idea: the share of a class's images that lie as far from the class as the row does is a
    conformal p-value (Vovk et al. 2005; Papernot and McDaniel 2018), and `doubt_to_belief` of it
    the belief. Not a class posterior: an image may be usual for many classes, or for none.

    Args:
        own: (n,) `curate.numerics.class_reach.reach` of each image to its own class.
        labels: (n,) class numbers, negative where unknown.
        asked: (m, n_classes) of `curate.numerics.class_reach.reaches` of the rows asked about.
        asked_labels: (m,) their class numbers.

    Returns:
        0 for a class without images, of which none is usual.
    """
    p_values = np.ones(asked.shape)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(asked.shape[1] + 1))
    for c in range(asked.shape[1]):
        members = np.sort(own[order[starts[c] : starts[c + 1]]])
        # The row itself is a member of its own class, and is added to any other.
        p_values[:, c] = at_least(members, asked[:, c], asked_labels != c)
    return np.where(np.diff(starts) > 0, doubt_to_belief(p_values), 0.0)


def at_least(members: Floats, values: Floats, added: Bools) -> Shares:
    """(m,) share of ascending members not below each value, which counts too where `added`."""
    above = len(members) - np.searchsorted(members, values, side="left")
    share: Shares = (above + added) / np.maximum(len(members) + added, 1)
    return share


def density_posterior(asked: Floats, exponent: float) -> Shares:
    """(m, n_classes) class shares by how densely each class lies around a row.

    With the same k for every class, a class whose k nearest images lie within d has around the row
    a density of ``k / (n V d^D)``, so that its share is ``d^-D`` over the sum of all (Loftsgaarden
    and Quesenberry 1965; the balloon estimate). Unlike a vote it hears how near they are, and a few
    that are close.

    Args:
        asked: (m, n_classes) of `curate.numerics.class_reach.reaches`.
        exponent: D, of `curate.numerics.class_reach.growth`.
    """
    logs = -exponent * np.log(np.maximum(asked, 1e-9))
    shares: Shares = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def posterior(pred_probs: Floats, density: Floats) -> Shares:
    """(m, n_classes) class shares on which the model and the neighbours agree.

    The geometric mean of the held-out probabilities and of `density_posterior`: two witnesses of
    one embedding repeat each other, so that their product would count the same evidence twice.

    Args:
        pred_probs: (m, n_classes) of a model that did not train on the row.
        density: (m, n_classes).
    """
    joint: Shares = np.sqrt(np.maximum(pred_probs.astype(np.float64), 1e-12) * density)
    joint /= joint.sum(axis=1, keepdims=True)
    return joint


def strongest_other(belief: Floats, labels: Ints) -> Ints:
    """(m,) the class other than the label that has most of (m, n_classes) belief."""
    others = belief.copy()
    others[np.arange(len(labels)), labels] = -1
    return np.asarray(others.argmax(axis=1))


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


def _lower_tail(z: Floats) -> Shares:
    from scipy.special import ndtr

    tail: Shares = ndtr(z)
    return tail


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
    labels: Ints, belief: Floats, other_class: Ints, fits: Floats, aum: Floats, bad: Shares
) -> Causes:
    """Share the belief out over the causes.

    Idea: an image is of class c with share ``j_c`` and then a usual one of it with share ``u_c``.
    So ``own = j_y u_y`` and ``other = j_o u_o``, o being the strongest other class, are beliefs in
    "usual image of its own class, of another", the remaining ``j_c u_c`` in "of some third", and
    ``1 - sum j_c u_c`` in "unusual wherever it belongs". The common part of own and other, twice,
    is ambiguous, as are third classes; the excess of own is a boundary. The excess of other is a
    wrong label as far as an image of that class would lie where this one does (`fits`), and rare
    for the rest. Training dynamics may lower the odds of a wrong label, which the others then
    share. A bad picture makes all of this worth less.

    Args:
        labels: (m,) class numbers.
        belief: (m, n_classes) `posterior` times `usualness`.
        other_class: (m,) of `strongest_other`.
        fits: (m,) of `curate.numerics.class_reach.as_near_as_others`.
        aum: (m,) NaN where no training run recorded it.
        bad: (m,) of `low_quality`.
    """
    rows = np.arange(len(labels))
    own, other, total = belief[rows, labels], belief[rows, other_class], belief.sum(axis=1)
    excess = np.maximum(other - own, 0)
    wrong = excess * fits
    odds = not_learnt(aum)
    doubted = wrong * odds / np.maximum(wrong * odds + 1 - wrong, 1e-12)
    rest = (1 - doubted) / np.maximum(1 - wrong, 1e-12) * (1 - bad)
    third = np.maximum(total - own - other, 0)
    return Causes(
        mislabelled=doubted * (1 - bad),
        ambiguous=(2 * np.minimum(own, other) + third) * rest,
        rare=(np.maximum(1 - total, 0) + excess - wrong) * rest,
        boundary=np.maximum(own - other, 0) * rest,
        low_quality=bad,
    )
