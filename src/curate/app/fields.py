"""The scalar fields of a sample: types, values as the database keeps them, and legal names.

Nothing here imports fiftyone. Values are Python's own (None for missing), because that is what the
database stores and hands back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from curate.app.names import FACTS
from curate.progress import log
from curate.store.run import Run

_INT64 = range(-(2**63), 2**63)
_UNREMARKABLE: Mapping[str, tuple[Any, ...]] = {
    "animated": (None, False),
    "exif_orientation": (None, 0, 1),
}
"""Facts that are shown only where an image has another value than these."""


@dataclass(frozen=True)
class Column:
    """One sample field.

    Attributes:
        type: "float", "int", "bool", "string" or "datetime".
        values: one an image, None for missing; datetimes as `utc_milliseconds` leaves them.
        description: what the App says about the field.
    """

    type: str
    values: list[Any]
    description: str = ""


def plain(values: Iterable[Any]) -> list[Any]:
    """Python values for a column, None for what is missing or an empty string."""
    series = pd.Series(values)
    missing = series.isna() | (series == "")
    return [
        None if absent else (value.item() if hasattr(value, "item") else value)
        for value, absent in zip(series, missing, strict=True)
    ]


def utc_milliseconds(value: date) -> datetime:
    """A date or time as the database keeps it: UTC, without saying so, to the millisecond."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return datetime(*value.timetuple()[:6], value.microsecond // 1000 * 1000)


def image_facts(samples: pd.DataFrame) -> dict[str, Column]:
    """What is known of the images as files and pixels, as far as the run has it."""
    columns = {}
    for name, (kind, description) in FACTS.items():
        values = _aspect_ratios(samples) if name == "aspect_ratio" else _fact(samples, name, kind)
        if any(value not in _UNREMARKABLE.get(name, (None,)) for value in values):
            columns[name] = Column(kind, values, description)
    return columns


def user_columns(run: Run, taken: Collection[str]) -> tuple[dict[str, Column], dict[str, str]]:
    """The user's own columns of samples.parquet under names that are free in FiftyOne.

    They are read past pandas, in which whole numbers with a gap among them become floats.

    Args:
        run: a run whose `info["metadata"]` has the kind of each column.
        taken: field names that are not to be had.

    Returns:
        The columns by field name, and for each field name the user's name.
    """
    kinds: dict[str, str] = run.info.get("metadata", {})
    if not kinds:
        return {}, {}
    there = pq.read_schema(run.table_path("samples")).names
    if absent := [name for name in kinds if name not in there]:
        log.warning("publish: samples.parquet has no column %s", ", ".join(absent))
    names = field_names([name for name in kinds if name in there], taken)
    table = pq.read_table(run.table_path("samples"), columns=list(names.values()))
    columns = {
        field: _user_column(kinds[name], table.column(name).to_pylist(), name)
        for field, name in names.items()
    }
    return columns, names


def field_names(columns: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Give each column a field name that FiftyOne accepts and nothing else has.

    What is no letter, digit or underscore becomes an underscore (a dot would mean a nested field).
    Where the result is taken, or begins with a digit, ``user_`` is put before it, and a number
    after it as a last resort. Columns that keep their name come first in this, so that no other
    column takes it from them.

    Returns:
        Field name -> column, in the order of `columns`.
    """
    columns = list(columns)
    legal = {name: re.sub(r"\W+", "_", name).strip("_") or "column" for name in columns}
    used = set(taken)
    chosen: dict[str, str] = {}
    for column in sorted(columns, key=lambda name: (legal[name] != name, name)):
        name = legal[column]
        if name in used or name[0].isdigit():
            name = f"user_{name}"
        unique, number = name, 1
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        used.add(unique)
        chosen[column] = unique
    return {chosen[column]: column for column in columns}


def _user_column(kind: str, values: list[Any], name: str) -> Column:
    read = _READERS[kind]
    # The second half holds for NaN alone.
    read_values = [
        None if value is None or value != value or value == "" else read(value) for value in values
    ]
    if kind == "int" and any(value is not None and value not in _INT64 for value in read_values):
        kind, read_values = "string", [None if v is None else str(v) for v in read_values]
    return Column(kind, read_values, f"Column {name!r} of your data")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "bool": bool,
    "string": str,
    "datetime": utc_milliseconds,
}


def _fact(samples: pd.DataFrame, name: str, kind: str) -> list[Any]:
    if name not in samples.columns:
        return []
    read = _READERS[kind]
    return [None if value is None else read(value) for value in plain(samples[name])]


def _aspect_ratios(samples: pd.DataFrame) -> list[float | None]:
    pairs = zip(plain(samples["width"]), plain(samples["height"]), strict=True)
    return [width / height if width and height else None for width, height in pairs]
