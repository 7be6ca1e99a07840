"""The sentences of a policy: why a transform is in it, or why it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curate.recipe.transforms import TRANSFORMS
from curate.remedies.augmented import Measured
from curate.remedies.dosing import MOST_OFTEN
from curate.remedies.gain import Gain
from curate.remedies.label_safety import ClassSafety, Safety
from curate.remedies.weakness import Weakness, as_json

if TYPE_CHECKING:
    from curate.remedies.prevalence import Prevalence
    from curate.remedies.recommend import Candidate

SYMPTOMS = {"upside_down": "upside-down", "low_contrast": "low in contrast"}
"""Symptoms whose name is not the word for it."""


def reason(name: str, candidate: Candidate, asked: int, strength: str) -> str:
    """Why a transform is recommended, in one sentence that a person can check."""
    gain = candidate.gain
    assert gain is not None
    parts = [_seen(candidate, gain), f"expected {_gained(gain, asked)}"]
    excluded = _excluded(candidate, gain)
    if excluded:
        parts.append(excluded)
    if gain.loses:
        parts.append(f"it costs images as they are of {_names(gain.loses)}, whose accuracy falls")
    if strength != "auto":
        parts.append(_how_strong(strength))
    return "; ".join(part for part in parts if part)


def why_left_out(name: str, candidate: Candidate, asked: int, n_classes: int) -> str:
    """Why a transform is not recommended."""
    if TRANSFORMS[name].batch:
        return (
            "not measured: no image is a mixture, so that none shows it and none loses by it, and "
            "what it teaches, to be unsure between classes, a network learns in its features, "
            "which the probe takes as they are; verify it by training"
        )
    weakness, safety, gain = candidate.weakness, candidate.safety, candidate.gain
    if weakness is None or safety is None or not weakness.curve:
        return "not known: no changed copies of the images were embedded"
    if gain is None:
        return _unsafe(name, weakness, safety, n_classes)
    hurts = _hurts(name, weakness)
    start = (
        f"weak, but without a sure gain: {hurts}"
        if hurts
        else "safe but useless: accuracy does not surely fall under it"
    )
    parts = [f"{start}, {_shown(candidate)}expected {_gained(gain, asked)}"]
    swapped = safety.swapped(gain.dose.levels[-1])
    if swapped:
        parts.append(f"and changed, some are taken for another class: {_swaps(swapped)}")
    return "; ".join(parts)


def evidence_json(candidate: Candidate, asked: int) -> dict[str, Any]:
    """The four pieces of evidence as plain JSON values, each with its interval; null: not known."""
    weakness, safety, gain = candidate.weakness, candidate.safety, candidate.gain
    return {
        "weakness": None if weakness is None else _weakness_json(weakness),
        "prevalence": {
            symptom: {
                "train": as_json(shares.train),
                "held_out": as_json(shares.held_out),
                "excess": as_json(shares.excess),
            }
            for symptom, shares in candidate.prevalence.items()
        },
        "label_safety": None if safety is None else _safety_json(safety, gain),
        "expected_gain": None if gain is None else _gain_json(gain, asked),
    }


def _seen(candidate: Candidate, gain: Gain) -> str:
    """What held-out images show, and what it costs."""
    share = f"with {100 * gain.probability:.0f} % of train images changed in training"
    (as_is, then), (changed, taught) = gain.as_is, gain.changed
    if gain.symptom is None:
        return _more_often(candidate) + (
            f"on {as_is.n} images of {gain.on} as they are accuracy goes {_number(as_is)} -> "
            f"{_number(then)} {share}, and {_number(changed)} -> {_number(taught)} on changed ones"
        )
    return (
        f"{_share_that_shows(candidate.prevalence[gain.symptom])}; on images so changed accuracy "
        f"falls {_number(as_is)} -> {_number(changed)}, {share} it is {_number(taught)}"
    )


def _more_often(candidate: Candidate) -> str:
    """What held-out images surely show more often, and what it costs train images so changed."""
    shown = [shares for shares in candidate.prevalence.values() if shares.shown]
    weakness = candidate.weakness
    if not shown or weakness is None:
        return ""
    told = _share_that_shows(max(shown, key=lambda shares: shares.excess.estimate))
    point = next((one for one in weakness.curve if one.level == weakness.breaks_at), None)
    if point is not None:
        low, high = point.drop.interval
        told += (
            f"; {weakness.on}, images so changed lose {_number(point.drop)} of accuracy "
            f"({low:.3f} to {high:.3f})"
        )
    return f"{told}; "


def _share_that_shows(shares: Prevalence) -> str:
    held, train = shares.held_out, shares.train
    word = SYMPTOMS.get(shares.symptom, shares.symptom)
    return (
        f"{round(held.estimate * held.n)} of {held.n} {shares.split} images are {word} "
        f"({_percent(held)}), of train images {_percent(train)}"
    )


def _gained(gain: Gain, asked: int) -> str:
    low, high = gain.corrected
    among = f", corrected for {asked} transforms" if asked > 1 else ""
    return f"{gain.expected.estimate:+.3f} ({low:.3f} to {high:.3f}{among})"


def _excluded(candidate: Candidate, gain: Gain) -> str:
    """Which classes are left alone, and why."""
    if not gain.dose.excluded or candidate.safety is None:
        return ""
    swapped = {one.class_name: one for one in candidate.safety.swapped(gain.dose.levels[-1])}
    told = []
    known = [swapped[name] for name in gain.dose.excluded if name in swapped]
    if known:
        told.append(f"left alone, since changed they are taken for another class: {_swaps(known)}")
    unknown = [name for name in gain.dose.excluded if name not in swapped]
    if unknown:
        told.append(
            "left alone, since it is not known whether they stay what they are: " + _names(unknown)
        )
    return "; ".join(told)


def _unsafe(name: str, weakness: Weakness, safety: Safety, n_classes: int) -> str:
    hurts = _hurts(name, weakness)
    least = min(point.level for point in weakness.curve)
    swapped = safety.swapped(least)
    if 2 * len(swapped) > n_classes:
        start = f"weak but unsafe: {hurts}, and" if hurts else "unsafe:"
        return f"{start} {len(swapped)} of {n_classes} classes swap: {_swaps(swapped)}"
    return (
        f"not known to be safe: for {len(safety.excluded(least))} of {n_classes} classes changed "
        f"images are, or may be, taken for another class: {_names(safety.excluded(least))}"
    )


def _hurts(name: str, weakness: Weakness) -> str:
    """Where the curve breaks, in words; empty where it does not."""
    point = next((one for one in weakness.curve if one.level == weakness.breaks_at), None)
    if point is None:
        return ""
    low, high = point.drop.interval
    unit = TRANSFORMS[name].unit
    at = f" at {point.level:g} {unit}" if unit else ""
    return (
        f"changed images lose {point.drop.estimate:.3f} of accuracy ({low:.3f} to {high:.3f}){at}"
    )


def _shown(candidate: Candidate) -> str:
    """Whether held-out images show it more than train images do, where that is known."""
    known = [shares for shares in candidate.prevalence.values() if shares.held_out.n]
    shown = [shares for shares in known if shares.shown]
    if shown:
        most = max(shown, key=lambda shares: shares.excess.estimate)
        return f"although {_share_that_shows(most)}, "
    if known and all(shares.excess.interval[0] <= 0 for shares in known):
        return "held-out images do not surely show it more often than train images do, "
    return ""


def _how_strong(strength: str) -> str:
    if strength == "light":
        return "light: half the probability, and half the levels up to where images break"
    return f"strong: probability {MOST_OFTEN:g} and all magnitudes that are safe"


def _swaps(classes: Sequence[ClassSafety]) -> str:
    """``2 (for 5: 34 %, 20 to 49 %) and 1 more``."""
    worst = sorted(classes, key=lambda one: -one.taken.estimate)
    told = [f"{one.class_name} (for {one.taken_for}: {_share(one.taken)})" for one in worst[:3]]
    rest = f" and {len(worst) - 3} more" if len(worst) > 3 else ""
    return ", ".join(told) + rest


def _names(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + rest


def _number(measured: Measured) -> str:
    return f"{measured.estimate:.3f}"


def _share(measured: Measured) -> str:
    return f"{100 * measured.estimate:.0f} %, {_percent(measured)}"


def _percent(measured: Measured) -> str:
    low, high = measured.interval
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _weakness_json(weakness: Weakness) -> dict[str, Any]:
    return {
        "on": weakness.on,
        "accuracy": as_json(weakness.accuracy),
        "breaks_at": weakness.breaks_at,
        "curve": [
            {
                "level": point.level,
                "accuracy": as_json(point.accuracy),
                "drop": as_json(point.drop),
                "p_true_drop": as_json(point.p_true_drop),
            }
            for point in weakness.curve
        ],
    }


def _safety_json(safety: Safety, gain: Gain | None) -> dict[str, Any]:
    """The classes at the largest level that is recommended, or at the largest of all."""
    if not safety.classes:
        return {}
    level = gain.dose.levels[-1] if gain else max(one.level for one in safety.classes)
    return {
        "level": level,
        "classes": {
            one.class_name: {
                "verdict": one.verdict,
                "taken": as_json(one.taken),
                "taken_for": one.taken_for or None,
                "kept": as_json(one.kept),
            }
            for one in safety.at(level)
        },
    }


def _gain_json(gain: Gain, asked: int) -> dict[str, Any]:
    return {
        "on": gain.on,
        "symptom": gain.symptom,
        "excess": None if gain.excess is None else as_json(gain.excess),
        "expected": as_json(gain.expected),
        "corrected_interval": [round(end, 6) for end in gain.corrected],
        "p_value": float(f"{gain.p_value:.4g}"),
        "transforms_asked": asked,
        "ways_asked": gain.asked,
        "classes_that_lose": list(gain.loses),
        "levels": list(gain.dose.levels),
        "probability": gain.dose.probability,
        "probability_measured": round(gain.probability, 4),
        "accuracy_as_is": {"before": as_json(gain.as_is[0]), "after": as_json(gain.as_is[1])},
        "accuracy_changed": {
            "before": as_json(gain.changed[0]),
            "after": as_json(gain.changed[1]),
        },
    }
