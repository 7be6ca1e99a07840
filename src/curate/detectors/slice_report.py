"""A slice in words and figures: what its images share, how weak it is, what that costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from curate.detectors.properties import WORDS
from curate.detectors.slice_columns import STAND_WORDS
from curate.detectors.slices import Column, Condition, Slice
from curate.findings import Bools, Evidence, Ints
from curate.numerics.intervals import wilson_bounds
from curate.numerics.slice_chance import Corrected
from curate.numerics.slice_search import Tested

MEMBERS = 2000
"""Images that are listed of a slice; `support` counts all."""

LOOKS = {**WORDS, **STAND_WORDS}
"""What a low and a high value of a column looks like."""

SHARED = 3
"""Statistics, classes and examples that are named of a slice."""


def told(
    groups: Sequence[Slice],
    one: int,
    twins: Sequence[int],
    tested: Tested,
    corrected: Corrected,
    columns: Sequence[Column],
    evidence: Evidence,
    rows: Ints,
    wrong: Bools,
) -> dict[str, Any]:
    """Plain JSON of one slice.

    `interval` is a score interval (Wilson) at the level that the test is corrected to, since the
    slice was chosen for being bad. `harm` is the number of mistakes over what the rest
    would make, at the lower end of Newcombe's interval of a difference (1998), each side by the
    same level.
    """  # fmt: skip
    from scipy.stats import norm

    assert evidence.pred_probs is not None
    mine, names = groups[one].members, evidence.class_names
    z = float(norm.isf(corrected.highest[one] / 2))
    design = tested.null.design[one]
    n, bad = float(tested.null.size[one]), float(tested.wrong[one] / tested.null.size[one])
    rest = float(tested.rest_rate[one])
    low, high = map(float, wilson_bounds(bad, n / design, z))
    rest_high = float(wilson_bounds(rest, float(tested.null.rest_size[one]) / design, z)[1])
    gap = bad - rest
    least = gap - float(np.hypot(bad - low, rest_high - rest))
    labels, ids = evidence.labels[rows], evidence.sample_ids[rows]
    bad_rows = mine[wrong[mine]]
    doubt = evidence.pred_probs[rows[bad_rows], labels[bad_rows]]
    worst = bad_rows[np.argsort(doubt, kind="stable")[:SHARED]]
    shared = _shared(columns, mine, labels, groups[one].conditions)
    text = in_words(groups[one].conditions)
    if any(condition["op"] == "cluster" for condition in groups[one].conditions) and shared:
        text += " (" + ", ".join(_said(entry) for entry in shared) + ")"
    return {
        "description": [dict(condition) for condition in groups[one].conditions],
        "text": text,
        "support": len(mine),
        "n_wrong": int(tested.wrong[one]),
        "accuracy": 1 - bad,
        "interval": [1 - high, 1 - low],
        "rest_accuracy": 1 - rest,
        "effect": gap,
        "harm": max(0.0, least * n),
        "p_value": float(corrected.p[one]),
        "classes": _most(names[c] for c in labels[mine]),
        "taken_for": _most(names[c] for c in evidence.pred_probs[rows[bad_rows]].argmax(axis=1)),
        "shared": shared,
        "twins": [in_words(groups[twin].conditions) for twin in twins[:SHARED]],
        "examples": [str(name) for name in ids[worst]],
        "members": [str(name) for name in ids[mine[:MEMBERS]]],
    }


def in_words(conditions: Sequence[Condition]) -> str:
    """Such as "class dog, less sharp or plainer (sharpness at most 12, the lowest 10% of them)"."""
    words: list[str] = []
    of_some = any(one["column"] in ("class", "split") for one in conditions)
    for condition in conditions:
        column, op, value = condition["column"], condition["op"], condition["value"]
        if op == "cluster":
            words.append(f"embedding cluster {value}")
        elif op == "==" and column == "split":
            words.append(f"in {value}")
        elif op == "==":
            words.append(column if value is True else f"{column} {value}")
        else:
            words.append(_cut(condition, of_some))
    return ", ".join(words)


def _cut(condition: Condition, of_some: bool) -> str:
    column, low = condition["column"], condition["op"] == "<="
    limit = f"{column} {'at most' if low else 'above'} {condition['value']:.4g}"
    part = f"the {'lowest' if low else 'highest'} {condition['share']:.0%}"
    part += " of them" if of_some else " of all"
    if column not in LOOKS:
        return f"{limit} ({part})"
    return f"{LOOKS[column][not low]} ({limit}, {part})"


def _shared(
    columns: Sequence[Column], mine: Ints, labels: Ints, given: Sequence[Condition]
) -> list[dict[str, Any]]:
    """The columns in which members differ most from others of their classes, in deviations."""
    own = np.unique(labels[mine])
    inside = np.zeros(len(labels), dtype=bool)
    inside[mine] = True
    others = np.flatnonzero(np.isin(labels, own) & ~inside)
    if not len(others):
        return []
    named = {condition["column"] for condition in given}
    found: list[dict[str, Any]] = []
    for column in columns:
        here, there = mine[column.known[mine]], others[column.known[others]]
        name = column.mark["column"] if column.mark else column.name
        if not len(here) or not len(there) or name in named:
            continue
        a, b = column.values[here], column.values[there]
        spread = float(np.sqrt((a.var() + b.var()) / 2))
        difference = float(a.mean() - b.mean())
        # Below half a deviation two groups are hardly told apart (Cohen's d).
        if abs(difference) >= 0.5 * spread and difference:
            effect = difference / max(spread, 0.1 * abs(difference))
            found.append(
                {"column": column.name, "slice": float(a.mean()), "rest": float(b.mean()),
                 "deviations": effect}
            )  # fmt: skip
    found.sort(key=lambda entry: (-abs(entry["deviations"]), entry["column"]))
    return found[:SHARED]


def _said(entry: dict[str, Any]) -> str:
    column, here, there = entry["column"], entry["slice"], entry["rest"]
    said = f"{column} {here:.3g} against {there:.3g}"
    return f"{LOOKS[column][here > there]}: {said}" if column in LOOKS else said


def _most(names: Any) -> dict[str, int]:
    counts = Counter(names)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHARED])
