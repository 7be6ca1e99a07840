"""Two or more runs on the same images: what was fixed, what broke, and is the gain real?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.comparison.change import Change
from curate.comparison.pair import Pair, compare
from curate.comparison.parts import compare_parts
from curate.comparison.scores import Predicted
from curate.errors import ComparisonError
from curate.findings import stage_rng
from curate.numerics.paired import holm, paired_difference
from curate.pipeline.comparing.labels import (
    NEWEST,
    OF_A,
    OF_B,
    Truth,
    clusters,
    settle,
    task_of,
)
from curate.pipeline.comparing.members import (
    SPLITS,
    Member,
    Shared,
    members_of,
    shared_images,
)
from curate.pipeline.comparing.models import model_row
from curate.pipeline.comparing.parts import Place, found_in, slices
from curate.pipeline.comparing.report import pair_report
from curate.pipeline.comparing.votes import choosing_images, vote_report
from curate.store.run import Run

FORMAT = "curate.comparison"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Compared:
    """A comparison of runs.

    Attributes:
        report: all of it as plain JSON values; see `curate.pipeline.comparing.files`.
        members: the runs.
        rows: (k, n) the rows of the images that count, in the samples of each run.
        pairs: each other run beside the first, in the order given.
        vote: the vote beside the best single model, if one was asked for.
    """

    report: dict[str, Any]
    members: list[Member]
    rows: NDArray[np.int64]
    pairs: list[Pair]
    vote: Pair | None = None

    def ids(self, chosen: NDArray[np.bool_], run: int = 0) -> list[str]:
        """Sample ids in one run of some of the images."""
        samples = self.members[run].samples["sample_id"].to_numpy(dtype=str)
        return [str(one) for one in samples[self.rows[run][chosen]]]


def compare_runs(
    runs: Sequence[Run | str | Path],
    *,
    split: str | None = None,
    intersect: bool = False,
    vote: str | None = None,
    labels: str = NEWEST,
) -> Compared:
    """Compare the first run with each of the others on the images that all have.

    Args:
        runs: two or more finished runs of one class list; the first is the one to improve on.
        split: "test", "val" or "train"; None takes the first of these with labels in every run.
        intersect: go on with the shared images where runs have different ones.
        vote: "hard" or "soft" compares a vote of all runs with the best single one, too.
        labels: "newest", "A" or "B"; see `curate.pipeline.comparing.labels`.

    Raises:
        ComparisonError: the runs cannot be compared as asked.
        RunError: one is no finished run.
    """
    members = members_of(runs)
    shared = shared_images(members, split, intersect)
    truth = settle(members, shared.rows, labels)
    task, rows = task_of(members, shared, truth)
    if not len(task):
        raise ComparisonError(
            f"Expected labelled {shared.split} images that the runs share, found none among "
            f"{shared.rows.shape[1]}. Label some, or choose another --split."
        )
    rng = stage_rng(int(members[0].run.info["seed"]), "compare")
    models = [Predicted(one.name, one.probs(own)) for one, own in zip(members, rows, strict=True)]
    pairs = [compare(task, models[0], other, rng) for other in models[1:]]
    table = [
        model_row(member, task, model, rng) for member, model in zip(members, models, strict=True)
    ]
    report: dict[str, Any] = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "runs": [{"name": one.name, "run": str(one.run.path)} for one in members],
        "classes": list(task.class_names),
        "split": shared.split,
        "images": len(task),
        "draws": task.n_clusters,
        "matched": shared.info,
        "labels": {**truth.info, **_under_each(members, shared, truth, labels)},
        "notes": _notes(members, shared),
        "models": table,
        "comparisons": _comparisons(members, rows, pairs),
    }
    voted = None
    if vote is not None:
        chosen_on = choosing_images(members, shared, labels, intersect)
        voted, report["vote"] = vote_report(vote, task, models, chosen_on, shared.split, rng)
        table.append(model_row(None, task, voted.b, rng))
    return Compared(report, members, rows, pairs, voted)


def _comparisons(
    members: Sequence[Member], rows: NDArray[np.int64], pairs: Sequence[Pair]
) -> list[dict[str, Any]]:
    adjusted = holm(np.array([pair.accuracy.p_value for pair in pairs], dtype=float))
    return [
        _comparison(members[0], b, rows[0], own, pair, float(p))
        for b, own, pair, p in zip(members[1:], rows[1:], pairs, adjusted, strict=True)
    ]


def _comparison(
    a: Member, b: Member, rows_a: NDArray[np.int64], rows_b: NDArray[np.int64], pair: Pair,
    p_adjusted: float,
) -> dict[str, Any]:  # fmt: skip
    place_a, place_b = _places(a, rows_a), _places(b, rows_b)
    parts = slices(a, place_a)
    found = found_in(a, b, place_a, place_b)
    return {
        **pair_report(pair, p_adjusted),
        "slices": compare_parts(pair.task, pair.a, pair.b, parts),
        "findings": compare_parts(pair.task, pair.a, pair.b, found),
    }


def _places(member: Member, rows: NDArray[np.int64]) -> Place:
    return {str(one): j for j, one in enumerate(member.samples["sample_id"].iloc[rows])}


def _under_each(
    members: Sequence[Member], shared: Shared, truth: Truth, choice: str
) -> dict[str, Any]:
    """Where runs have different labels: the change of accuracy under the labels of either."""
    if not truth.differing.any():
        return {}
    under = {}
    for i in range(1, len(members)):
        for rule, source in ((OF_A, 0), (OF_B, i)):
            kept = np.flatnonzero((truth.by_run[source] >= 0) & (truth.labels >= 0))
            own = truth.by_run[source][kept]
            rows = shared.rows[:, kept]
            right = [
                members[at].probs(rows[at]).argmax(axis=1) == own for at in (0, i)
            ]  # fmt: skip
            groups = clusters(members, rows)
            change, interval = paired_difference(right[0], right[1], groups)
            one = Change(float(right[0].mean()), float(right[1].mean()), change, interval)
            name = f"{members[i].name} by the labels of {members[source].name}"
            under[name] = {"rule": rule, "images": len(kept), **one.as_json(), "text": one.text()}
    return {"under_each": under, "choice": choice}


def _notes(members: Sequence[Member], shared: Shared) -> list[str]:
    notes = []
    for member, rows in zip(members, shared.rows, strict=True):
        inside = member.run.info.get("in_sample", {})
        if shared.split in inside.get("splits", []):
            notes.append(f"{member.name} has seen the {shared.split} images: {inside['why']}")
        elif shared.split == "train":
            notes.append(f"{member.name} predicts each train image by a probe of other folds")
        else:
            copies = _in_train(member, rows)
            if copies:
                notes.append(
                    f"{copies} of these images are in the train split of {member.name} too, byte "
                    "for byte: it may know them by heart (see split_leak)"
                )
        spare = shared.info["runs"][member.name]["spare_copies"]
        if spare:
            notes.append(f"{spare} further copies of shared images in {member.name} are left out")
    return notes


def _in_train(member: Member, rows: NDArray[np.int64]) -> int:
    digests = member.samples["content_digest"]
    train = set(digests[member.samples["split"] == "train"])
    return int(digests.iloc[rows].isin(train).sum())


__all__ = ["FORMAT", "SPLITS", "Compared", "compare_runs"]
