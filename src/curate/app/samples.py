"""Bringing the samples of a dataset in line with a run, without losing what people did to them.

Every new sample is inserted whole with its tags, its label and what to remember about both, so
that a publish killed half-way leaves no sample of which it is unclear who did what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from curate.app.content import Column, Content
from curate.app.names import GONE_TAG, ID_FIELD, LABEL_FIELD, LABELS, PREDICTIONS, TAGS_FIELD
from curate.app.tags import merge_tags, persons_tags
from curate.progress import log
from curate.store.schema import RELABEL_PREFIX

_FIFTYONE_FIELDS = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}
_CHUNK = 10_000


@dataclass
class Restored:
    """Decisions to put back on a sample that is inserted: tags, and an edited label."""

    tags: set[str] = field(default_factory=set)
    label: str | None = None


def restored(decisions: pd.DataFrame) -> dict[str, Restored]:
    """What decisions.parquet says, by sample id, in the form it had in the App."""
    back: dict[str, Restored] = {}
    for row in decisions.itertuples():
        one = back.setdefault(str(row.sample_id), Restored())
        if row.action != "relabel":
            one.tags.add(str(row.action))
        elif row.source == "app:label":
            one.label = str(row.value)
        else:
            one.tags.add(f"{RELABEL_PREFIX}{row.value}")
    return back


def declare_fields(fo: Any, dataset: Any, columns: Mapping[str, Column]) -> None:
    """Add the fields that are not there yet; samples are then inserted without a schema check."""
    types = {"float": fo.FloatField, "bool": fo.BooleanField, "string": fo.StringField}
    schema = dataset.get_field_schema()
    for name in (LABELS, PREDICTIONS):
        if name not in schema:
            dataset.add_sample_field(
                name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification
            )
    for name in (ID_FIELD, LABEL_FIELD):
        if name not in schema:
            dataset.add_sample_field(name, fo.StringField)
    if TAGS_FIELD not in schema:
        dataset.add_sample_field(TAGS_FIELD, fo.ListField, subfield=fo.StringField)
    for name, column in columns.items():
        if name not in schema:
            dataset.add_sample_field(name, types[column.type])
    # Two publishes at once must not make two samples of one image. A person's own samples have
    # no id and stay outside the index.
    dataset.create_index(
        ID_FIELD, unique=True, partialFilterExpression={ID_FIELD: {"$type": "string"}}
    )


def add_new(fo: Any, dataset: Any, content: Content, decisions: pd.DataFrame) -> int:
    """Insert the images that the dataset lacks, with what was once decided about them."""
    there = set(dataset.values(ID_FIELD))
    back = restored(decisions)
    rows = [row for row, sample_id in enumerate(content.ids) if sample_id not in there]
    if not rows:
        return 0

    def build(row: int) -> Any:
        decided = back.get(content.ids[row], Restored())
        label = decided.label or content.labels[row]
        size = content.sizes[row]
        return fo.Sample(
            filepath=content.filepaths[row],
            tags=sorted({*content.tags[row], *decided.tags}),
            metadata=size and fo.ImageMetadata(width=size[0], height=size[1]),
            **{
                ID_FIELD: content.ids[row],
                TAGS_FIELD: content.tags[row],
                LABEL_FIELD: content.labels[row],
                LABELS: label and fo.Classification(label=label),
            },
        )

    # The three flags make this three times faster; the fields are declared already. A chunk
    # bounds the memory that the sample objects take.
    for start in range(0, len(rows), _CHUNK):
        dataset.add_samples(
            (build(row) for row in rows[start : start + _CHUNK]),
            validate=False,
            expand_schema=False,
            batcher=False,
            progress=False,
        )
    put_back = sum(content.ids[row] in back for row in rows)
    if put_back:
        log.info("publish: decisions on %d images put back from decisions.parquet", put_back)
    return len(rows)


def settle_gone(dataset: Any, content: Content, own_fields: set[str]) -> None:
    """Remove samples whose image left the run, except those that a person worked on.

    Those stay with the tag "gone" and lose what the tool said of them. Samples that a person
    added (they have no id of curate's) are not curate's to touch.
    """
    known = set(content.ids)
    oids, ids, tags, remembered = dataset.values(["id", ID_FIELD, "tags", TAGS_FIELD])
    gone = {
        oid: (tags[row] or [], remembered[row] or [])
        for row, (oid, sample_id) in enumerate(zip(oids, ids, strict=True))
        if sample_id is not None and sample_id not in known
    }
    if not gone:
        return
    touched = _touched(dataset.select(list(gone)), own_fields)
    kept = {
        oid: both
        for oid, both in gone.items()
        if oid in touched or persons_tags(*both) - {GONE_TAG}
    }
    dataset.delete_samples([oid for oid in gone if oid not in kept])
    merged = {oid: merge_tags(*both, [GONE_TAG]) for oid, both in kept.items()}
    write(dataset, "tags", {oid: one.tags for oid, one in merged.items()})
    write(dataset, TAGS_FIELD, {oid: one.remembered for oid, one in merged.items()})
    for name in own_fields & set(dataset.get_field_schema()):
        write(dataset, name, dict.fromkeys(kept))
    log.info("publish: %d images are gone; %d kept for a person's word", len(gone), len(kept))


def _touched(view: Any, own_fields: set[str]) -> set[str]:
    """Samples with an edited label, a tagged label, or a value in a field that is not curate's."""
    schema = set(view.get_field_schema())
    ours = own_fields | _FIFTYONE_FIELDS | {ID_FIELD, TAGS_FIELD, LABEL_FIELD, LABELS}
    oids, label, wrote, marks, more = view.values(
        ["id", f"{LABELS}.label", LABEL_FIELD, f"{LABELS}.tags", f"{PREDICTIONS}.tags"]
    )
    found = {
        oid
        for oid, now, then, *tags in zip(oids, label, wrote, marks, more, strict=True)
        if now != then or any(tags)
    }
    for name in schema - ours:
        values = view.values(name)
        found |= {
            oid for oid, value in zip(oids, values, strict=True) if value not in (None, [], "")
        }
    return found


def update_known(fo: Any, dataset: Any, content: Content, *, resumed: bool) -> dict[str, str]:
    """Bring tags, labels and paths of the samples up to date; returns sample id -> FiftyOne id."""
    oids, ids, tags, remembered, paths, labels, wrote, marks = dataset.values(
        [
            "id",
            ID_FIELD,
            "tags",
            TAGS_FIELD,
            "filepath",
            f"{LABELS}.label",
            LABEL_FIELD,
            f"{LABELS}.tags",
        ]
    )
    row_of = {sample_id: row for row, sample_id in enumerate(content.ids)}
    new_tags, new_memory, new_paths, new_labels, new_wrote = {}, {}, {}, {}, {}
    for at, (oid, sample_id) in enumerate(zip(oids, ids, strict=True)):
        row = row_of.get(sample_id)
        if row is None:
            continue
        merged = merge_tags(
            tags[at] or [], remembered[at] or [], content.tags[row], resumed=resumed
        )
        if merged.tags != sorted(tags[at] or []):
            new_tags[oid] = merged.tags
        if merged.remembered != sorted(remembered[at] or []):
            new_memory[oid] = merged.remembered
        if paths[at] != content.filepaths[row]:
            new_paths[oid] = content.filepaths[row]
        if content.labels[row] != wrote[at]:
            new_wrote[oid] = content.labels[row]
            if labels[at] == wrote[at]:  # else a person edited it: theirs stays
                label = content.labels[row]
                new_labels[oid] = label and fo.Classification(label=label, tags=marks[at] or [])
    for name, values in (
        ("tags", new_tags),
        (TAGS_FIELD, new_memory),
        ("filepath", new_paths),
        (LABELS, new_labels),
        (LABEL_FIELD, new_wrote),
    ):
        write(dataset, name, values)
    return {sample_id: oid for sample_id, oid in zip(ids, oids, strict=True) if sample_id in row_of}


def write_predictions(fo: Any, dataset: Any, content: Content, oid_of: Mapping[str, str]) -> None:
    """Write the predictions that changed; tags that people gave a prediction move along."""
    ids, label, confidence, logits, marks = dataset.values(
        [
            ID_FIELD,
            f"{PREDICTIONS}.label",
            f"{PREDICTIONS}.confidence",
            f"{PREDICTIONS}.logits",
            f"{PREDICTIONS}.tags",
        ]
    )
    at_of = {sample_id: at for at, sample_id in enumerate(ids)}
    changed: dict[str, Any] = {}
    for row, sample_id in enumerate(content.ids):
        at = at_of[sample_id]
        wanted = None if content.logits is None else content.logits[row]
        same_logits = (
            logits[at] is None
            if wanted is None
            else logits[at] is not None and np.array_equal(logits[at], wanted)
        )
        guess = content.pred_labels[row]
        if guess is None:
            if label[at] is not None:
                changed[oid_of[sample_id]] = None
        elif not (
            guess == label[at] and content.confidences[row] == confidence[at] and same_logits
        ):
            changed[oid_of[sample_id]] = fo.Classification(
                label=guess,
                confidence=content.confidences[row],
                logits=wanted,
                tags=marks[at] or [],
            )
    write(dataset, PREDICTIONS, changed)


def write_column(
    dataset: Any, name: str, values: list[Any], content: Content, oid_of: Mapping[str, str]
) -> None:
    """Write the values of one scalar field that differ from what is there."""
    there = dict(zip(*dataset.values([ID_FIELD, name]), strict=True))
    write(
        dataset,
        name,
        {
            oid_of[sample_id]: value
            for sample_id, value in zip(content.ids, values, strict=True)
            if there[sample_id] != value
        },
    )


def write(dataset: Any, name: str, values: Mapping[str, Any]) -> None:
    """Set one field of the samples with these FiftyOne ids; one column at a time is fastest."""
    if values:
        dataset.set_values(name, dict(values), key_field="id", progress=False)
