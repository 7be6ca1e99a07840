"""An export in the App: for each stage of its schedule a saved view of the run's dataset."""

from __future__ import annotations

from typing import Any

from curate.app.database import connect, quiet
from curate.app.names import ID_FIELD, MARK
from curate.app.publish import publish
from curate.progress import Progress, silent
from curate.store.run import Run

STAGES_FIELD = "export_stages"
"""On a sample, the stages of the last export shown that train on it, counted from 1."""

STATE_FIELD = "export_state"
"""On a sample, the list of that export that has its image: train, val, test, or why none has."""

NOTES = "export"


def show_export(
    run: Run,
    stages: list[tuple[str, list[str]]],
    states: dict[str, str],
    progress: Progress = silent,
) -> list[str]:
    """Save a view of each stage of an export; those of an earlier export are replaced.

    Args:
        run: the run that was exported; it is published if it is not.
        stages: of each stage in its order what to call it and the sample ids it trains on.
        states: sample id -> what became of the image.
        progress: for the bars.

    Returns:
        The names of the views.

    Raises:
        DatabaseError: no database answers.
    """
    name = publish(run, progress)
    fo = connect()
    with quiet():
        dataset = fo.load_dataset(name)
        _declare(fo, dataset)
        numbers: dict[str, list[int]] = {}
        for number, (_, ids) in enumerate(stages, start=1):
            for one in ids:
                numbers.setdefault(one, []).append(number)
        known = [one for one in dataset.values(ID_FIELD) if one is not None]
        _set(dataset, STAGES_FIELD, {one: numbers.get(one, []) for one in known})
        _set(dataset, STATE_FIELD, {one: states.get(one) for one in known})
        return _save(dataset, stages, states)


def _declare(fo: Any, dataset: Any) -> None:
    schema = dataset.get_field_schema()
    if STAGES_FIELD not in schema:
        dataset.add_sample_field(
            STAGES_FIELD, fo.ListField, subfield=fo.IntField,
            description="Stages of the exported schedule that train on the image, from 1",
        )  # fmt: skip
    if STATE_FIELD not in schema:
        dataset.add_sample_field(
            STATE_FIELD, fo.StringField,
            description="The list of the export that has the image, or why none has",
        )  # fmt: skip


def _set(dataset: Any, field: str, values: dict[str, Any]) -> None:
    dataset.set_values(field, values, key_field=ID_FIELD)


def _save(dataset: Any, stages: list[tuple[str, list[str]]], states: dict[str, str]) -> list[str]:
    """The views, by plain filters on the two fields, and a note of their names."""
    notes = dict(dataset.info.get(MARK, {}))
    for old in notes.get(NOTES, []):
        if dataset.has_saved_view(old):
            dataset.delete_saved_view(old)
    wanted = [
        (f"export: stage {number}", {STAGES_FIELD: number}, f"{said}: {len(ids)} images")
        for number, (said, ids) in enumerate(stages, start=1)
    ]
    for state in dict.fromkeys(states.values()):
        count = sum(one == state for one in states.values())
        wanted.append((f"export: {state}", {STATE_FIELD: state}, f"{count} images"))
    saved = []
    for name, filters, said in wanted:
        if dataset.has_saved_view(name):
            continue  # a person's own
        dataset.save_view(name, dataset.match(filters), description=said)
        saved.append(name)
    dataset.info[MARK] = {**notes, NOTES: saved}
    dataset.save()
    return saved
