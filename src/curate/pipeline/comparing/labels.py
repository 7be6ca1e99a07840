"""What is right, where runs and the people who looked at them do not agree on an image's label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.comparison.scores import Task
from curate.errors import ComparisonError, listed
from curate.findings import Bools, Ints
from curate.numerics.copy_groups import components
from curate.pipeline.comparing.members import Member, Shared
from curate.store.journal import Journal

NEWEST, OF_A, OF_B = "newest", "A", "B"
CHOICES = (NEWEST, OF_A, OF_B)
RULES = {
    NEWEST: "the newest decision of a person on the image in any of the runs; without one, the "
    "label of the last run's source",
    OF_A: "those of the first run, with its decisions",
    OF_B: "those of the last run, with its decisions",
}
"""Where labels come from. The last run's source is the newer one wherever runs are named in the
order in which they were made, and a decision is newer than any source that was read before it."""


@dataclass(frozen=True)
class Truth:
    """The labels of shared images.

    Attributes:
        labels: (m,) class numbers; -1 for an image without a label or that a person excluded.
        differing: (m,) where not all runs give the same label, each with its own decisions.
        by_run: (k, m) the labels of each run with its own decisions.
        info: the counts, for the report.
    """

    labels: NDArray[np.int64]
    differing: Bools
    by_run: NDArray[np.int64]
    info: dict[str, Any]


def settle(members: Sequence[Member], rows: NDArray[np.int64], choice: str = NEWEST) -> Truth:
    """The label of each shared image.

    Args:
        members: the runs.
        rows: (k, m) of `Shared`.
        choice: one of `CHOICES`.

    Raises:
        ComparisonError: a decision names a class that does not exist.
    """
    names = [str(name) for name in members[0].run.info["classes"]]
    sources, own = [], []
    excluded = np.zeros(rows.shape, dtype=bool)
    for i, member in enumerate(members):
        samples = member.samples.iloc[rows[i]]
        sources.append(_numbers(samples["label"], names))
        own.append(sources[-1].copy())
        decisions = member.run.table("decisions")
        place = {sample_id: j for j, sample_id in enumerate(samples["sample_id"])}
        for said in decisions[decisions["sample_id"].isin(place)].itertuples():
            if said.action == "relabel":
                own[-1][place[said.sample_id]] = _number(str(said.value), names, member)
            elif said.action == "exclude":
                excluded[i, place[said.sample_id]] = True
    by_run = np.stack(own)
    if choice == NEWEST:
        labels, dropped, decided = _newest(members, rows, sources[-1], names)
    else:
        i = 0 if choice == OF_A else len(members) - 1
        labels, dropped = by_run[i].copy(), excluded[i]
        decided = int(((labels != sources[i]) | dropped).sum())
    differing = np.asarray((by_run != by_run[0]).any(axis=0))
    unlabelled = int(((labels < 0) & ~dropped).sum())
    labels[dropped] = -1
    info = {
        "rule": choice,
        "text": RULES[choice],
        "differing": int(differing.sum()),
        "decided": decided,
        "excluded": int(dropped.sum()),
        "unlabelled": unlabelled,
    }
    return Truth(labels, differing, by_run, info)


def _newest(
    members: Sequence[Member], rows: NDArray[np.int64], source: NDArray[np.int64], names: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
    """Labels, what is excluded, and how many images that changes, by all journals as one."""
    told = []
    for i, member in enumerate(members):
        ids = member.samples["sample_id"].iloc[rows[i]]
        place = {sample_id: j for j, sample_id in enumerate(ids)}
        told += [
            (event.time, member, place[event.sample_id], event)
            for event in Journal(member.run).events()
            if event.action in ("relabel", "exclude") and event.sample_id in place
        ]
    labels, dropped = source.copy(), np.zeros(len(source), dtype=bool)
    # A stable sort: decisions without a time, of before there were journals, come first.
    for _, member, j, event in sorted(told, key=lambda one: one[0]):
        if event.action == "exclude":
            dropped[j] = event.new is not None
        elif event.new is None:
            labels[j] = source[j]
        else:
            labels[j] = _number(event.new, names, member)
    return labels, dropped, int(((labels != source) | dropped).sum())


def _numbers(labels: pd.Series[str], names: list[str]) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = pd.Categorical(labels, categories=names).codes.astype(np.int64)
    return codes


def _number(name: str, names: list[str], member: Member) -> int:
    if name not in names:
        raise ComparisonError(
            f"Expected relabel:CLASS with one of the {len(names)} classes, found {listed([name])} "
            f"among the decisions of {member.run.path}. Correct it in the App."
        )
    return names.index(name)


def task_of(
    members: Sequence[Member], shared: Shared, truth: Truth
) -> tuple[Task, NDArray[np.int64]]:
    """The images that have a label, and their (k, n) rows in the samples of each run."""
    kept = np.flatnonzero(truth.labels >= 0)
    names = tuple(str(name) for name in members[0].run.info["classes"])
    rows = shared.rows[:, kept]
    return Task(truth.labels[kept], names, clusters(members, rows)), rows


def clusters(members: Sequence[Member], rows: NDArray[np.int64]) -> Ints:
    """(m,) numbers of what counts as one draw: a group in any run, or copies of one content."""
    words = [members[0].samples["content_digest"].iloc[rows[0]]]
    words += [one.samples["group"].iloc[own] for one, own in zip(members, rows, strict=True)]
    pairs = []
    for column in words:
        names = column.fillna("").to_numpy(dtype=str)
        known = np.flatnonzero(names != "")
        _, first, inverse = np.unique(names[known], return_index=True, return_inverse=True)
        pairs.append(np.column_stack([known, known[first][inverse.ravel()]]))
    return components(rows.shape[1], np.concatenate(pairs))
