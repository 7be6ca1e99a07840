"""The tables of a comparison: classes, slices and findings, each with a drawn interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from curate.comparison.change import BETTER, WORSE
from curate.report.numbers import number, with_interval
from curate.report.page import fragment

MOST = 60
"""Rows of a table; comparison.json has all."""

BY_CHANCE = (
    "not tested: the images were chosen by the first run's own mistakes, which are partly chance. "
    "Some of them turn right in any other model, so no verdict is drawn."
)


@dataclass(frozen=True)
class _Drawn:
    """A change and its interval, on a scale from 0 to 1 that all rows share; None: not known."""

    text: str
    at: float
    low: float | None
    high: float | None
    colour: str


@dataclass(frozen=True)
class _Row:
    name: str
    before: tuple[str, ...]
    change: _Drawn
    after: tuple[str, ...]


def classes(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The F1 of every class in which an image changed, the surest change first."""
    changed = [one for one in rows if one["fixed"] or one["broken"]]
    changed.sort(key=lambda one: (one["p_value"], -abs(one["f1"]["change"])))
    if not changed:
        return Markup("<p>No image of any class changed.</p>")
    scale = _scale([(one["f1"]["change"], one["f1"]["interval"]) for one in changed])
    made = [
        _Row(
            one["class"],
            (number(one["images"]), f"{one['f1']['a']:.3f}", f"{one['f1']['b']:.3f}"),
            _drawn(one["f1"]["change"], one["f1"]["interval"], scale, one["verdict"]),
            (number(one["fixed"]), number(one["broken"]), p_text(one["p_adjusted"]),
             one["verdict"]),
        )
        for one in changed[:MOST]
    ]  # fmt: skip
    heads = ("class", "images", "F1 before", "F1 after", "change (95 %)", "", "fixed", "broken",
             "p (Holm)", "verdict")  # fmt: skip
    return _table("Classes", heads, made, len(changed))


def slices(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The share of right images of every slice."""
    return _parts("Slices", "slice", rows, "", [])


def found(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The same of what the first run found, and how much of it is found again."""
    if not rows:
        return Markup("<p>The first run found nothing on these images.</p>")
    said = [
        f"Of {number(one['images'])} images with {one['name'].replace('_', ' ')}, "
        f"{number(one['right_a'])} were right and {number(one['right_b'])} are right now."
        for one in rows
        if one["verdict"] in (BETTER, WORSE)
    ]
    return _parts("Findings", "found before", rows, "found again", said)


def p_text(value: float | None) -> str:
    """A p value as a person reads it."""
    if value is None:
        return "not tested"
    return "< .0001" if value < 1e-4 else f"{value:.2g}"


def _parts(
    label: str, head: str, rows: Sequence[Mapping[str, Any]], again: str, said: Sequence[str]
) -> Markup:
    ranked = sorted(rows, key=lambda one: (one["p_value"] is None, one["p_value"] or 0.0))
    scale = _scale([(one["change"], one["interval"]) for one in ranked])
    made = []
    for one in ranked[:MOST]:
        after: tuple[str, ...] = (p_text(one["p_adjusted"]), one["verdict"] or "not drawn")
        if again:
            still = one["still_found"]
            after = ("not looked for" if still is None else number(still), *after)
        made.append(
            _Row(
                one["name"].replace("_", " "),
                (number(one["images"]), number(one["right_a"]), number(one["right_b"])),
                _drawn(one["change"], one["interval"], scale, one["verdict"]),
                after,
            )
        )
    heads = (head, "images", "right before", "right after", "change of share (95 %)", "",
             *((again,) if again else ()), "p (Holm)", "verdict")  # fmt: skip
    by_mistakes = any(one["chosen_by_mistakes_of_a"] for one in rows)
    return _table(label, heads, made, len(ranked), said, BY_CHANCE if by_mistakes else "")


def _table(
    label: str, heads: Sequence[str], rows: Sequence[_Row], of: int, said: Sequence[str] = (),
    note: str = "",
) -> Markup:  # fmt: skip
    if of > len(rows):
        note = f"{number(of - len(rows))} more are in comparison.json. {note}".strip()
    return fragment(
        "comparison_rows.html", label=label, heads=heads, rows=rows, said=said, note=note
    )


def _scale(changes: Sequence[tuple[float, Sequence[float] | None]]) -> float:
    """The largest end of an interval, so that all rows are drawn alike and none is cut off."""
    ends = [abs(end) for change, interval in changes for end in (change, *(interval or ()))]
    return max([*ends, 0.01])


def _drawn(
    change: float, interval: Sequence[float] | None, scale: float, verdict: str | None
) -> _Drawn:
    colour = {BETTER: "right", WORSE: "wrong"}.get(verdict or "", "muted")

    def place(value: float) -> float:
        return (value / scale + 1) / 2

    if interval is None:
        return _Drawn(f"{change:+.3f}, not known how surely", place(change), None, None, colour)
    low, high = interval
    text = with_interval(change, (low, high), sign=True)
    return _Drawn(text, place(change), place(low), place(high), colour)
