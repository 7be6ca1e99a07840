"""What a click shows: views, worst first, that the indexes of `curate.app.indexes` make fast.

Plain MongoDB filters, because those find an index that a FiftyOne expression does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from curate.app.names import ID_FIELD, LABELS, PREDICTIONS

LABEL, PREDICTED = f"{LABELS}.label", f"{PREDICTIONS}.label"


def found(dataset: Any, kind: str) -> Any:
    """The images flagged as a kind, worst first."""
    return dataset.match({f"{kind}_flagged": True}).sort_by(f"{kind}_score")


def taken_for(dataset: Any, label: str, predicted: str, split: str | None = None) -> Any:
    """The images of one class that are taken for another (or for itself), surest mistake first."""
    return dataset.match(_with_split({LABEL: label, PREDICTED: predicted}, split)).sort_by("margin")


def mixed_up(dataset: Any, a: str, b: str, split: str | None = None) -> Any:
    """The images of two classes that are taken for each other."""
    either = {"$or": [{LABEL: a, PREDICTED: b}, {LABEL: b, PREDICTED: a}]}
    return dataset.match(_with_split(either, split)).sort_by("margin")


def of_class(dataset: Any, name: str, split: str | None = None) -> Any:
    """The images of one class, hardest first."""
    return dataset.match(_with_split({LABEL: name}, split)).sort_by("margin")


def of_split(dataset: Any, split: str) -> Any:
    """The images of one split."""
    return dataset.match({"tags": split})


def of_tier(dataset: Any, tier: str, label: str | None = None) -> Any:
    """The training images of one tier, hardest first."""
    wanted = {"tier": tier} if label is None else {"tier": tier, LABEL: label}
    return dataset.match(wanted).sort_by("difficulty", reverse=True)


def chosen(dataset: Any, ids: Iterable[str]) -> Any:
    """These images, in the order of the dataset."""
    # The index of the ids holds strings only, and is used where the question says so.
    return dataset.match({ID_FIELD: {"$in": list(ids), "$type": "string"}})


def _with_split(wanted: Mapping[str, Any], split: str | None) -> dict[str, Any]:
    return dict(wanted) if split is None else {**wanted, "tags": split}
