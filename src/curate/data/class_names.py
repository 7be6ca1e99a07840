"""Names for classes that go by ids, such as ``n02012849`` or ``17``."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from curate.errors import DataError, listed

_SHAPES = (
    "Give a CSV of id,name (or of names alone, numbered from 0), or a JSON object from id to name, "
    "or a JSON list of names."
)
_ID_HEADERS = frozenset({
    "", "id", "ids", "class_id", "classid", "class_idx", "class_index", "label_id", "idx", "index",
    "wnid", "synset", "synset_id", "key", "code", "number", "label", "target", "class",
})  # fmt: skip
_NAME_HEADERS = frozenset({
    "name", "names", "class_name", "classname", "class_names", "label_name", "labelname",
    "target_name", "words", "title", "description", "display_name", "class", "classes", "label",
    "labels",
})  # fmt: skip


def read_class_names(path: Path) -> dict[str, str]:
    """Read names of classes by their ids.

    A CSV (or TSV, or with semicolons) holds an id and a name in each row, with or without a header;
    a header may have more columns and any order. One column holds names alone, whose ids are 0, 1,
    and so on. A JSON file holds an object from id to name, a list of names, or what Keras gives as
    ``imagenet_class_index.json``: ``{"0": ["n01440764", "tench"]}``, where both are ids.

    Args:
        path: a file named .json, or any other name for a CSV; UTF-8.

    Returns:
        Id -> name, both without surrounding spaces and in Unicode's NFC form. An id without a name
        is left out.

    Raises:
        DataError: no such file, or none of these shapes; with the line where one is to blame.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected class names in UTF-8 in {path}, found the byte "
            f"0x{error.object[error.start]:02x} at {error.start}. Save the file as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(
            f"Expected a file of class names at {path}, found {error.strerror}. Check the path."
        ) from error
    is_json = path.suffix.lower() == ".json"
    pairs = _from_json(path, text) if is_json else _from_csv(path, text)
    names: dict[str, str] = {}
    for where, raw_id, raw_name in pairs:
        one, name = _clean(raw_id), _clean(raw_name)
        if one == "":
            raise DataError(f"Expected an id at {where}, found none. {_SHAPES}")
        if names.get(one, name) != name:
            raise DataError(
                f"Expected one name for {one!r}, found {names[one]!r} and, at {where}, {name!r}. "
                "Remove one."
            )
        names[one] = name
    if not (names := {one: name for one, name in names.items() if name}):
        raise DataError(f"Expected class names in {path}, found none. {_SHAPES}")
    return names


def rename(
    labels: Sequence[str | None], names: Mapping[str, str]
) -> tuple[list[str | None], list[str]]:
    """Replace ids by names, keeping apart whatever was apart.

    An id that is a whole number is also found without its leading zeros: the folder ``00017`` by
    the id ``17``. Two ids with one name stay two classes: ``crane (n02012849)``.

    Args:
        labels: n ids; None (an unlabelled image) stays None.
        names: of `read_class_names`.

    Returns:
        n names, and sentences about ids without a name and names of several ids.

    Raises:
        DataError: there are labels and none of them is an id.
    """
    ids = sorted({label for label in labels if label is not None})
    found = {one: name for one in ids if (name := _find(one, names)) is not None}
    if ids and not found:
        raise DataError(
            f"Expected class names for the classes {listed(ids)}, found names for "
            f"{listed(sorted(names))}. Give a file whose ids are the classes as they are now."
        )
    kept = [one for one in ids if one not in found]
    unique = _kept_apart(found, kept)
    notes = []
    if kept:
        notes.append(f"{_classes(kept)} without a name in the class names: {listed(kept)}.")
    if changed := [unique[one] for one in found if unique[one] != found[one]]:
        notes.append(
            f"{_classes(changed)} whose name another one also has, kept apart by their ids: "
            f"{listed(changed)}."
        )
    return [None if label is None else unique.get(label, label) for label in labels], notes


def _find(one: str, names: Mapping[str, str]) -> str | None:
    plain = str(int(one)) if one.isascii() and one.isdigit() else one
    return names.get(one, names.get(plain))


