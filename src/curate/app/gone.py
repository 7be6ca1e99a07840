"""Samples whose image left the run: removed, unless a person worked on them."""

from __future__ import annotations

from typing import Any

from curate.app.content import Content
from curate.app.names import (
    GONE_TAG,
    ID_FIELD,
    LABEL_FIELD,
    LABELS,
    OWN_FIELDS,
    PREDICTIONS,
    TAGS_FIELD,
)
from curate.app.samples import write
from curate.app.tags import merge_tags, persons_tags
from curate.progress import log

_FIFTYONE_FIELDS = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}


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
    ours = own_fields | _FIFTYONE_FIELDS | set(OWN_FIELDS)
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
