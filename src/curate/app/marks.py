"""How a decision looks on a sample: its tags, its label, and what to remember of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from curate.app.names import DECIDED_FIELD, LABEL_FIELD, LABELS
from curate.store.journal import Event
from curate.store.schema import RELABEL_PREFIX, TURN_PREFIX

_PREFIX = {"relabel": RELABEL_PREFIX, "turn": TURN_PREFIX}


def mark(action: str, value: str) -> str:
    """A decision as one word: ``hard``, ``relabel:fox``, ``turn:rot90``."""
    return f"{_PREFIX.get(action, action)}{value}"


def marks_of(decided: Mapping[str, Event]) -> list[str]:
    """The decisions on one image as sorted words, as `DECIDED_FIELD` keeps them."""
    return sorted(mark(action, event.new or "") for action, event in decided.items())


def actions_of(marks: Iterable[str]) -> dict[str, str]:
    """The words back as action -> value."""
    found = {}
    for word in marks:
        action = next((name for name, prefix in _PREFIX.items() if word.startswith(prefix)), word)
        found[action] = word.removeprefix(_PREFIX.get(action, word))
    return found


def shown_as(event: Event) -> tuple[str | None, str | None]:
    """The tag and the label that show a decision; one of the two is None.

    A new label shows as the label itself, unless a person gave it as a tag.
    """
    if event.action == "relabel" and event.source != "app:tag":
        return None, event.new
    return mark(event.action, event.new or ""), None


def apply_marks(
    dataset: Any, changes: Mapping[str, tuple[Mapping[str, str], Mapping[str, Event]]]
) -> None:
    """Write decisions into samples.

    Tags are added and pulled one by one, so that a tag which someone else gives the same image at
    the same moment is not lost. `DECIDED_FIELD` is last: a process that dies before it leaves tags
    that are read as a person's and come to the same.

    Args:
        dataset: the dataset.
        changes: by FiftyOne id: what the sample shows now (action -> value), and what is decided.
    """
    if not changes:
        return
    put, pull = defaultdict(list), defaultdict(list)
    labels: dict[str, str | None] = {}
    for oid, (shown, decided) in changes.items():
        for action in {*shown, *decided}:
            event = decided.get(action)
            if event is not None and shown.get(action) == event.new:
                continue
            if action in shown:
                pull[mark(action, shown[action])].append(oid)
                if action == "relabel":
                    labels[oid] = None
            if event is not None:
                tag, label = shown_as(event)
                if tag is not None:
                    put[tag].append(oid)
                else:
                    labels[oid] = label
    for tag, oids in pull.items():
        dataset.select(oids).untag_samples(tag)
    for tag, oids in put.items():
        dataset.select(oids).tag_samples(tag)
    _set_labels(dataset, labels)
    dataset.set_values(
        DECIDED_FIELD,
        {oid: marks_of(decided) for oid, (_, decided) in changes.items()},
        key_field="id",
        progress=False,
    )


def _set_labels(dataset: Any, labels: Mapping[str, str | None]) -> None:
    """Set labels; None puts back the one that the run has. Tags on a label stay with it."""
    if not labels:
        return
    import fiftyone as fo

    oids, marks, wrote = dataset.select(list(labels)).values(["id", f"{LABELS}.tags", LABEL_FIELD])
    values = {}
    for oid, tags, own in zip(oids, marks, wrote, strict=True):
        label = labels[oid] if labels[oid] is not None else own
        values[oid] = label and fo.Classification(label=label, tags=tags or [])
    dataset.set_values(LABELS, values, key_field="id", progress=False)
