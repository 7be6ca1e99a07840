"""What the values of a table's columns mean: numbers, truths, dates, or text."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from curate.data.listing import printable

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_AS_IF_DECIMAL = re.compile(r"(0|-?[1-9][0-9]*)(?:\.0+)?")
_TRUTHS = {"true": True, "false": False}
_INT64 = range(-(2**63), 2**63)
_KINDS = (
    ("bool", pd.api.types.is_bool_dtype),
    ("int", pd.api.types.is_integer_dtype),
    ("float", pd.api.types.is_float_dtype),
    ("datetime", pd.api.types.is_datetime64_any_dtype),
)
_EXACT_DIGITS = 15
"""Whole numbers of up to this many digits pass through a 64-bit float unharmed."""


def typed_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every column of a table the type that its values show, by `typed`."""
    return pd.DataFrame(
        {name: typed(frame[name]) for name in frame.columns}, index=frame.index
    ).rename_axis(columns=None)


def typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Give a column the type that all its values have, whether they are text or not.

    Text that reads as a number, a truth or a date throughout becomes that, so that a table means
    the same as CSV, where all is text, and as Parquet. Nothing else is guessed: "NA" and "yes" are
    text. A number with a leading zero is text too, because it is an id, and so is a whole number
    that the type could not hold exactly. One value that does not fit makes the column text.

    Args:
        column: strings, or any values, with None, NaN or "" where there is none.

    Returns:
        The same index, with type Int64, Float64, boolean, datetime64[us] (in UTC if every value
        has an offset) or string. Text is stripped and in Unicode's NFC form; nested lists and
        dictionaries are JSON text.
    """
    kind = pd.api.types.infer_dtype(column.astype(object), skipna=True)
    values = [
        None if gone else value
        for value, gone in zip(column.astype(object), column.isna(), strict=True)
    ]
    if kind == "boolean":
        return _series(values, "boolean", column)
    if kind == "integer" and all(value is None or int(value) in _INT64 for value in values):
        return _series(values, "Int64", column)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return _series([None if v is None else float(v) for v in values], "Float64", column)
    return _from_text([as_text(value) for value in values], column)


def as_text(value: object) -> str | None:
    """Spell one value: stripped, in NFC form, None where there is nothing.

    Lists and dictionaries become JSON, dates ISO 8601, bytes the text they hold.
    """
    if isinstance(value, str):
        if value.isascii():
            return value.strip() or None
        return printable(unicodedata.normalize("NFC", value.strip())) or None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple, dict)):
        return printable(json.dumps(value, ensure_ascii=False, default=as_text))
    if isinstance(value, bytes):
        return as_text(value.decode("utf-8", "backslashreplace"))
    # The second half holds for NaN and NaT alone; pandas' NA has no truth value, so it is first.
    if value is None or value is pd.NA or value != value:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)


def kind_of(column: pd.Series[Any]) -> str:
    """Name the type of a column: "int", "float", "bool", "datetime" or "string"."""
    for kind, is_one in _KINDS:
        if is_one(column.dtype):
            return kind
    return "string"


def names_of(column: pd.Series[Any]) -> list[str | None]:
    """Spell a column that names things, such as classes: whole numbers are "3", never "3.0".

    A table with gaps turns whole numbers into floats, so where every value is whole, they are
    spelled so; "1.0" beside "1.5" stays.
    """
    texts = [as_text(value) for value in column.astype(object)]
    whole = {text: _AS_IF_DECIMAL.fullmatch(text) for text in set(texts) if text is not None}
    if not all(whole.values()):
        return texts
    short = {text: match.group(1) for text, match in whole.items() if match is not None}
    return [None if text is None else short[text] for text in texts]


def are_numbers(names: list[str | None]) -> bool:
    """Whether `names_of` a column are whole numbers, and at least one."""
    distinct = {name for name in names if name is not None}
    return bool(distinct) and all(_WHOLE.fullmatch(name) for name in distinct)


def _from_text(texts: list[str | None], column: pd.Series[Any]) -> pd.Series[Any]:
    distinct = {text for text in texts if text is not None}
    for read, dtype in _READERS:
        if distinct and (values := read(distinct)) is not None:
            return _series([None if t is None else values[t] for t in texts], dtype, column)
    zoned, dates = _dates(distinct)
    if dates:
        stamps = np.array([None if t is None else dates[t] for t in texts], "datetime64[us]")
        series = _series(stamps, None, column)
        return pd.Series(series.dt.tz_localize("UTC")) if zoned else series
    return _series(texts, "string", column)


def _series(values: Any, dtype: Any, like: pd.Series[Any]) -> pd.Series[Any]:
    series: pd.Series[Any] = pd.Series(values, dtype=dtype, index=like.index, name=like.name)
    return series


def _wholes(texts: set[str]) -> dict[str, Any] | None:
    # Python itself refuses to read a number of thousands of digits.
    if not all(len(text) <= 20 and _WHOLE.fullmatch(text) for text in texts):
        return None
    numbers = {text: int(text) for text in texts}
    return numbers if all(number in _INT64 for number in numbers.values()) else None


def _decimals(texts: set[str]) -> dict[str, Any] | None:
    if not all(_DECIMAL.fullmatch(text) for text in texts):
        return None
    if any(len(text) > _EXACT_DIGITS and _WHOLE.fullmatch(text) for text in texts):
        return None
    numbers = {text: float(text) for text in texts}
    return numbers if all(map(math.isfinite, numbers.values())) else None


def _truths(texts: set[str]) -> dict[str, Any] | None:
    if not all(text.lower() in _TRUTHS for text in texts):
        return None
    return {text: _TRUTHS[text.lower()] for text in texts}


_READERS: tuple[tuple[Callable[[set[str]], dict[str, Any] | None], str], ...] = (
    (_wholes, "Int64"),
    (_decimals, "Float64"),
    (_truths, "boolean"),
)


def _dates(texts: set[str]) -> tuple[bool, dict[str, datetime]]:
    """Whether the dates have offsets, and each one without it; none where one is no date."""
    matches = [_DATE.fullmatch(text) for text in texts]
    zones = {bool(match.group(1)) for match in matches if match is not None}
    if None in matches or len(zones) != 1:
        return False, {}
    try:
        dates = {text: datetime.fromisoformat(text) for text in texts}
        if zones == {True}:
            dates = {t: d.astimezone(UTC).replace(tzinfo=None) for t, d in dates.items()}
    except (ValueError, OverflowError):  # the 31st of February; an hour before the year 1
        return False, {}
    return zones == {True}, dates
