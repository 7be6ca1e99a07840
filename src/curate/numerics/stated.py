"""The precision that is stated of flagged images, where it can be estimated, with its interval."""

from __future__ import annotations

import numpy as np

from curate.findings import Bools, Copies, Floats, Ints
from curate.numerics.intervals import Z95, wilson
from curate.numerics.noise import scaled

LEAST = 30
"""Pairs that cannot be copies below which nothing is said: the rule of three bounds their rate of
being taken for copies at a tenth, times more pairs that could be."""


def stated(precision: float, low: float, high: float, rests_on: str) -> dict[str, object]:
    """The keys of `curate.findings.Findings.info` by which a kind states its precision."""
    return {
        "precision": precision,
        "precision_interval": [max(0.0, min(low, precision)), min(1.0, max(high, precision))],
        "precision_rests_on": rests_on,
    }


def mean_chance(flagged: Floats, of: int, expected: float, rests_on: str) -> dict[str, object]:
    """The mean of the flagged images' chances of being what they are flagged for.

    The interval joins two doubts as independent ones: the luck of the draw, by the variance
    ``sum p (1 - p)`` of a Poisson binomial with half an image as correction for continuity; and
    the share of such images among all, whose Wilson interval multiplies the odds of every chance
    (Bayes' rule with another prior). Not in it: that the model of the chances may be wrong.

    Args:
        flagged: (m,) their chances.
        of: images altogether.
        expected: the sum of all images' chances.
        rests_on: what the chances are, in words.

    Returns:
        The keys of `stated`; none where nothing is flagged.
    """
    if not len(flagged):
        return {}
    precision = float(flagged.mean())
    luck = (0.5 + Z95 * float(np.sqrt((flagged * (1 - flagged)).sum()))) / len(flagged)
    share = float(np.clip(expected / of, 1e-9, 1 - 1e-9))
    bounds = []
    for end in wilson(share * of, of):
        end = min(max(end, 1e-9), 1 - 1e-9)
        odds = end / (1 - end) * (1 - share) / share
        bounds.append(float(scaled(flagged, odds).mean()))
    return stated(
        precision,
        precision - float(np.hypot(precision - bounds[0], luck)),
        precision + float(np.hypot(bounds[1] - precision, luck)),
        rests_on,
    )


def of_copies(copies: Copies, labels: Ints, among: Bools) -> dict[str, object]:
    """How many of the confirmed pairs are copies, from pairs that cannot be.

    Idea: pairs of images that the embedder or the pixels brought near each other, that look alike
    at a glance and that are of two classes, are look-alikes and no copies. With c of m such pairs
    confirmed, a look-alike is taken for a copy at the rate ``r = c / m``. Of N pairs, C of them
    confirmed, there are F false ones where ``F = r (N - (C - F))``, so ``F = r (N - C) / (1 - r)``
    and the precision is ``1 - F / C``. Its interval is that of r (Wilson's; where c is 0 its upper
    end is near the rule of three). Files of the same bytes are copies for certain. It is the share
    of pairs, not of images.

    Too low where copies were labelled as two classes, and too high where look-alikes of one class
    are more alike than those of two.

    Args:
        copies: the pairs looked at.
        labels: (n,) class numbers, negative where unknown.
        among: (m,) the pairs of which the precision is wanted.

    Returns:
        The keys of `stated`; none where nothing is confirmed, where fewer than `LEAST` pairs are of
        two classes, or where so many others are left that the lower end would be 0, which says
        nothing.
    """
    one, other = labels[copies.a], labels[copies.b]
    unlike = (one != other) & (one >= 0) & (other >= 0) & ~copies.identical
    sure = copies.confirmed & ~copies.identical & among
    found = int((copies.confirmed & among).sum())
    if not found:
        return {}
    if not sure.any():
        return stated(1.0, 1.0, 1.0, "the same bytes")
    null = int(unlike.sum())
    if null < LEAST:
        return {}
    taken = int((unlike & copies.confirmed).sum())
    left = int((~copies.identical & among).sum()) - int(sure.sum())

    def right(rate: float) -> float:
        false = rate * left / (1 - rate) if rate < 1 else np.inf
        return float(1 - min(false, int(sure.sum())) / found)

    low, high = wilson(taken, null)
    if right(high) <= 0:
        return {}
    words = f"{taken} of {null} pairs of two classes that look alike were taken for copies"
    return stated(right(taken / null), right(high), right(low), words)
