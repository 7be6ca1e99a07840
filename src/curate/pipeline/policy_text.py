"""A policy and what it rests on, as text for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.pipeline.plain_text import WIDTH, cut, printable, wrapped
from curate.pipeline.policy_evidence import told_of
from curate.recipe.policy import Policy, Step
from curate.recipe.policy_file import to_json
from curate.recipe.transforms import TRANSFORMS
from curate.remedies.augmented import Measured
from curate.remedies.label_safety import ClassSafety
from curate.remedies.prevalence import NOT_MEASURED, Prevalence
from curate.remedies.probing import TRAIN
from curate.remedies.recommend import NOTHING, Candidate
from curate.remedies.weakness import as_json

HEADS = ("transform", "weakness: loses", "seen more often", "expected gain", "swaps labels of")
WIDE = (21, 25, 20, 24)


def policy_text(
    policy: Policy, candidates: Mapping[str, Candidate], found: Mapping[str, Prevalence]
) -> str:
    """Each transform with its four numbers, what is recommended, and why the rest is not."""
    lines = [*_symptoms(found), "", *_table(policy, candidates), ""]
    steps = policy.stages[-1]
    if not steps:
        lines += wrapped(NOTHING)
    else:
        lines.append("Recommended:")
        for step in steps:
            lines += wrapped(f"  {step_text(step)}: {step.reason}", "    ")
        if len(policy.stages) > 1:
            lines += ["", *_stages(policy)]
    if policy.left_out:
        lines += ["", "Left out:"]
        for left in policy.left_out:
            lines += wrapped(f"  {left.transform}: {left.why}", "    ")
    return "\n".join(lines)


def policy_json(policy: Policy, found: Mapping[str, Prevalence]) -> dict[str, Any]:
    """`policy.json`, and beside it what was measured of symptoms."""
    return {**to_json(policy), "prevalence": {name: _plain(one) for name, one in found.items()}}


def step_text(step: Step) -> str:
    """``rotate 0 to 15 degrees, p 0.5, not for 6, 9``."""
    known = TRANSFORMS.get(step.transform)
    words = step.transform
    if known is not None and known.unit:
        low, high = step.magnitude
        words += f" {low:g} to {high:g} {known.unit}"
    words += f", p {step.probability:g}"
    if step.excluded_classes:
        words += f", not for {_names(step.excluded_classes)}"
    return words


def share_text(value: Measured, sign: bool = False) -> str:
    """``0.12 [0.08,0.17]``; "-" where nothing could be measured."""
    if value.estimate != value.estimate:
        return "-"
    low, high = value.interval
    start = f"{value.estimate:+.2f}" if sign else f"{value.estimate:.2f}"
    return f"{start} [{low:.2f},{high:.2f}]"


def swaps_text(swapped: Sequence[ClassSafety], unknown: Sequence[ClassSafety]) -> str:
    """``2 (5), 5 (2), ? 7``: classes that swap, into which, and those that are not known."""
    parts = [f"{one.class_name} ({one.taken_for})" for one in swapped]
    rest = [one.class_name for one in unknown if one not in swapped]
    if rest:
        parts.append("? " + " ".join(rest))
    return ", ".join(parts) or "none"


def rows_of(cells: Sequence[Sequence[str]]) -> list[str]:
    """The table's lines: fixed columns, the last one as long as it has to be."""
    lines = []
    for row in (HEADS, *cells):
        fixed = [cut(text, w - 1).ljust(w) for text, w in zip(row, WIDE, strict=False)]
        lines.append(("".join(fixed) + printable(row[-1])).rstrip())
    lines.insert(1, "-" * WIDTH)
    return lines


def _symptoms(found: Mapping[str, Prevalence]) -> list[str]:
    if not found:
        return ["No held-out images: how often they show what a transform answers is not known."]
    shown = [one for one in found.values() if one.shown]
    lines = []
    if shown:
        lines.append("Held-out images show more often than train images:")
        for one in shown:
            lines += wrapped(
                f"  {_word(one.symptom)} ({one.split}): {share_text(one.held_out)} of images, in "
                f"train {share_text(one.train)}; by {one.by}", "    ",
            )  # fmt: skip
    else:
        lines += wrapped(
            "Held-out images do not surely show any of these more often than train images: "
            + ", ".join(_word(name) for name in found) + "."
        )  # fmt: skip
    asked = {symptom for known in TRANSFORMS.values() for symptom in known.shown_by}
    lacking = ", ".join(_word(symptom) for symptom in sorted(asked - set(found)))
    if lacking:
        lines += wrapped(
            f"Not told by this run: {lacking}. Either all images are alike in it, or the analysis "
            "left out the detector (orientation tells what is upside down or rotated)."
        )
    lines += wrapped("Cannot be told: " + "; ".join(NOT_MEASURED) + ".")
    return lines


def _table(policy: Policy, candidates: Mapping[str, Candidate]) -> list[str]:
    cells = []
    for name, one in candidates.items():
        recommended, _ = told_of(policy, name)
        if one.weakness is None or one.safety is None or not one.weakness.curve:
            batch = name in TRANSFORMS and TRANSFORMS[name].batch
            why = "only training tells" if batch else "not measured"
            cells.append((name, why, "-", "-", "-"))
            continue
        top = one.gain.dose.levels[-1] if one.gain else one.weakness.curve[-1].level
        point = min(
            (p for p in one.weakness.curve if one.weakness.breaks_at in (None, p.level)),
            key=lambda p: -p.level,
        )
        at = f" at {point.level:g}" if TRANSFORMS[name].unit else ""
        safety = swaps_text(one.safety.swapped(top), one.safety.unknown(top))
        shown = max(one.prevalence.values(), key=lambda p: p.excess.estimate, default=None)
        gain = "no dose is safe"
        if one.gain is not None:
            low, high = one.gain.corrected
            gain = f"{one.gain.expected.estimate:+.3f} [{low:.3f},{high:.3f}]"
        if recommended:
            gain += " *"
        more = share_text(shown.excess, sign=True) if shown else "-"
        cells.append((name, share_text(point.drop) + at, more, gain, safety))
    note = (
        "* recommended. Weakness: accuracy that held-out images lose at the level where it surely "
        "falls, else at the largest. Gain: in accuracy, its interval corrected for all that was "
        "asked. Swaps: up to the largest level of the dose that the gain is of; in brackets what "
        "the copies are taken for; after ? classes of which it is not known, which are spared too."
    )
    on_train = [
        name for name, one in candidates.items()
        if one.weakness is not None and one.weakness.on == TRAIN
        and any(shares.shown for shares in one.prevalence.values())
    ]  # fmt: skip
    if on_train:
        note += f" Val shows it already, so that the weakness is that of train: {_names(on_train)}."
    return [*rows_of(cells), *wrapped(note)]


def _stages(policy: Policy) -> list[str]:
    lines = ["Stage by stage:"]
    for number, steps in enumerate(policy.stages):
        told = "; ".join(step_text(step) for step in steps) or "images as they are"
        lines += wrapped(f"  {number}: {told}", "     ")
    return lines


def _plain(one: Prevalence) -> dict[str, Any]:
    return {
        "split": one.split, "by": one.by, "train": as_json(one.train),
        "held_out": as_json(one.held_out), "excess": as_json(one.excess), "shown": one.shown,
    }  # fmt: skip


def _word(symptom: str) -> str:
    return symptom.replace("_", " ")


def _names(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + rest
