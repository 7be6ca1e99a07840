"""Bringing the samples of a dataset in line with a run, without losing what people did to them.

Every new sample is inserted whole with its tags, its label and what to remember about both, so
that a publish killed half-way leaves no sample of which it is unclear who did what.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from curate.app.content import Content
from curate.app.fields import Column, utc_milliseconds
from curate.app.marks import marks_of, shown_as
from curate.app.names import (
    DECIDED_FIELD,
    ID_FIELD,
    LABEL_FIELD,
    LABELS,
    PREDICTIONS,
    TAGS_FIELD,
)
from curate.app.tags import merge_tags
from curate.progress import log
from curate.store.journal import State

_CHUNK = 10_000


def declare_fields(fo: Any, dataset: Any, columns: Mapping[str, Column]) -> None:
    """Add the fields that are not there yet; samples are then inserted without a schema check.

    A field that has another type than its column is made anew: a column of the user's may hold
    numbers today and words tomorrow.
    """
    types = {
        "float": fo.FloatField,
        "int": fo.IntField,
        "bool": fo.BooleanField,
        "string": fo.StringField,
        "datetime": fo.DateTimeField,
    }
    schema = dataset.get_field_schema()
    for name in (LABELS, PREDICTIONS):
        if name not in schema:
            dataset.add_sample_field(
                name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification
            )
    for name in (ID_FIELD, LABEL_FIELD):
        if name not in schema:
            dataset.add_sample_field(name, fo.StringField)
    for name in (TAGS_FIELD, DECIDED_FIELD):
        if name not in schema:
            dataset.add_sample_field(name, fo.ListField, subfield=fo.StringField)
    outdated = [
        name
        for name, column in columns.items()
        if name in schema and type(schema[name]) is not types[column.type]
    ]
    dataset.delete_sample_fields(outdated)
    for name, column in columns.items():
        if name not in schema or name in outdated:
            description = column.description or None
            dataset.add_sample_field(name, types[column.type], description=description)
    # Two publishes at once must not make two samples of one image. A person's own samples have
    # no id and stay outside the index.
    dataset.create_index(
        ID_FIELD, unique=True, partialFilterExpression={ID_FIELD: {"$type": "string"}}
    )


def add_new(fo: Any, dataset: Any, content: Content, decided: State) -> set[str]:
    """Insert the images that the dataset lacks, with what was once decided about them.

    Their scalar fields go with them, at a twentieth of the time that setting them later takes.
    Predictions do not: the vectors in them are dearer here than there.

    Returns:
        The sample ids of the images inserted.
    """
    there = set(dataset.values(ID_FIELD))
    rows = [row for row, sample_id in enumerate(content.ids) if sample_id not in there]
    if not rows:
        return set()

    def build(row: int) -> Any:
        own = decided.get(content.ids[row], {})
        shown = [shown_as(event) for event in own.values()]
        label = next((one for _, one in shown if one is not None), content.labels[row])
        return fo.Sample(
            filepath=content.filepaths[row],
            tags=sorted({*content.tags[row], *(tag for tag, _ in shown if tag is not None)}),
            metadata=_metadata(fo, content, row),
            **{name: column.values[row] for name, column in content.columns.items()},
            **{
                ID_FIELD: content.ids[row],
                TAGS_FIELD: content.tags[row],
                LABEL_FIELD: content.labels[row],
                DECIDED_FIELD: marks_of(own),
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
    put_back = sum(content.ids[row] in decided for row in rows)
    if put_back:
        log.info("publish: decisions on %d images put back from the journal", put_back)
    return {content.ids[row] for row in rows}


def _metadata(fo: Any, content: Content, row: int) -> Any:
    width, height = content.sizes[row] or (None, None)
    size_bytes = content.file_sizes[row]
    if width is None and size_bytes is None:
        return None
    return fo.ImageMetadata(width=width, height=height, size_bytes=size_bytes)


def update_known(fo: Any, dataset: Any, content: Content, *, resumed: bool) -> dict[str, str]:
    """Bring tags, labels and paths of the samples up to date; returns sample id -> FiftyOne id."""
    oids, ids, tags, remembered, paths, labels, wrote, marks, *facts = dataset.values(
        [
            "id",
            ID_FIELD,
            "tags",
            TAGS_FIELD,
            "filepath",
            f"{LABELS}.label",
            LABEL_FIELD,
            f"{LABELS}.tags",
            "metadata.width",
            "metadata.height",
            "metadata.size_bytes",
        ]
    )
    row_of = {sample_id: row for row, sample_id in enumerate(content.ids)}
    new_tags, new_memory, new_paths, new_facts, new_labels, new_wrote = {}, {}, {}, {}, {}, {}
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
        ours = (*(content.sizes[row] or (None, None)), content.file_sizes[row])
        if any(new is not None and new != old[at] for new, old in zip(ours, facts, strict=True)):
            new_facts[oid] = _metadata(fo, content, row)
        if content.labels[row] != wrote[at]:
            new_wrote[oid] = content.labels[row]
            if labels[at] == wrote[at]:  # else a person edited it: theirs stays
                label = content.labels[row]
                new_labels[oid] = label and fo.Classification(label=label, tags=marks[at] or [])
    for name, values in (
        ("tags", new_tags),
        (TAGS_FIELD, new_memory),
        ("filepath", new_paths),
        ("metadata", new_facts),
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


def changed_values(
    dataset: Any, content: Content, oid_of: Mapping[str, str], fresh: set[str]
) -> dict[str, dict[str, Any]]:
    """Per scalar field, the values that differ from what is there, by FiftyOne id.

    Args:
        dataset: the dataset of the run.
        content: what the run says.
        oid_of: sample id -> FiftyOne id.
        fresh: sample ids of images inserted with their values just now.
    """
    known = [row for row, sample_id in enumerate(content.ids) if sample_id not in fresh]
    if not known or not content.columns:
        return {}
    ids, *there = dataset.values([ID_FIELD, *content.columns])
    at_of = {sample_id: at for at, sample_id in enumerate(ids)}
    places = [(row, at_of[content.ids[row]]) for row in known]
    return {
        name: {
            oid_of[content.ids[row]]: column.values[row]
            for row, at in places
            if _as_written(values[at]) != column.values[row]
        }
        for (name, column), values in zip(content.columns.items(), there, strict=True)
    }


def _as_written(value: Any) -> Any:
    """A value read back; FiftyOne gives times in the time zone that a person configured."""
    return utc_milliseconds(value) if isinstance(value, datetime) else value


def write(dataset: Any, name: str, values: Mapping[str, Any]) -> None:
    """Set one field of the samples with these FiftyOne ids; one column at a time is fastest."""
    if values:
        dataset.set_values(name, dict(values), key_field="id", progress=False)
