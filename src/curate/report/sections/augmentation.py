"""The augmentation policy: what it does, why, and how the model fares on changed images."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from curate.report.charts import Axis, Line, line_chart
from curate.report.given import Given, PolicyShown
from curate.report.numbers import with_interval
from curate.report.page import Section, fragment

LEVELS = 2
"""Levels from which on a curve is drawn; a single one is a row of the table."""


@dataclass(frozen=True)
class Curve:
    """How accuracy falls as images are changed more: one transform."""

    name: str
    unit: str
    recommended: bool
    chart: Markup


@dataclass(frozen=True)
class Row:
    """One transform in words."""

    name: str
    recommended: bool
    at: str
    drop: str
    gain: str
    why: str


def augmentation(given: Given) -> Section | None:
    """The policy and what it rests on; None for a run without one."""
    shown = given.policy
    if shown is None:
        return None
    evidence = shown.evidence
    return Section(
        "augmentation", "Augmentations: the policy and what it rests on",
        fragment(
            "augmentation.html", shown=shown, curves=_curves(evidence), rows=_rows(shown),
            steps=any(shown.stages),
        ),
        "A transform is recommended only where held-out images show what it imitates, or the model "
        "is weak on it, and the expected gain in accuracy is surely above 0.",
        "Augmentations",
    )  # fmt: skip


def _curves(evidence: pd.DataFrame) -> list[Curve]:
    """A chart of each transform with several levels, the recommended ones first."""
    found = []
    for name, part in _by_transform(evidence):
        part = part.dropna(subset=["level", "accuracy"]).sort_values("level")
        if len(part) < LEVELS:
            continue
        level, accuracy = part["level"].tolist(), part["accuracy"].tolist()
        unit, recommended = str(part["unit"].iloc[0] or ""), bool(part["recommended"].iloc[0])
        words = name.replace("_", " ")
        line = Line(
            words, "c0" if recommended else "other", level, accuracy,
            part["accuracy_low"].tolist(), part["accuracy_high"].tolist(),
        )  # fmt: skip
        said = ", ".join(f"{a:.2f} at {x:g}" for x, a in zip(level, accuracy, strict=True))
        marks = [(float(part.loc[part["breaks"].eq(True), "level"].min()), "surely falls")]
        chart = line_chart(
            f"Accuracy on images changed by {words}: {said} {unit}".strip(), [line],
            Axis(f"{words}, {unit}" if unit else words, min(0.0, level[0]), level[-1]),
            Axis("accuracy", 0, 1), marks if part["breaks"].eq(True).any() else (),
        )  # fmt: skip
        found.append(Curve(words, unit, recommended, chart))
    return sorted(found, key=lambda curve: not curve.recommended)


def _rows(shown: PolicyShown) -> list[Row]:
    """Every transform: what changed images lose, and what it would bring."""
    rows = []
    for name, part in _by_transform(shown.evidence):
        worst = part.dropna(subset=["level", "drop"]).sort_values("level").tail(1)
        first = part.iloc[0]
        at = drop = ""
        if len(worst):
            one = worst.iloc[0]
            at = _level(float(one["level"]), str(one["unit"] or ""))
            change, low, high = (0.0 - one[name] for name in ("drop", "drop_high", "drop_low"))
            drop = with_interval(change, (low, high), sign=True)
        gain = "not measured"
        if pd.notna(first["gain"]):
            gain = with_interval(first["gain"], (first["gain_low"], first["gain_high"]), sign=True)
        rows.append(
            Row(
                name.replace("_", " "), bool(first["recommended"]), at, drop, gain,
                str(first["why"] or ""),
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: not row.recommended)


def _level(level: float, unit: str) -> str:
    """How strongly, in words; nothing for a transform that is on or off."""
    if not unit:
        return ""
    return f"at {level:g} {unit}" if unit.startswith(("%", "degree")) else f"at {level:g} ({unit})"


def _by_transform(evidence: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    if not len(evidence):
        return []
    return [(str(name), part) for name, part in evidence.groupby("transform", sort=False)]
