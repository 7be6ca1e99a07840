"""What people decided: the journal of the run and the dataset, brought to say the same.

Three things speak of an image: the journal; the dataset (its tags and its label); and
`DECIDED_FIELD`, what both said when they last agreed. Where the dataset has moved away from that,
a person tagged or edited in the App, and the journal learns it. Where the journal has, a decision
did not reach the dataset (the process died, or another database was used), and it is written there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from curate.app.database import connect, quiet
from curate.app.fields import plain
from curate.app.marks import actions_of, apply_marks, marks_of
from curate.app.names import DECIDED_FIELD, ID_FIELD, LABELS, dataset_name
from curate.data.views import VIEWS
from curate.errors import ExportError, listed
from curate.progress import log
from curate.store.journal import Change, Journal
from curate.store.run import Run
from curate.store.schema import DECISION_TAGS, RELABEL_PREFIX, TURN_PREFIX

TAG, LABEL = "app:tag", "app:label"
"""Where a decision was taken that did not come through the plugin."""


class Said(NamedTuple):
    """A value that an action has in the dataset, and how it came there."""

    value: str
    source: str


def collect(run: Run) -> pd.DataFrame:
    """Let the journal learn what people did in the App, and return all decisions.

    A decision is a sample tag (hard, easy, exclude, ok, ``relabel:CLASS``, ``turn:VIEW``), a
    ground-truth label that a person changed, or anything done by the plugin. A tag taken off is a
    decision taken back. For an image that is not in the dataset (which may be lost, or a publish
    was interrupted), the journal stands.

    Returns:
        The table decisions.

    Raises:
        DatabaseError: no database answers; what people decided cannot be known.
        ExportError: an image is relabelled to two classes, or to one the run does not have.
    """
    fo = connect()
    name = dataset_name(run)
    journal = Journal(run)
    if not fo.dataset_exists(name):
        journal.compact()
        before = run.table("decisions")
        log.warning(
            "decisions: no dataset %s in this database; %d decisions kept from before",
            name,
            len(before),
        )
        return before
    with quiet(), journal.locked():
        problems = reconcile(run, fo.load_dataset(name), journal)
        journal.compact()
    if problems:
        raise ExportError(" ".join(problems))
    found = run.table("decisions")
    log.info("decisions: %d on %d images", len(found), found["sample_id"].nunique())
    return found


def reconcile(
    run: Run, dataset: Any, journal: Journal, ids: Iterable[str] | None = None
) -> list[str]:
    """Bring the journal and the dataset to say the same; the caller holds the journal's lock.

    Args:
        run: the run.
        dataset: its dataset.
        journal: its journal.
        ids: sample ids; None for all.

    Returns:
        What cannot be understood, in sentences; those images are left as they are.
    """
    import fiftyone as fo

    if DECIDED_FIELD not in dataset.get_field_schema():
        dataset.add_sample_field(DECIDED_FIELD, fo.ListField, subfield=fo.StringField)
    view = dataset.exists(ID_FIELD) if ids is None else dataset.select_by(ID_FIELD, list(ids))
    oids, there, tags, labels, agreed = view.values(
        ["id", ID_FIELD, "tags", f"{LABELS}.label", DECIDED_FIELD]
    )
    seen = {one: (own or [], label) for one, own, label in zip(there, tags, labels, strict=True)}
    classes = [str(one) for one in run.info.get("classes", [])]
    samples = run.table("samples")
    if ids is not None:  # a click concerns a few of very many
        samples = samples[samples["sample_id"].isin(seen)]
    said, problems = observed(samples, seen, classes)
    state = journal.state()
    news: dict[str, list[Change]] = {TAG: [], LABEL: []}
    for sample_id, marks in zip(there, agreed, strict=True):
        if sample_id not in said:  # its image is in the run no more
            continue
        theirs, base = said[sample_id], actions_of(marks or [])
        for action in sorted({*theirs, *base}):
            now = theirs[action].value if action in theirs else None
            if now != base.get(action):
                source = theirs[action].source if action in theirs else TAG
                news[source].append(Change(sample_id, action, now))
    for source, changes in news.items():
        if journal.write(changes, source):
            state = journal.state()
    apply_marks(
        dataset,
        {
            oid: (
                {action: one.value for action, one in said[sample_id].items()},
                state.get(sample_id, {}),
            )
            for oid, sample_id, marks in zip(oids, there, agreed, strict=True)
            if sample_id in said and sorted(marks or []) != marks_of(state.get(sample_id, {}))
        },
    )
    return problems


def observed(
    samples: pd.DataFrame,
    seen: Mapping[str, tuple[list[str], str | None]],
    classes: Iterable[str],
) -> tuple[dict[str, dict[str, Said]], list[str]]:
    """What tags and labels say, by sample id and action.

    Args:
        samples: the table samples of the run.
        seen: per sample id its tags and its present ground-truth label.
        classes: the classes an image can be relabelled to.

    Returns:
        The actions of every image of both `samples` and `seen` that can be understood, and for the
        others sentences: two new labels or two turns on one image, or an unknown one.
    """
    found: dict[str, dict[str, Said]] = {}
    contradicted: list[str] = []
    unknown: list[str] = []
    turned: list[str] = []
    known = set(classes)
    columns = (samples["sample_id"], samples["filepath"], plain(samples["label"]))
    for sample_id, filepath, label in zip(*columns, strict=True):
        if sample_id not in seen:
            continue
        tags, now = seen[sample_id]
        relabels = dict.fromkeys(_values(tags, RELABEL_PREFIX), TAG)
        # A label that was deleted says nothing about which class would be right.
        if now is not None and now != label:
            relabels[now] = LABEL
        turns = _values(tags, TURN_PREFIX)
        if len(relabels) > 1:
            contradicted.append(f"{filepath}: {' and '.join(sorted(relabels))}")
        elif not relabels.keys() <= known:
            unknown.append(f"{filepath}: {min(relabels)}")
        elif len(turns) > 1 or not set(turns) <= set(VIEWS):
            turned.append(f"{filepath}: {' and '.join(turns)}")
        else:
            own = found[sample_id] = {tag: Said("", TAG) for tag in DECISION_TAGS if tag in tags}
            for value, source in relabels.items():
                if value != label:
                    own["relabel"] = Said(value, source)
            for value in turns:
                own["turn"] = Said(value, TAG)
    problems = []
    if contradicted:
        problems.append(
            f"Expected one new label an image, found two on {listed(contradicted)}. "
            f"Take the wrong `{RELABEL_PREFIX}` tag off in the App, or undo the label edit."
        )
    if unknown:
        problems.append(
            f"Expected the classes {listed(sorted(known), 20)} for relabelling, found "
            f"{listed(unknown)}. Take the tag off in the App (or undo the label edit) and use a "
            "class of the run."
        )
    if turned:
        problems.append(
            f"Expected one turn an image, of {', '.join(VIEWS)}, found {listed(turned)}. "
            f"Correct the `{TURN_PREFIX}` tags in the App."
        )
    return found, problems


def _values(tags: Iterable[str], prefix: str) -> list[str]:
    return sorted({tag.removeprefix(prefix).strip() for tag in tags if tag.startswith(prefix)})
