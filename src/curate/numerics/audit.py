"""Precision and recall of findings from a stratified sample that a person has judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.numerics.intervals import wilson

DRAWS = 20_000


@dataclass(frozen=True)
class Stratum:
    """A part of the images, and what was said of those that were drawn from it.

    Attributes:
        flagged: whether its images are flagged.
        size: how many images it has.
        judged: how many of them a person has judged.
        yes: how many of those are what the finding says.
    """

    flagged: bool
    size: int
    judged: int
    yes: int


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval; all None where too little was judged."""

    value: float | None
    low: float | None
    high: float | None


UNKNOWN = Estimate(None, None, None)


def precision(strata: Sequence[Stratum]) -> Estimate:
    """The share of flagged images that are what the finding says, with Wilson's interval.

    Where every flagged image has been judged, the share is known and the interval has no width.
    """
    flagged = [part for part in strata if part.flagged]
    judged, yes = sum(part.judged for part in flagged), sum(part.yes for part in flagged)
    if not judged:
        return UNKNOWN
    if judged == sum(part.size for part in flagged):
        return Estimate(yes / judged, yes / judged, yes / judged)
    low, high = wilson(yes, judged)
    return Estimate(yes / judged, low, high)


def recall(strata: Sequence[Stratum], rng: np.random.Generator) -> Estimate:
    """The share of such images that are flagged, each part counted for its size.

    Idea: a part of size N of which n were judged and k are such images holds about N k / n of
    them (the stratified estimator of Horvitz and Thompson 1952). The interval is that of the same
    ratio where the share among the images that nobody judged follows the posterior
    Beta(k + 1/2, n - k + 1/2) of Jeffreys (1946), which is wide where few were judged and none was
    such an image. Unknown until an image of every part is judged.

    Args:
        strata: parts that together are all images.
        rng: draws from the posteriors.
    """
    parts = [part for part in strata if part.size]
    if not parts or any(part.judged == 0 for part in parts):
        return UNKNOWN
    at = np.array([part.size * part.yes / part.judged for part in parts])
    share = np.array(
        [rng.beta(part.yes + 0.5, part.judged - part.yes + 0.5, DRAWS) for part in parts]
    )
    known = np.array([part.yes for part in parts])[:, None]
    left = np.array([part.size - part.judged for part in parts])[:, None]
    drawn = known + left * share
    flagged = np.array([part.flagged for part in parts])
    if not at.sum():
        return UNKNOWN
    total = np.maximum(drawn.sum(axis=0), 1e-12)
    low, high = np.percentile(drawn[flagged].sum(axis=0) / total, [2.5, 97.5])
    value = float(at[flagged].sum() / at.sum())
    # The posteriors' mean lies inwards of the estimate at 0 and 1.
    return Estimate(value, min(float(low), value), max(float(high), value))
