"""What a comparison of runs changed, as saved views of the first run's dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.app.database import connect, quiet
from curate.app.names import ID_FIELD, MARK, dataset_name
from curate.errors import SessionError
from curate.progress import log
from curate.store.run import Run

NOTE = "compared"
"""The key of curate's own notes under which the names of these views are kept, by the other run."""


def save_comparison_views(
    run: Run, changed: Mapping[str, Mapping[str, Sequence[str]]]
) -> list[str]:
    """Save "fixed in B" and "broken in B" for each B, in place of those that were saved before.

    Only views that this function saved for the same B go; people's, and those of other
    comparisons, stay. A person's view of such a name stays too, and ours is left out.

    Args:
        run: the first run, published.
        changed: per name of the other run, "fixed" and "broken": sample ids of `run`, in order.

    Returns:
        The names of the views saved now.

    Raises:
        SessionError: the run is not published.
        DatabaseError: no database answers.
    """
    fo = connect()
    name = dataset_name(run)
    if not fo.dataset_exists(name):
        raise SessionError(
            f"Expected the dataset {name} of {run.path}, found none. Run `curate app {run.path}`, "
            "which publishes it."
        )
    with quiet():
        dataset = fo.load_dataset(name)
        notes = dict(dataset.info.get(MARK, {}))
        kept: dict[str, list[str]] = {key: list(own) for key, own in notes.get(NOTE, {}).items()}
        saved: list[str] = []
        for other, lists in changed.items():
            before = kept.pop(other, [])
            for view in before:
                if dataset.has_saved_view(view):
                    dataset.delete_saved_view(view)
            kept[other] = _save(dataset, other, lists)
            saved += kept[other]
        dataset.info[MARK] = {**notes, NOTE: kept}
        dataset.save()
    return saved


def _save(dataset: Any, other: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
    from fiftyone.core.utils import to_slug

    names = set(dataset.list_saved_views())
    slugs = {to_slug(one) for one in names}
    saved = []
    for which, ids in lists.items():
        wanted = f"{which} in {other}"
        if wanted in names:
            log.warning("compare: a person's saved view is called %r; ours is left out", wanted)
            continue
        if not ids:
            continue
        # A slug keeps only ASCII letters and digits, so that two names can share one.
        name, number = wanted, 1
        while to_slug(name) in slugs:
            number += 1
            name = f"{wanted} ({number})"
        view = dataset.select_by(ID_FIELD, list(ids), ordered=True)
        said = f"{len(ids)} images {which} in {other}, largest change of the label's chance first"
        dataset.save_view(name, view, description=said)
        slugs.add(to_slug(name))
        saved.append(name)
    return saved
