"""What a curriculum comes to on a run: who is where and why, and what each epoch trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curate.pipeline.curriculum import (
    Plan,
    check_policy,
    policy_of,
)
from curate.pipeline.decided import check_trainable, edited, trained
from curate.recipe.sampling import active, weights
from curate.recipe.schedule import EVIDENCE, PRESETS, Schedule, Stage, controls_of
from curate.remedies.tiering import REVIEW
from curate.store.run import Run

if TYPE_CHECKING:
    from curate.recipe.policy import Policy

UNTYPED = "no type"
PERSON = "by a person"


def curriculum_facts(run: Run, plan: Plan) -> dict[str, Any]:
    """A curriculum in numbers, as plain JSON values.

    Args:
        run: a finished run.
        plan: what was chosen.

    Raises:
        ExportError: a class is left without images, or a decision cannot be carried out.
        CurriculumError: the schedule asks for what its policy has not.
    """
    samples = edited(run, plan.tiering).samples
    check_trainable(samples, plan.tiering)
    classes = [str(name) for name in run.info["classes"]]
    policy = policy_of(plan.policy, tuple(classes), int(run.info["seed"]), run)
    check_policy(plan, policy)
    table = trained(samples, plan.tiering).reset_index(drop=True)
    held = samples[(samples["split"] == "train") & (samples["tier"] == REVIEW)]
    stages = [
        _stage(table, plan.schedule, stage, int(run.info["seed"])) for stage in plan.schedule.stages
    ]
    preset = PRESETS.get(plan.schedule.preset)
    both = pd.concat([table, held])
    names = [*plan.tiering.names, REVIEW]
    return {
        "run": str(run.path),
        "tiering": {**plan.tiering.to_json(), "described": plan.tiering.described()},
        "tiers": {name: int((both["tier"] == name).sum()) for name in names},
        "classes": _crossed(both["label"], both["tier"], classes, names),
        "types": _types(run, both, names),
        "oversampled": _oversampled(table),
        "preset": plan.schedule.preset,
        "summary": preset.summary if preset else "",
        "source": preset.source if preset else "",
        "epochs": plan.schedule.epochs,
        "stages": stages,
        "policy": {"file": plan.policy, "stages": _steps(policy)} if policy else None,
        "late_classes": _late(table, plan.schedule, stages, classes, int(run.info["seed"])),
        "evidence": EVIDENCE,
        "controls": [
            {"preset": control.preset, "summary": PRESETS[control.preset].summary}
            for control in controls_of(plan.schedule)
        ],
    }


def _stage(table: pd.DataFrame, schedule: Schedule, stage: Stage, seed: int) -> dict[str, Any]:
    """A stage and what its first epoch trains on; the others of it differ by one draw at most."""
    by_loss = stage.order == "loss"
    known = np.zeros(len(table)) if by_loss else None
    rows = active(table, schedule, stage.start_epoch, seed, known)
    drawn = weights(table, stage, rows)
    tiers = table["tier"].iloc[rows].value_counts()
    return {
        "start_epoch": stage.start_epoch,
        "end_epoch": stage.end_epoch,
        "tiers": list(stage.tiers),
        "share": stage.share,
        "order": stage.order,
        "images": len(rows),
        "drawn": round(float(drawn.sum())),
        "most_often": round(float(drawn.max(initial=0)), 2),
        # Which images have the lowest loss is known in training only.
        "by_tier": None if by_loss else {
            name: int(tiers.get(name, 0)) for name in schedule.tiers
        },
        "policy_stage": stage.policy_stage,
        "balance": stage.balance,
        "resample": stage.resample,
        "lr_factor": stage.lr_factor,
        "lr_scale": schedule.lr_scale(stage.start_epoch),
    }  # fmt: skip


def _types(run: Run, table: pd.DataFrame, names: list[str]) -> dict[str, dict[str, int]]:
    """Per type of difficulty, how many images of it are in each tier."""
    findings = run.table("findings")
    of = {
        kind: findings[findings["kind"] == kind].set_index("sample_id").reindex(table["sample_id"])
        for kind in ("hard", "label_error")
    }
    types = of["hard"]["type"].fillna("").to_numpy(dtype=object)
    types = np.where(of["label_error"]["flagged"].eq(True), "label error", types)
    types = np.where(table["reason"].str.startswith("person:"), PERSON, types)
    types = np.where(types == "", UNTYPED, types)
    kinds = [UNTYPED, *sorted({*types} - {UNTYPED, PERSON}), PERSON]
    found = _crossed(pd.Series(types), table["tier"].reset_index(drop=True), kinds, names)
    return {kind: counts for kind, counts in found.items() if any(counts.values())}


def _crossed(
    first: pd.Series[Any], second: pd.Series[Any], rows: list[str], columns: list[str]
) -> dict[str, dict[str, int]]:
    """Counts of each pair of values."""
    counts = pd.crosstab(first.to_numpy(dtype=object), second.to_numpy(dtype=object))
    counts = counts.reindex(index=rows, columns=columns, fill_value=0)
    numbers = counts.to_numpy(dtype=int).tolist()
    return {
        row: dict(zip(columns, own, strict=True)) for row, own in zip(rows, numbers, strict=True)
    }


def _oversampled(table: pd.DataFrame) -> dict[str, Any]:
    """How many images are drawn more than once by their own weight, and how often."""
    own = table.loc[table["weight"] > 1, "weight"]
    return {"images": len(own), "most": round(float(own.max()), 2) if len(own) else 1.0}


def _late(
    table: pd.DataFrame, schedule: Schedule, stages: list[dict[str, Any]], classes: list[str],
    seed: int,
) -> dict[str, int]:  # fmt: skip
    """Classes without an image in the first epochs, and the epoch at which they join."""
    found: dict[str, int] = {}
    waiting = set(table["label"])
    for stage, said in zip(schedule.stages, stages, strict=True):
        if not waiting:
            break
        if stage.order == "loss":
            inside = table[table["tier"].isin(stage.tiers)]
        else:
            inside = table.iloc[active(table, schedule, stage.start_epoch, seed)]
        for name in waiting & set(inside["label"]):
            found[name] = said["start_epoch"]
        waiting -= set(inside["label"])
    return {name: found[name] for name in classes if found.get(name, 0) > 0}


def _steps(policy: Policy | None) -> list[list[str]]:
    """Each step of each stage of a policy in a few words."""
    return [
        [
            f"{step.transform.removeprefix('albumentations:')} p {step.probability:g}"
            + (f" {low:g} to {high:g}" if (low, high) != (1, 1) else "")
            + (f", not {', '.join(step.excluded_classes)}" if step.excluded_classes else "")
            for step in steps
            for low, high in [step.magnitude]
        ]
        for steps in (policy.stages if policy else ())
    ]
