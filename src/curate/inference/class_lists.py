"""Which class each column of a model's logits stands for, and whether it is the data's list."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.errors import ModelError, listed

CLASS_KEYS = ("class_names", "classes", "class_to_idx")
"""Keys and attributes that name the classes: a list, or a dictionary from name to column."""


def as_class_list(value: Any, where: object) -> tuple[str, ...] | None:
    """Names in the order of the columns, from a list or from name -> column; None from all else.

    Raises:
        ModelError: two columns have one name, or a dictionary does not number them 0, 1, 2...
    """
    if isinstance(value, Mapping):
        try:
            columns = {str(name): int(column) for name, column in value.items()}
        except (TypeError, ValueError):
            return None
        if sorted(columns.values()) != list(range(len(columns))):
            raise ModelError(
                f"Expected class_to_idx in {where} to number its {len(columns)} classes from 0 "
                f"without gaps, found {listed(sorted(columns.values()))}. Save the list of names "
                "in the order of the logits as class_names."
            )
        value = sorted(columns, key=columns.__getitem__)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    names = tuple(str(name) for name in value)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ModelError(
            f"Expected different names in the class list of {where}, found {listed(twice)} more "
            "than once. Correct the list."
        )
    return names


def class_list_in(content: Mapping[Any, Any], where: object) -> tuple[str, ...] | None:
    """The class list among a checkpoint's entries or a file's metadata (there as JSON)."""
    for key in CLASS_KEYS:
        value = content.get(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                continue
        if (names := as_class_list(value, where)) is not None:
            return names
    return None


def class_list_beside(path: Path) -> tuple[str, ...] | None:
    """The class list in ``STEM.classes.txt`` or ``classes.txt`` beside a file, one name a line."""
    for file in (path.with_name(f"{path.stem}.classes.txt"), path.with_name("classes.txt")):
        if file.is_file():
            try:
                lines = file.read_text("utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ModelError(
                    f"Expected one class a line in UTF-8 in {file}, found a file that cannot be "
                    f"read ({error}). Save it as UTF-8."
                ) from error
            return as_class_list([line.strip() for line in lines if line.strip()], file)
    return None


def check_classes(
    theirs: Sequence[str], ours: Sequence[str], where: object, way_out: str
) -> tuple[str, ...]:
    """The model's class list, if it holds the data's classes and no others.

    Args:
        theirs: in the order of the logits.
        ours: the data's.
        where: the model or file, for the message.
        way_out: what to do about it beside renaming the folders.

    Raises:
        ModelError: the lists differ; names what each lacks.
    """
    missing, extra = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    if missing or extra:
        raise ModelError(
            f"Expected the {len(ours)} classes of the data in {where}, found a different list: "
            f"missing there {listed(missing) or 'none'}; only there {listed(extra) or 'none'}. "
            f"Rename the folders, or {way_out}."
        )
    return tuple(theirs)
