"""The table of models: what each is, what it costs, how well it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curate.comparison.parts import share_interval
from curate.comparison.scores import Predicted, Task
from curate.numerics.intervals import bootstrap_macro_f1, f1_scores
from curate.numerics.metrics import calibration_error, confusion_matrix
from curate.pipeline.comparing.members import Member
from curate.store.run import Run

NOT_RECORDED = "not recorded"


def cost_of(run: Run) -> dict[str, Any]:
    """What `run.json` records of a run's model; null where it records nothing.

    Where predictions were given, their model is not the one that embedded the images, and nothing
    is known of what it costs.
    """
    settings, inference = run.info["settings"], run.info.get("inference") or {}
    if settings.get("predictions"):
        names = ", ".join(Path(path).name for path in settings["predictions"])
        return {
            "model": f"predictions of {names}", "img_size": None, "parameters": None,
            "weights_bytes": None, "images_per_second": None, "device": None,
        }  # fmt: skip
    return {
        "model": settings["model"],
        "img_size": inference.get("img_size"),
        "parameters": inference.get("parameters"),
        "weights_bytes": inference.get("weights_bytes"),
        "images_per_second": inference.get("images_per_second"),
        "device": inference.get("device"),
    }


def model_row(
    member: Member | None, task: Task, predicted: Predicted, rng: np.random.Generator
) -> dict[str, Any]:
    """One row of the table.

    Args:
        member: the run; None for a vote, whose cost is that of all its models.
        task: the images.
        predicted: what the model says of them.
        rng: for the interval of macro F1.
    """
    right = predicted.right(task)
    confusion = confusion_matrix(task.labels, predicted.classes, len(task.class_names))
    cost = {} if member is None else cost_of(member.run)
    return {
        "name": predicted.name,
        "run": None if member is None else str(member.run.path),
        "accuracy": float(right.mean()),
        "accuracy_interval": list(share_interval(right, task.clusters)),
        "macro_f1": float(np.nan_to_num(f1_scores(confusion))[task.supported].mean()),
        "macro_f1_interval": list(bootstrap_macro_f1(confusion, rng)),
        "expected_calibration_error": calibration_error(task.labels, predicted.probs),
        **cost,
    }


def in_words(value: float | None, unit: str) -> str:
    """A cost as a person reads it, such as "5.3 M" parameters, "21 MB" or "840" images/s."""
    if value is None:
        return NOT_RECORDED
    if unit == "images/s":
        return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            short = value / size
            return f"{short:.0f} {letter}{unit}" if short >= 100 else f"{short:.1f} {letter}{unit}"
    return f"{value:.0f} {unit}".strip()
