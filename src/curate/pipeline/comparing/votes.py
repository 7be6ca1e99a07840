"""A vote of all runs of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.comparison import voting
from curate.comparison.pair import Pair, compare
from curate.comparison.scores import Predicted, Task
from curate.errors import ComparisonError
from curate.pipeline.comparing.labels import settle, task_of
from curate.pipeline.comparing.members import Member, Shared, shared_images
from curate.pipeline.comparing.report import pair_report


def vote_report(
    how: str, task: Task, models: Sequence[Predicted],
    chosen_on: tuple[str, Task, Sequence[Predicted]] | None, split: str, rng: np.random.Generator,
) -> tuple[Pair, dict[str, Any]]:  # fmt: skip
    """A vote beside the best single model, and what it goes by.

    Args:
        how: "hard" or "soft".
        task: the images.
        models: what each says of them.
        chosen_on: of `choosing_images`.
        split: the split measured.
        rng: for folds and the bootstrap.
    """
    found = voting.vote(how, task, models, chosen_on, split, rng)
    pair = compare(task, found.best, found.predicted, rng)
    where = (
        f"in folds of the {split} images, for each by all the others"
        if found.crossed
        else f"on the {found.chosen_on} images"
    )
    about: dict[str, Any] = {
        "how": how,
        "models": [one.name for one in models],
        "best_single": list(found.chosen),
        "chosen": where,
        "weights": None,
        "gain": pair_report(pair),
    }
    if found.weights is not None:
        w = found.weights
        low, high = w.interval
        about["weights"] = {
            "used": _by_name(models, w.used),
            "fitted": _by_name(models, w.fitted),
            "least_over_folds": _by_name(models, w.over_folds[:, 0]),
            "largest_over_folds": _by_name(models, w.over_folds[:, 1]),
            "log_loss_gain": w.gain,
            "log_loss_gain_interval": [low, high],
            "supported": w.supported,
        }
    return pair, about


def choosing_images(
    members: Sequence[Member], shared: Shared, labels: str, intersect: bool
) -> tuple[str, Task, list[Predicted]] | None:
    """The val images of all runs, to choose the best single and the weights on; None without.

    Runs that are folds of one training have different ones, which cannot be chosen on.
    """
    if shared.split == "val" or any("val" not in set(one.samples["split"]) for one in members):
        return None
    try:
        val = shared_images(members, "val", intersect)
    except ComparisonError:
        return None
    truth = settle(members, val.rows, labels)
    task, rows = task_of(members, val, truth)
    if not len(task):
        return None
    said_of = [Predicted(one.name, one.probs(own)) for one, own in zip(members, rows, strict=True)]
    return "val", task, said_of


def _by_name(models: Sequence[Predicted], weights: NDArray[np.float64]) -> dict[str, float]:
    return {model.name: float(w) for model, w in zip(models, weights, strict=True)}
