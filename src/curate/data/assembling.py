"""Rows of tables to a listing: every row is an entry, a problem, or counted as skipped."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.data.columns import are_numbers, names_of, typed
from curate.data.listing import SPLIT_ORDER, Entry, Listing, Problem, printable
from curate.data.resolving import Located, locate
from curate.data.roles import Roles
from curate.data.statistics import SHOWN
from curate.data.tables import LINE
from curate.errors import listed
from curate.store.schema import CATALOG, SAMPLES

RESERVED = frozenset({*CATALOG, *SAMPLES, *SHOWN, "correct", "split", "tags", "id", "metadata"})
"""Names of columns and fields that curate writes itself, in lower case."""


@dataclass(frozen=True)
class Part:
    """One table, read.

    Attributes:
        name: what messages call it.
        table: its rows.
        roles: what its columns say.
        splits, labels: of each row, by whatever says them.
        base: the absolute folder that its paths are relative to.
    """

    name: str
    table: pd.DataFrame
    roles: Roles
    splits: list[str]
    labels: list[str | None]
    base: Path

    def where(self, row: int) -> str:
        """How a person finds a row."""
        if self.table.index.name == LINE:
            return f"{self.name}, line {self.table.index[row]}"
        return f"{self.name}, row {row + 1}"


@dataclass
class _Rows:
    """The rows that stay, of all parts, and what they became."""

    listing: Listing
    kept: list[int]
    twice: list[str]


def assemble(parts: list[Part], group_column: str | None) -> Listing:
    """Find the files of every table's rows, and join the tables.

    A file that is named twice with the same split and label is taken once. The columns without a
    role become metadata: of all tables together, typed, missing where a table lacks one.

    Args:
        parts: at least one.
        group_column: the column of groups as the user names it.

    Raises:
        DataError: `curate.data.resolving.locate` finds no file of one of the tables.
    """
    bases = [str(part.base) for part in parts]
    listing = Listing(Path(os.path.commonpath(bases)))
    rows = _Rows(listing, [], [])
    begin = 0
    for part in parts:
        listing.notes += part.roles.notes
        _add_rows(part, begin, rows)
        begin += len(part.table)
    occurring = {split for part in parts for split in part.splits}
    listing.splits = tuple(split for split in SPLIT_ORDER if split in occurring)
    if rows.twice:
        listing.skipped["listed_twice"] += len(rows.twice)
        listing.notes.append(
            f"{len(rows.twice)} rows name a file again, with the same label and split, and are "
            f"left out: {listed(rows.twice)}."
        )
    raw = _joined(parts, group_column, listing)
    names = _free_names(raw, listing.notes)
    if group_column in raw:
        listing.group_column = names[group_column]
    kept = np.asarray(rows.kept, dtype=np.int64)
    listing.metadata = pd.DataFrame(
        {
            names[name]: _typed(values[kept], is_text=name == group_column)
            for name, values in raw.items()
        },
        index=pd.RangeIndex(len(kept)),
    )
    return listing


def _add_rows(part: Part, begin: int, rows: _Rows) -> None:
    listing, paths = rows.listing, part.roles.paths
    given = [row for row, path in enumerate(paths) if path is not None]
    located, notes = locate(
        [path for path in paths if path is not None],
        [part.splits[row] for row in given],
        part.base,
        part.name,
    )
    listing.notes += notes
    found: list[Located | None] = [None] * len(paths)
    for row, one in zip(given, located, strict=True):
        found[row] = one
    seen = {(entry.filepath, entry.split, entry.label) for entry in listing.entries}
    seen |= {(problem.filepath, problem.split, problem.label) for problem in listing.problems}
    prefix = str(part.base).rstrip(os.sep) + os.sep
    for row, (file, split, label) in enumerate(zip(found, part.splits, part.labels, strict=True)):
        if file is None:
            detail = f"{part.where(row)}: it names no file"
            listing.problems.append(Problem(part.name, split, label, "missing", detail))
            continue
        filepath = file.filepath
        shown = filepath if filepath.isascii() else printable(filepath)
        if (shown, split, label) in seen:
            rows.twice.append(shown)
            continue
        seen.add((shown, split, label))
        problem, detail = file.problem, file.detail
        if file.status is not None and shown != filepath:
            problem, detail = "bad_name", "the path is not UTF-8; rename it"
        if problem or file.status is None:
            detail = f"{part.where(row)}: {detail}"
            listing.problems.append(Problem(shown, split, label, problem, detail))
            continue
        start = len(prefix) if filepath.startswith(prefix) else 0
        size, changed = file.status.st_size, file.status.st_mtime_ns
        listing.entries.append(Entry(filepath, split, label, start, size, changed, len(rows.kept)))
        rows.kept.append(begin + row)


def _joined(
    parts: list[Part], group_column: str | None, listing: Listing
) -> dict[str, np.ndarray[Any, Any]]:
    """The columns without a role, and the groups, of all rows; None where a table lacks one."""
    total = sum(len(part.table) for part in parts)
    columns: dict[str, np.ndarray[Any, Any]] = {}
    begin = 0
    for part in parts:
        values: dict[str, Iterable[Any]] = {
            name: part.table[name].astype(object) for name in part.roles.rest
        }
        if part.roles.groups is not None and group_column is not None:
            values[group_column] = part.roles.groups
        for name, column in values.items():
            array = columns.setdefault(name, np.full(total, None, dtype=object))
            for row, value in enumerate(column, begin):
                array[row] = value
        begin += len(part.table)
    for name in dict.fromkeys(name for part in parts for name in part.roles.numbers):
        labels = [label for part in parts for label in part.labels]
        numbers, example = _numbering(columns[name], labels)
        if example:
            listing.notes.append(
                f"Column {name!r} is kept as metadata, because it contradicts the classes: "
                f"{example}."
            )
        elif numbers:
            del columns[name]
            classes = next(p.roles.label_column for p in parts if name in p.roles.numbers)
            listing.notes.append(
                f"Column {name!r} only numbers the classes of {classes!r} and is left out."
            )
    return columns


def _numbering(column: np.ndarray[Any, Any], labels: list[str | None]) -> tuple[bool, str | None]:
    """Whether a column numbers the classes one to one, and an example of a class with two numbers.

    A number that several classes share says something about them: then it is neither.
    """
    texts = names_of(pd.Series(column, dtype=object))
    pairs = {(a, b) for a, b in zip(labels, texts, strict=True) if a is not None and b is not None}
    if not are_numbers([number for _, number in pairs]):
        return False, None
    first: dict[str, str] = {}
    for label, number in sorted(pairs):
        if first.setdefault(label, number) != number:
            return False, f"{label!r} has the numbers {first[label]} and {number}"
    return len({number for _, number in pairs}) == len(pairs), None


def _free_names(columns: Iterable[str], notes: list[str]) -> dict[str, str]:
    """A name for each column that is none of curate's own."""
    taken = {*RESERVED, *(name.lower() for name in columns)}
    names = {}
    for name in columns:
        names[name] = name
        if name.lower() in RESERVED:
            free = f"{name}_given"
            while free.lower() in taken:
                free += "_given"
            taken.add(free.lower())
            names[name] = free
            notes.append(f"Column {name!r} has a name that curate uses; it is kept as {free!r}.")
    return names


def _typed(values: np.ndarray[Any, Any], is_text: bool) -> pd.Series[Any]:
    column = pd.Series(values, dtype=object)
    return column.astype("string") if is_text else typed(column)
