"""How much a transform hurts: held-out accuracy and probability of the true class, by magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Evidence, Floats, Ints
from curate.numerics.intervals import Z95, wilson_bounds
from curate.numerics.kin import design_effect, kin
from curate.numerics.paired import paired_difference
from curate.remedies.augmented import Augmented, Measured
from curate.remedies.probing import TRAIN, Probes, evaluated, out_of_fold_train


@dataclass(frozen=True)
class Point:
    """What one magnitude does to the images on which it was measured.

    Attributes:
        level: the magnitude.
        accuracy: on the changed images.
        drop: how much accuracy lost against the same images as they are, paired; negative where
            it grew.
        p_true_drop: the same of the mean probability of the true class.
    """

    level: float
    accuracy: Measured
    drop: Measured
    p_true_drop: Measured


@dataclass(frozen=True)
class Weakness:
    """The curve of one transform.

    Attributes:
        on: what the images are, such as "val".
        accuracy: on the images as they are.
        curve: one point a level, rising.
        breaks_at: the least level at which accuracy surely falls by more than a standard error of
            `accuracy`; None where it does at none.
    """

    on: str
    accuracy: Measured
    curve: tuple[Point, ...]
    breaks_at: float | None


def weakness(
    evidence: Evidence, probes: Probes, copies: Sequence[Augmented], shown_by_val: bool = False
) -> Weakness:
    """Measure what each level of one transform does to held-out images.

    Idea: each image is judged as it is and changed, by a probe that was trained on neither nor on
    any changed image, and the two are compared in pairs. Intervals are those of
    `curate.numerics.paired.paired_difference`, images of a group and copies of a picture together.

    A transform breaks at the least level whose drop has the lower end of its interval above one
    standard error of the accuracy on the images as they are. That an interval lies above 0 would
    not do: with enough images every change of a picture costs something, and a loss below that
    standard error could not be told from a new draw of the images.

    Where images of val show already what the transform does, they have lost what they can lose by
    it, and their curve is flat however weak the model is. Images of train are then judged instead,
    by the probes that did not see them.

    Not a statement about a network that is trained: it learns to see through much that a probe on
    frozen embeddings cannot. And an image whose label the change has altered counts as a mistake;
    see `curate.remedies.label_safety`.

    Args:
        evidence: labels, splits, groups, copies.
        probes: of the run.
        copies: of one transform, one entry a level; only rows that are judged count. Where levels
            hold different rows, each is compared with its own images as they are.
        shown_by_val: images of val surely show what the transform does.
    """
    assert evidence.embeddings is not None
    rows, on = (out_of_fold_train(evidence), TRAIN) if shown_by_val else evaluated(evidence)
    units = units_of(evidence)
    own = np.isin(np.arange(len(evidence)), rows)
    used = np.unique(np.concatenate([copy.rows[own[copy.rows]] for copy in copies] or [rows[:0]]))
    probs = probes.pred_probs(evidence.embeddings[used], used)
    right, p_true = _judged(probs, evidence.labels[used])
    accuracy = share_of(right, units[used])
    points = []
    for copy in sorted(copies, key=lambda copy: copy.level):
        mine = np.flatnonzero(own[copy.rows])
        which = copy.rows[mine]
        changed = probes.pred_probs(copy.embeddings[mine], which)
        now, p_now = _judged(changed, evidence.labels[which])
        before = np.searchsorted(used, which)
        points.append(
            Point(
                copy.level,
                share_of(now, units[which]),
                difference(now, right[before], units[which]),
                difference(p_now, p_true[before], units[which]),
            )
        )
    error = _half(accuracy) / Z95
    broken = [point.level for point in points if point.drop.interval[0] > error]
    return Weakness(on, accuracy, tuple(points), min(broken, default=None))


def units_of(evidence: Evidence) -> Ints:
    """(n,) what counts as one draw: a group, or copies of one picture, or an image of its own."""
    parts = np.unique(evidence.splits, return_inverse=True)[1].ravel()
    return kin(evidence, parts)


def share_of(right: Floats, units: Ints) -> Measured:
    """A share of images with Wilson's interval, for as many images as the units are worth."""
    n = len(right)
    if not n:
        return Measured(float("nan"), (float("nan"), float("nan")), 0)
    share = float(np.mean(right))
    low, high = wilson_bounds(share, n / design_effect(units), Z95)
    return Measured(share, (float(low), float(high)), n)


def difference(a: Floats, b: Floats, units: Ints) -> Measured:
    """The mean of b less that of a, paired."""
    n = len(a)
    if not n:
        return Measured(float("nan"), (float("nan"), float("nan")), 0)
    estimate, interval = paired_difference(a, b, units.astype(str))
    return Measured(estimate, interval, n)


def as_json(measured: Measured) -> dict[str, Any]:
    """Plain values, null where nothing could be measured."""

    def plain(value: float) -> float | None:
        return round(value, 6) if np.isfinite(value) else None

    low, high = measured.interval
    return {
        "estimate": plain(measured.estimate),
        "interval": [plain(low), plain(high)],
        "n": measured.n,
    }


def _judged(probs: Floats, labels: Ints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(m,) whether the likeliest class is the label, and the probability of the label."""
    right = (probs.argmax(axis=1) == labels).astype(np.float64)
    return right, probs[np.arange(len(labels)), labels].astype(np.float64)


def _half(measured: Measured) -> float:
    low, high = measured.interval
    return (high - low) / 2
