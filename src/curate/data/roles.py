"""Which column of a table holds the paths, which the labels, splits and groups: by usual names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from curate.data.columns import are_numbers, as_text, names_of
from curate.data.listing import SPLIT_NAMES, has_image_extension
from curate.data.source import Source
from curate.errors import DataError, listed

PATH_NAMES = (
    "image_path", "filepath", "file_path", "file_name", "filename", "path", "image", "img",
    "image_file", "image_name", "img_path", "img_name", "file", "image_id", "id",
)  # fmt: skip
LABEL_NAMES = (
    "class_name", "label", "class", "target", "category", "target_name", "label_name",
    "category_name", "class_id", "label_id", "target_id", "category_id",
)  # fmt: skip
SPLIT_COLUMN_NAMES = ("split", "fold", "set", "subset", "dataset", "partition")
"""Usual names, the preferred ones first; in any case, singular or plural, and with any or no
spaces, hyphens and underscores."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True)
class Roles:
    """What a table says of every row.

    Attributes:
        paths: as given; None where there is none.
        labels: None for an unlabelled image.
        splits: "train", "val", "test" or ""; None for the whole where no column says it.
        groups: None where no group is given; None for the whole where no column says it.
        label_column: the column of the labels, None without.
        numbers: further columns with a usual name of labels.
        rest: the columns that have no role, `numbers` among them.
        notes: sentences on columns that are not what they seem.
    """

    paths: list[str | None]
    labels: list[str | None]
    splits: list[str] | None = None
    groups: list[str | None] | None = None
    label_column: str | None = None
    numbers: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def find_roles(
    table: pd.DataFrame,
    source: Source,
    name: str,
    everywhere: Collection[str] = (),
    path_names: tuple[str, ...] = PATH_NAMES,
) -> Roles:
    """Find the columns that have a role, and read them.

    Args:
        table: at least one row, with different strings as names of columns.
        source: its options name columns; the others are found by their usual names.
        name: of the table, for messages.
        everywhere: the columns of all tables that are read together. One that an option names need
            be in one of them only, since a test table has no labels.
        path_names: usual names of the column of paths.

    Raises:
        DataError: there is no column of paths, none of the name that an option gives, a split that
            is none, or no path or label but something else.
    """
    notes: list[str] = []
    columns = [str(column) for column in table.columns]
    for option, wanted in (
        ("path", source.path_column),
        ("label", source.label_column),
        ("split", source.split_column),
        ("group", source.group_column),
    ):
        if wanted is not None and named(everywhere or columns, wanted) is None:
            raise DataError(
                f"Expected a column {wanted!r} in {name} for --{option}-column, found "
                f"{listed(everywhere or columns, 20)}. Name one of them."
            )
    path = named(columns, source.path_column) or next(iter(usual(columns, path_names)), None)
    if path is None:
        raise DataError(_no_path(columns, name, path_names))
    free = [column for column in columns if column != path]
    group = named(columns, source.group_column)
    split, splits = _find_split(table, free, source, name, notes)
    free = [column for column in free if column not in (split, group)]
    if source.label_column is not None:
        label = named(columns, source.label_column)
    else:
        label = _find_label(table, usual(free, LABEL_NAMES))
    rest = [column for column in columns if column not in (path, split, group, label)]
    return Roles(
        paths=_paths(table[path], name),
        labels=[None] * len(table) if label is None else _labels(table[label], name),
        splits=splits,
        groups=None if group is None else names_of(table[group]),
        label_column=label,
        numbers=() if label is None else tuple(usual(rest, LABEL_NAMES)),
        rest=tuple(rest),
        notes=notes,
    )


def named(columns: Iterable[str], wanted: str | None) -> str | None:
    """The column of exactly this name, else of one that is written alike; None for none."""
    if wanted is None:
        return None
    alike = [column for column in columns if _plain(column) == _plain(wanted)]
    return wanted if wanted in alike else next(iter(alike), None)


