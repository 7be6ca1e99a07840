"""Reading a table from a file: CSV, TSV, Parquet, JSON Lines or a JSON list."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.data.listing import printable
from curate.errors import DataError, listed

EXTENSIONS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")

LINE = "line"
"""Name of the index of a table that was read from text: the line each row begins in."""

_DELIMITERS = (",", ";", "\t", "|")
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)?)?")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table.

    CSV and TSV (the delimiter is found from the header line, whatever the extension) give strings,
    "" where there is nothing; Parquet and JSON keep their values, None where there is nothing.
    The index that a DataFrame's export puts in front, a nameless column of 0 to n - 1, is dropped.

    Args:
        path: a file whose extension is one of `EXTENSIONS`; text is UTF-8, or UTF-16 with its mark.

    Returns:
        A table of objects with unique names of columns. The index is the line in which each row
        begins, named `LINE`; for Parquet, which has no lines, it counts from 0 and has no name.

    Raises:
        DataError: the file is not there, is of another kind, is no UTF-8, has no header, no row,
            a name twice, or a line that is broken; the message names the line.
    """
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise DataError(
            f"Expected a table ({', '.join(EXTENSIONS)}), found {path}. "
            "Give a file of one of these extensions."
        )
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing"
        raise DataError(f"Expected a table at {path}, found {what}. Check the path.")
    try:
        if extension == ".parquet":
            table = _read_parquet(path)
        elif extension in (".csv", ".tsv"):
            table = _read_delimited(path, _text(path))
        else:
            table = _read_json(path, _text(path))
    except OSError as error:
        raise DataError(
            f"Expected a readable table at {path}, found {error.strerror or error}. "
            "Check that it is a whole file and may be read."
        ) from error
    if table.empty:
        raise DataError(f"Expected rows in {path}, found none. Fill the table.")
    return _without_index(table)


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        text, where = "", f"other bytes in line {line}"
    else:
        where = "UTF-16 without its byte order mark" if "\0" in text[:2] else ""
    if where:
        raise DataError(
            f"Expected {path} in UTF-8, found {where}. Save it as UTF-8 (a spreadsheet calls it "
            f'"CSV UTF-8"), or run: iconv -f LATIN1 -t UTF-8 {path.name}'
        )
    return text


def _read_delimited(path: Path, text: str) -> pd.DataFrame:
    delimiter, spaced = _dialect(path, text)
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, row in _records(path, text, delimiter, spaced):
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"Expected {len(rows[0])} fields in every line of {path}, as in its header, found "
                f"{len(row)} in line {line}: {listed(row)}. Repair the line; a field that "
                f"holds {delimiter!r} needs quotes around it."
            )
        lines.append(line)
        rows.append(row)
    header = [name.strip() for name in rows[0]]
    columns = dict(enumerate(zip(*rows[1:], strict=True)))
    # A delimiter at the end of every line makes a column of nothing.
    kept = [i for i, name in enumerate(header) if name or any(columns.get(i, ()))]
    named = {i: header[i] or f"Unnamed: {i}" for i in kept}
    _check_names(path, list(named.values()))
    return pd.DataFrame(
        {name: columns.get(i, ()) for i, name in named.items()},
        index=pd.Index(lines[1:], name=LINE),
        dtype=object,
    )


def _dialect(path: Path, text: str) -> tuple[str, bool]:
    """The delimiter that parts the header in most, and whether spaces follow it."""
    headers: dict[str, list[str]] = {}
    for delimiter in _DELIMITERS:
        try:
            headers[delimiter] = next(iter(_records(path, text, delimiter, False)))[1]
        except StopIteration:
            raise DataError(
                f"Expected a header with the names of the columns in {path}, found an empty file. "
                "Fill the table."
            ) from None
        except DataError:  # with this delimiter the quotes are in the wrong places
            if delimiter == _DELIMITERS[-1] and not headers:
                raise
    # A quote left inside a name means that another delimiter stands before it.
    best = max(headers, key=lambda d: ('"' not in "".join(headers[d]), len(headers[d])))
    return best, any(name.startswith(" ") for name in headers[best][1:])


def _records(
    path: Path, text: str, delimiter: str, spaced: bool
) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not blank, and the line it begins in."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced, strict=True
    )
    begin = 1
    try:
        for row in reader:
            # A blank line has no field; a row of nothing at a table's end is a spreadsheet's.
            if any(row) if len(row) > 1 else row and row[0].strip(" \t"):
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"Expected a table in {path}, found a fault in the record that begins in line {begin}: "
            f"{error}. Check its quotes: each one opened must be closed, and one inside a field "
            "doubled."
        ) from error


def _read_json(path: Path, text: str) -> pd.DataFrame:
    """One object a line; or one list of objects, whose rows then have no lines."""
    rows: list[Any] = []
    lines: list[int] = []
    if path.suffix.lower() == ".json":
        rows = _parsed(path, text, 0)
        if not isinstance(rows, list):
            raise DataError(
                f"Expected a list of objects in {path}, found {type(rows).__name__}. "
                'Write [{"file_name": ...}, ...], or one object a line as .jsonl.'
            )
    else:
        # Not splitlines(): a JSON string may hold Unicode's own line separators.
        for line, one in enumerate(text.split("\n"), 1):
            if one.strip():
                rows.append(_parsed(path, one, line))
                lines.append(line)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            where = f"line {lines[number]}" if lines else f"item {number + 1}"
            raise DataError(
                f"Expected an object in {where} of {path}, found {type(row).__name__}. "
                'Write {"file_name": ..., "label": ...}.'
            )
    names = {name: printable(name.strip()) for row in rows for name in row}
    _check_names(path, list(names.values()))
    index = pd.Index(lines, name=LINE) if lines else pd.RangeIndex(len(rows))
    return pd.DataFrame(
        {shown: _objects([row.get(name) for row in rows]) for name, shown in names.items()},
        index=index,
    )


def _parsed(path: Path, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = line or getattr(error, "lineno", 1)
        raise DataError(
            f"Expected JSON in line {at} of {path}, found a fault: {error}. Repair the line."
        ) from error


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        raise DataError(
            f"Expected a Parquet file at {path}, found {error}. Write it again."
        ) from error
    _check_names(path, [str(name).strip() for name in table.column_names])
    # Without pandas' metadata a frame's index is a column as any other. Whole numbers with gaps
    # stay whole.
    frame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    objects = {
        str(name).strip(): column.astype(object).where(column.notna(), None)
        for name, column in frame.items()
    }
    # What pandas calls an index without a name is written last.
    index = [name for name in objects if name.startswith("__index_level_")]
    first = {f"Unnamed: {i}": objects.pop(name) for i, name in enumerate(index)}
    return pd.DataFrame({**first, **objects})


def _objects(values: list[Any]) -> np.ndarray[Any, Any]:
    """An array that keeps lists as they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"Expected different names of columns in the header of {path}, found "
            f"{listed(twice)} more than once. Rename them."
        )


def _without_index(table: pd.DataFrame) -> pd.DataFrame:
    """Drop columns in front that only count the rows, in any order, and have no name."""
    numbers = {str(number) for number in range(len(table))}
    for name, following in pairwise([*table.columns, None]):
        counts = _UNNAMED.fullmatch(name) and {str(value) for value in table[name]} == numbers
        if not counts or following is None:
            break
        table = table.drop(columns=name)
    return table.rename(columns={"": "Unnamed: 0"})
