"""Acts of a person in the App: what each changes, written to the journal before the dataset.

A decision is on the disk before this returns. Whoever decides holds the journal's lock from
looking to writing, so that two people, or two tabs, decide one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from curate.app.decisions import reconcile
from curate.data.views import VIEWS
from curate.errors import ExportError, listed
from curate.findings import KEEP
from curate.store.journal import Change, Event, Journal
from curate.store.run import Run
from curate.store.schema import DECISION_TAGS

PLUGIN = "app:plugin"
"""Where these decisions are taken, as the journal calls it."""

ACCEPTED = {
    "label_error": "relabel",
    "label_conflict": "relabel",
    "orientation": "turn",
    "near_duplicate": "exclude",
    "split_leak": "exclude",
    "outlier": "exclude",
    "image_quality": "exclude",
    "hard": "hard",
    "confusable": "hard",
}
"""What it means to accept a finding. Of the other kinds, no single image is to blame."""


def verdicts(ids: Iterable[str], action: str | None, finding: str = "") -> list[Change]:
    """Call images hard, easy, exclude or ok, in place of what they were called; None takes back."""
    return [
        Change(one, tag, "" if tag == action else None, finding)
        for one in ids
        for tag in DECISION_TAGS
    ]


def relabels(ids: Iterable[str], label: str | None, finding: str = "") -> list[Change]:
    """Give images a label; None puts back the one of the run."""
    return [Change(one, "relabel", label, finding) for one in ids]


def turns(ids: Iterable[str], view: str | None, finding: str = "") -> list[Change]:
    """Say which turn sets images upright; None takes it back.

    Raises:
        ExportError: there is no such turn.
    """
    if view is not None and view not in VIEWS:
        raise ExportError(f"Expected a turn of {', '.join(VIEWS)}, found {view!r}. Choose one.")
    return [Change(one, "turn", view, finding) for one in ids]


def flagged(run: Run, kind: str, ids: Iterable[str]) -> pd.DataFrame:
    """The findings of a kind on those of the images that it flags, worst first."""
    table = run.table("findings")
    mine = table[(table["kind"] == kind) & table["flagged"] & table["sample_id"].isin(set(ids))]
    return mine.sort_values("rank")


def accept(run: Run, kind: str, ids: Iterable[str]) -> list[Change]:
    """Do what a finding advises, to those of the images that it flags.

    A suspected label becomes the suggested one, a turned image is set upright, of copies all but
    the one to keep are excluded, as is what does not belong; a hard image is called hard.

    Raises:
        ExportError: there is nothing to do about a single image of this kind.
    """
    action = ACCEPTED.get(kind)
    if action is None:
        raise ExportError(
            f"Expected a kind that says what to do with an image, one of {', '.join(ACCEPTED)}, "
            f"found {kind}. Mark the images one by one."
        )
    rows = flagged(run, kind, ids)
    if action in DECISION_TAGS:
        return verdicts(rows.loc[rows["suggestion"] != KEEP, "sample_id"], action, kind)
    told = rows[rows["suggestion"] != ""]
    return [
        Change(str(row["sample_id"]), action, str(row["suggestion"]), kind)
        for row in told.to_dict("records")
    ]


def reject(run: Run, kind: str, ids: Iterable[str]) -> list[Change]:
    """Say of those of the images that a finding flags that they are ok."""
    return verdicts(flagged(run, kind, ids)["sample_id"], "ok", kind)


def decide(run: Run, dataset: Any, changes: Sequence[Change]) -> list[Event]:
    """Take decisions: into the journal, then into the dataset.

    Returns:
        The events written; what was so already makes none.

    Raises:
        ExportError: a class that the run does not have; or tags on one of these images contradict
            each other, and a person must say which one is meant.
    """
    _check_classes(run, changes)
    ids = list(dict.fromkeys(change.sample_id for change in changes))
    journal = Journal(run)
    with journal.locked():
        _agree(run, dataset, journal, ids)
        events = journal.write(changes, PLUGIN)
        _agree(run, dataset, journal, ids)
    return events


def undo(run: Run, dataset: Any) -> tuple[list[Event], int]:
    """Take back the last act of the plugin that still stands.

    Returns:
        The events written, none if there is nothing left to take back, and on how many images
        something was decided since, which stays.
    """
    journal = Journal(run)
    with journal.locked():
        act = journal.last_act(PLUGIN)
        if not act:
            return [], 0
        ids = list(dict.fromkeys(event.sample_id for event in act))
        _agree(run, dataset, journal, ids)
        written, kept = journal.undo(act)
        _agree(run, dataset, journal, ids)
    return written, kept


def _agree(run: Run, dataset: Any, journal: Journal, ids: list[str]) -> None:
    if problems := reconcile(run, dataset, journal, ids):
        raise ExportError(" ".join(problems))


def _check_classes(run: Run, changes: Iterable[Change]) -> None:
    known = set(run.info.get("classes", []))
    labels = {change.value for change in changes if change.action == "relabel"}
    strange = sorted(label for label in labels if label is not None and label not in known)
    if strange:
        raise ExportError(
            f"Expected one of the {len(known)} classes of the run, found {listed(strange)}. "
            "Choose a class that is there, or exclude the images."
        )