def _kept_apart(found: Mapping[str, str], kept: Sequence[str]) -> dict[str, str]:
    """Id -> name, with the id appended until no two are the same."""
    unique = dict(found)
    while True:
        counts = Counter([*unique.values(), *kept])
        same = [one for one, name in unique.items() if counts[name] > 1]
        if not same:
            return unique
        for one in same:
            unique[one] = f"{unique[one]} ({one})"


def _classes(names: Sequence[str]) -> str:
    return "1 class" if len(names) == 1 else f"{len(names)} classes"


def _clean(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def _from_csv(path: Path, text: str) -> list[tuple[str, str, str]]:
    """(where, id, name) of every row."""
    first = text.lstrip(" \r\n").partition("\n")[0]
    delimiter = next((mark for mark in "\t,;" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise DataError(
            f"Expected CSV in {path}, found in line {reader.line_num}: {error}. Correct the line."
        ) from error
    if not rows:
        return []
    width = len(rows[0][1])
    for line, row in rows:
        if len(row) != width:
            raise DataError(
                f"Expected {width} columns in {path}, found {len(row)} in line {line}. "
                "Put names that hold the delimiter in double quotes."
            )
    id_column, name_column, has_header = _columns(path, [_clean(cell) for cell in rows[0][1]])
    return [
        (f"{path}, line {line}", row[id_column] if width > 1 else str(number), row[name_column])
        for number, (line, row) in enumerate(rows[has_header:])
    ]


def _columns(path: Path, first: list[str]) -> tuple[int, int, bool]:
    """The columns of ids and names, and whether `first` is a header."""
    lower = [cell.lower().replace(" ", "_") for cell in first]
    if len(first) == 1:
        return 0, 0, lower[0] in _NAME_HEADERS
    name_columns = [at for at, cell in enumerate(lower) if cell in _NAME_HEADERS]
    id_columns = [at for at, cell in enumerate(lower) if cell in _ID_HEADERS]
    # "class" and "label" are an id beside a name, and a name beside an id.
    name_columns.sort(key=lambda at: lower[at] in _ID_HEADERS)
    id_columns.sort(key=lambda at: lower[at] in _NAME_HEADERS)
    for id_column in id_columns:
        for name_column in name_columns:
            if id_column != name_column:
                return id_column, name_column, True
    if len(first) == 2:
        return 0, 1, False
    raise DataError(
        f"Expected columns named id and name in {path}, found {listed(first)}. Rename two, "
        "or leave only two."
    )


def _from_json(path: Path, text: str) -> list[tuple[str, str, str]]:
    """(where, id, name) of every entry."""
    try:
        content = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise DataError(
            f"Expected JSON in {path}, found in line {error.lineno}, column {error.colno}: "
            f"{error.msg}. Correct the file."
        ) from error
    except RecursionError as error:
        raise DataError(f"Expected class names in {path}, found deep nesting. {_SHAPES}") from error
    if isinstance(content, _Pairs):
        found = []
        for key, value in content:
            where = f"{path}, key {key!r}"
            if isinstance(value, str):
                found.append((where, key, value))
            elif _is_pair(value):
                found += [(where, key, value[1]), (where, value[0], value[1])]
            else:
                raise DataError(f"Expected a name at {where}, found {_shown(value)}. {_SHAPES}")
        return found
    if isinstance(content, list):
        for number, name in enumerate(content):
            if not isinstance(name, str):
                raise DataError(
                    f"Expected names in the list of {path}, found {_shown(name)} as number "
                    f"{number}. {_SHAPES}"
                )
        return [(f"{path}, number {at}", str(at), name) for at, name in enumerate(content)]
    raise DataError(f"Expected class names in {path}, found {_shown(content)}. {_SHAPES}")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a key given twice is seen."""


def _is_pair(value: object) -> TypeGuard[list[str]]:
    if not isinstance(value, list) or isinstance(value, _Pairs):
        return False
    return len(value) == 2 and all(isinstance(part, str) for part in value)


def _shown(value: object) -> str:
    if isinstance(value, _Pairs):
        return "an object"
    return json.dumps(value, ensure_ascii=False)[:40]