def usual(columns: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """The columns that have one of the usual names, in the order of those names."""
    by_name: dict[str, list[str]] = {}
    for column in columns:
        by_name.setdefault(_plain(column), []).append(column)
    forms = dict.fromkeys(form for name in names for form in _forms(name))
    return [column for form in forms for column in by_name.get(form, [])]


def split_word(name: str) -> str:
    """The split that a name such as ``my-val_2`` or ``trainLabels`` holds; "" for none or two."""
    found = {SPLIT_NAMES[w] for w in map(str.lower, _WORD.findall(name)) if w in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())


def _forms(name: str) -> list[str]:
    """A usual name in its singular and plural, as `_plain` spells it."""
    plain = _plain(name)
    plural = f"{plain[:-1]}ies" if plain.endswith("y") else f"{plain}s"
    return list(dict.fromkeys((plain, plural, f"{plain}es")))


def _find_split(
    table: pd.DataFrame, columns: list[str], source: Source, name: str, notes: list[str]
) -> tuple[str | None, list[str] | None]:
    by_option = named(table.columns, source.split_column)
    if source.split_column is not None and by_option is None:
        return None, None
    for column in [by_option] if by_option is not None else usual(columns, SPLIT_COLUMN_NAMES):
        texts = [text or "" for text in names_of(table[column])]
        meant = {text: SPLIT_NAMES.get(text.lower(), "") for text in set(texts)}
        strange = sorted(text for text, split in meant.items() if text and not split)
        if not strange and (any(texts) or by_option):
            return column, [meant[text] for text in texts]
        if by_option:
            raise DataError(
                f"Expected splits ({', '.join(SPLIT_NAMES)}) in column {column!r} of {name}, found "
                f"{listed(strange)}. Name another --split-column, or rename the values."
            )
        if strange and _plain(column) != "dataset":
            notes.append(
                f"Column {column!r} of {name} holds no splits ({listed(strange)}); it is kept as "
                "metadata."
            )
    return None, None


def _find_label(table: pd.DataFrame, candidates: list[str]) -> str | None:
    """The preferred column; where it only numbers the names of another one, that one."""
    filled = {column: names for column in candidates if any(names := names_of(table[column]))}
    if not filled:
        return next(iter(candidates), None)
    first, *others = filled
    if are_numbers(filled[first]):
        for other in others:
            both = zip(filled[first], filled[other], strict=True)
            pairs = {pair for pair in both if None not in pair}
            alone = len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
            if alone and not are_numbers(filled[other]):
                return other
    return first


def _paths(column: pd.Series[Any], name: str) -> list[str | None]:
    values = list(column.astype(object))
    _check_plain(values, column, name, "a path")
    if not any(isinstance(value, (str, os.PathLike)) for value in values):
        paths = names_of(column)  # numbers: ids
    else:
        paths = [_path(value) for value in values]
    if not any(paths):
        raise DataError(
            f"Expected paths in column {column.name!r} of {name}, found nothing in any row. "
            "Name another --path-column."
        )
    return paths


def _path(value: object) -> str | None:
    """As it is: a file's name may begin with a space, and be in any Unicode form."""
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, str):
        return value if value.strip() else None
    return as_text(value)


def _labels(column: pd.Series[Any], name: str) -> list[str | None]:
    _check_plain(list(column.astype(object)), column, name, "one class")
    return names_of(column)


def _check_plain(values: list[object], column: pd.Series[Any], name: str, what: str) -> None:
    for value in values:
        # Anything iterable but text: lists, dictionaries, arrays.
        if isinstance(value, (bytes, Iterable)) and not isinstance(value, str):
            raise DataError(
                f"Expected {what} in each row of column {column.name!r} of {name}, found a "
                f"{type(value).__name__}. Write it as text."
            )


def _no_path(columns: list[str], name: str, path_names: tuple[str, ...]) -> str:
    first_row = any(has_image_extension(column) for column in columns)
    cure = (
        "The first line looks like an image: put the names of the columns above it."
        if first_row
        else "Name it by --path-column."
    )
    return (
        f"Expected a column of paths ({', '.join(path_names)}) in {name}, found the columns "
        f"{listed(columns, 20)}. {cure}"
    )
