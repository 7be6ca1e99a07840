"""Which field of a FiftyOne dataset holds the class of each image, and what it says."""

from __future__ import annotations

from typing import Any

from curate.app.names import LABELS
from curate.errors import DataError, listed


def find_label_field(dataset: Any, what: str, given: str | None, own: set[str]) -> tuple[str, bool]:
    """Find the class of each image.

    Args:
        dataset: the dataset.
        what: how error messages call it.
        given: the field that a person named, or None.
        own: fields that are curate's and thus no one's label.

    Returns:
        The path of the values, and whether each value is a list, as in FiftyOne's Classifications.

    Raises:
        DataError: the field given is not there or holds no classes, or none can be meant.
    """
    kinds = _label_fields(dataset, own)
    if given is not None:
        return _given(dataset, what, given, kinds)
    single = [name for name, is_list in kinds.items() if not is_list]
    candidates = single or list(kinds)
    name = LABELS if LABELS in kinds else candidates[0] if len(candidates) == 1 else None
    if name is None:
        found = f"the fields {listed(candidates, 20)}" if candidates else "none"
        advice = (
            "Name one by --label-column." if candidates else
            "If another field holds the class, name it by --label-column."
        )  # fmt: skip
        raise DataError(
            f"Expected a Classification field {LABELS!r}, or only one, in {what}, found {found}. "
            f"{advice}"
        )
    return _path(name, kinds[name]), kinds[name]


def labels_of(
    values: list[Any], filepaths: list[str], path: str, is_list: bool
) -> list[str | None]:
    """The class of each image as text, None where there is none.

    Raises:
        DataError: an image has two classes.
    """
    if is_list:
        several = [
            file for file, one in zip(filepaths, values, strict=True) if len({*(one or ())}) > 1
        ]
        if several:
            raise DataError(
                f"Expected one class an image in {path}, found {len(several)} images with more: "
                f"{listed(several, 3)}. Name another field by --label-column."
            )
        values = [one[0] if one else None for one in values]
    return [None if value in (None, "") else str(value) for value in values]


def _label_fields(dataset: Any, own: set[str]) -> dict[str, bool]:
    """The fields with classes of whole images, and whether each holds a list of them."""
    import fiftyone as fo

    kinds = {}
    for name, field in dataset.get_field_schema().items():
        document = getattr(field, "document_type", None)
        if name not in own and document is not None:
            if issubclass(document, fo.Classification):
                kinds[name] = False
            elif issubclass(document, fo.Classifications):
                kinds[name] = True
    return kinds


def _given(dataset: Any, what: str, given: str, kinds: dict[str, bool]) -> tuple[str, bool]:
    import fiftyone as fo

    if given in kinds:
        return _path(given, kinds[given]), kinds[given]
    known = f"Classification fields there are: {listed(kinds, 20)}." if kinds else (
        "There is no Classification field."
    )  # fmt: skip
    parts = given.split(".")
    above = [dataset.get_field(".".join(parts[: n + 1])) for n in range(len(parts))]
    field = above[-1]
    if field is None:
        raise DataError(
            f"Expected a field {given!r} (--label-column) in {what}, found none. {known}"
        )
    one_value = not any(isinstance(part, fo.ListField) for part in above)
    if one_value and isinstance(field, (fo.StringField, fo.IntField, fo.BooleanField)):
        return given, False
    if one_value and issubclass(getattr(field, "document_type", type(None)), fo.Classification):
        return f"{given}.label", False
    raise DataError(
        f"Expected one class an image in the field {given!r} (--label-column) of {what}, found a "
        f"{type(field).__name__}. {known}"
    )


def _path(name: str, is_list: bool) -> str:
    return f"{name}.classifications.label" if is_list else f"{name}.label"
