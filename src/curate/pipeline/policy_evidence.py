"""The evidence behind a policy as a table: one row a transform and level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.recipe.policy import Policy
from curate.recipe.transforms import TRANSFORMS
from curate.remedies.augmented import Measured
from curate.remedies.label_safety import NOT_KNOWN, SAFE, SWAPS
from curate.remedies.recommend import Candidate
from curate.store.files import atomic

EVIDENCE_FILE = "policy_evidence.parquet"

_SHARE = pa.float64()
COLUMNS: Mapping[str, pa.DataType] = {
    "transform": pa.string(),
    "level": pa.float64(),
    "unit": pa.string(),
    "on": pa.string(),
    "n": pa.int64(),
    "accuracy": _SHARE, "accuracy_low": _SHARE, "accuracy_high": _SHARE,
    "drop": _SHARE, "drop_low": _SHARE, "drop_high": _SHARE,
    "p_true_drop": _SHARE, "p_true_drop_low": _SHARE, "p_true_drop_high": _SHARE,
    "breaks": pa.bool_(),
    "symptom": pa.string(),
    "in_train": _SHARE, "in_held_out": _SHARE,
    "excess": _SHARE, "excess_low": _SHARE, "excess_high": _SHARE,
    "n_safe": pa.int32(), "n_swaps": pa.int32(), "n_not_known": pa.int32(),
    "swaps": pa.list_(pa.string()), "not_known": pa.list_(pa.string()),
    "worst_class": pa.string(), "taken_for": pa.string(),
    "taken": _SHARE, "taken_low": _SHARE, "taken_high": _SHARE,
    "gain": _SHARE, "gain_low": _SHARE, "gain_high": _SHARE, "gain_p": _SHARE,
    "in_dose": pa.bool_(),
    "recommended": pa.bool_(),
    "why": pa.string(),
}  # fmt: skip
"""Of `policy_evidence.parquet`; every estimate with the ends of its 95 % interval beside it.

- transform, level, unit: what was done to the copies; mixup and cutmix have one row, no level.
- on, n: the held-out images; accuracy: on their copies; drop, p_true_drop: what accuracy and the
  probability of the true class lost against the same images as they are, paired.
- breaks: this level is, or lies beyond, the one at which accuracy surely falls.
- symptom: of those that the transform answers, the one that held-out images show most in excess;
  in_train, in_held_out, excess: the shares of images, and their difference (simultaneous interval).
- n_safe, n_swaps, n_not_known: classes by verdict at this level; swaps, not_known: which.
- worst_class, taken_for, taken: the class of whose copies the largest share is taken for another.
- gain: expected gain in accuracy of the dose that was chosen, gain_low and gain_high corrected for
  all that was asked, gain_p likewise; the same on every row of a transform. in_dose: this level is
  part of that dose.
- recommended: the policy has the transform; why: its reason, or why it was left out.
"""


def write_evidence(policy: Policy, candidates: Mapping[str, Candidate], path: Path) -> None:
    """Write the table, whole or not at all."""
    rows = [row for name, one in candidates.items() for row in _rows(policy, name, one)]
    columns = {
        name: pa.array([row.get(name) for row in rows], type=kind) for name, kind in COLUMNS.items()
    }
    with atomic(path) as file:
        pq.write_table(pa.table(columns), file)


def told_of(policy: Policy, name: str) -> tuple[bool, str]:
    """Whether a policy has a transform, and its reason, or why it was left out."""
    steps = [step for step in policy.stages[-1] if step.transform == name]
    if steps:
        return True, steps[0].reason
    return False, next((left.why for left in policy.left_out if left.transform == name), "")


def _rows(policy: Policy, name: str, one: Candidate) -> Sequence[dict[str, Any]]:
    recommended, why = told_of(policy, name)
    common: dict[str, Any] = {"transform": name, "recommended": recommended, "why": why}
    if one.gain is not None:
        low, high = one.gain.corrected
        common |= {
            "gain": one.gain.expected.estimate, "gain_low": low, "gain_high": high,
            "gain_p": one.gain.p_value,
        }  # fmt: skip
    if one.prevalence:
        shown = max(one.prevalence.values(), key=lambda found: found.excess.estimate)
        common |= {
            "symptom": shown.symptom, "in_train": shown.train.estimate,
            "in_held_out": shown.held_out.estimate, **_measured("excess", shown.excess),
        }  # fmt: skip
    if one.weakness is None:
        return [common]
    unit = TRANSFORMS[name].unit if name in TRANSFORMS else ""
    breaks = one.weakness.breaks_at
    rows = []
    for point in one.weakness.curve:
        row = common | {
            "level": point.level, "unit": unit, "on": one.weakness.on, "n": point.accuracy.n,
            **_measured("accuracy", point.accuracy), **_measured("drop", point.drop),
            **_measured("p_true_drop", point.p_true_drop),
            "breaks": breaks is not None and point.level >= breaks,
            "in_dose": one.gain is not None and point.level in one.gain.dose.levels,
        }  # fmt: skip
        rows.append(row | _safety(one, point.level))
    return rows


def _safety(one: Candidate, level: float) -> dict[str, Any]:
    if one.safety is None or not one.safety.classes:
        return {}
    classes = one.safety.at(level)
    by = {
        verdict: [c.class_name for c in classes if c.verdict == verdict]
        for verdict in (SAFE, SWAPS, NOT_KNOWN)
    }
    worst = max(classes, key=lambda c: c.taken.estimate)
    return {
        "n_safe": len(by[SAFE]), "n_swaps": len(by[SWAPS]), "n_not_known": len(by[NOT_KNOWN]),
        "swaps": by[SWAPS], "not_known": by[NOT_KNOWN], "worst_class": worst.class_name,
        "taken_for": worst.taken_for, **_measured("taken", worst.taken),
    }  # fmt: skip


def _measured(name: str, value: Measured) -> dict[str, float]:
    low, high = value.interval
    return {name: value.estimate, f"{name}_low": low, f"{name}_high": high}
