"""A policy that was not made for these images, less the classes that it is known to spoil."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from curate.pipeline.policy_evidence import EVIDENCE_FILE
from curate.recipe.policy import Policy, Step
from curate.store.run import Run


def spared(policy: Policy, run: Run) -> Policy:
    """Leave alone, step by step, the classes whose labels the run's evidence calls unsafe.

    Those that swap, and those of which it is not known, at the step's largest magnitude or below;
    between two magnitudes that were measured the larger one counts. Steps without a name of ours,
    and runs without evidence, stay as they are.

    Args:
        policy: such as that of a preset.
        run: whose ``policy/policy_evidence.parquet`` is asked, if it is there.
    """
    path = run.path / "policy" / EVIDENCE_FILE
    if not path.is_file():
        return policy
    columns = ["transform", "level", "swaps", "not_known"]
    evidence: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas()
    stages = tuple(
        tuple(_spared(step, evidence, path, policy.classes) for step in steps)
        for steps in policy.stages
    )
    return replace(policy, stages=stages)


def _spared(step: Step, evidence: pd.DataFrame, path: Path, classes: tuple[str, ...]) -> Step:
    rows = evidence[(evidence["transform"] == step.transform) & evidence["level"].notna()]
    if rows.empty:
        return step
    above = rows.loc[rows["level"] >= step.magnitude[1], "level"]
    rows = rows[rows["level"] <= (above.min() if len(above) else rows["level"].max())]
    unsafe = {
        str(name) for column in ("swaps", "not_known") for one in rows[column] for name in one
    }
    new = [name for name in classes if name in unsafe and name not in step.excluded_classes]
    if not new:
        return step
    return replace(
        step,
        excluded_classes=(*step.excluded_classes, *new),
        reason=f"{step.reason}; {', '.join(new)} left alone by {path.parent.name}/{path.name}, "
        "since changed they are, or may be, taken for another class",
    )
