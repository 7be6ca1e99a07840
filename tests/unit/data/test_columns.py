import datetime
import decimal
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.data.columns import are_numbers, as_text, kind_of, names_of, typed, typed_frame


def dtype_of(values: list[object]) -> str:
    return str(typed(pd.Series(values, dtype=object)).dtype)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["1", "-20", ""], "Int64", [1, -20, None]),
        (["0", str(2**63 - 1)], "Int64", [0, 2**63 - 1]),
        (["1.5", "-2", ".25", "1e-3", None], "Float64", [1.5, -2.0, 0.25, 0.001, None]),
        (["True", "FALSE", " true "], "boolean", [True, False, True]),
        (["m", " f ", "", None], "string", ["m", "f", None, None]),
        ([1, 2, None], "Int64", [1, 2, None]),
        ([1.5, float("nan")], "Float64", [1.5, None]),
        ([1, 2.5], "Float64", [1.0, 2.5]),
        ([True, None], "boolean", [True, None]),
        ([decimal.Decimal("1.25")], "Float64", [1.25]),
        ([1, "2"], "Int64", [1, 2]),
        ([True, "no"], "string", ["True", "no"]),
        ([b"abc"], "string", ["abc"]),
        ([], "string", []),
        (["", None, float("nan"), pd.NaT, pd.NA], "string", [None] * 5),
    ],
)
def test_a_column_has_the_type_that_all_its_values_show(values, dtype, expected):
    found = typed(pd.Series(values, dtype=object))
    assert str(found.dtype) == dtype
    assert [None if pd.isna(value) else value for value in found] == expected


@pytest.mark.parametrize(
    "text",
    ["007", "00.5", "1,5", "+5", "NA", "nan", "inf", "1e999", "yes", "2024-02-30", "2024-1-2",
     str(2**63), "9" * 5000, "\u0661", "0x10", "1_000"],
)  # fmt: skip
def test_what_is_no_plain_number_stays_text(text):
    assert dtype_of([text]) == "string"
    assert typed(pd.Series([text])).tolist() == [text]


def test_one_value_that_does_not_fit_makes_text_of_all():
    assert typed(pd.Series(["1", "2", "007"])).tolist() == ["1", "2", "007"]
    assert typed(pd.Series([1, 2, "x"], dtype=object)).tolist() == ["1", "2", "x"]
    # As a float it would become 1234567890123456768.
    assert typed(pd.Series(["1234567890123456789", "0.5"])).tolist()[0] == "1234567890123456789"


def test_dates_are_dates_and_those_with_an_offset_are_in_utc():
    plain = typed(pd.Series(["2024-02-29", "2024-03-01 12:30:00.25", ""]))
    assert plain.dtype == "datetime64[us]"
    assert plain[1] == pd.Timestamp("2024-03-01 12:30:00.25") and pd.isna(plain[2])
    zoned = typed(pd.Series(["2024-02-29T01:00:00+02:00", "2024-02-29T01:00:00Z"]))
    assert str(zoned.dtype) == "datetime64[us, UTC]"
    assert zoned[0] == pd.Timestamp("2024-02-28T23:00:00Z")
    assert dtype_of(["2024-02-29T01:00:00Z", "2024-02-29"]) == "string"
    assert dtype_of(["0001-01-01T00:00:00+05:00"]) == "string"  # earlier than any date
    assert dtype_of([datetime.date(2024, 1, 2), None]) == "datetime64[us]"
    assert str(typed(pd.Series(pd.to_datetime(["2024-01-02"]))).dtype) == "datetime64[us]"


def test_nested_values_become_json_text():
    found = typed(pd.Series([{"ä": [1, 2]}, [1, "x"], np.array([1, 2]), None], dtype=object))
    assert found.dtype == "string"
    assert found[0] == '{"ä": [1, 2]}' and json.loads(found[1]) == [1, "x"] and found[2] == "[1, 2]"
    assert pd.isna(found[3])


def test_categories_are_typed_by_their_values():
    assert str(typed(pd.Series(["a", "b"], dtype="category")).dtype) == "string"
    assert str(typed(pd.Series([1, 2], dtype="category")).dtype) == "Int64"


def test_a_frame_keeps_its_index_and_its_names():
    frame = pd.DataFrame({"a b": ["1"], "ü": ["x"]}, index=[7])
    found = typed_frame(frame)
    assert list(found.columns) == ["a b", "ü"] and found.index.tolist() == [7]
    assert found.dtypes.astype(str).tolist() == ["Int64", "string"]
    assert typed_frame(pd.DataFrame(index=[1, 2])).shape == (2, 0)


def test_kinds_have_plain_names():
    frame = typed_frame(
        pd.DataFrame({
            "int": ["1"], "float": ["1.5"], "bool": ["true"],
            "datetime": ["2024-01-01T00:00:00Z"], "string": ["x"],
        })
    )  # fmt: skip
    assert [kind_of(frame[name]) for name in frame.columns] == list(frame.columns)


def test_names_of_whole_numbers_have_no_point():
    assert names_of(pd.Series([3.0, np.nan])) == ["3", None]
    assert names_of(pd.Series(["3.0", "", "10.00"])) == ["3", None, "10"]
    assert names_of(pd.Series([3, 4])) == ["3", "4"]
    assert names_of(pd.Series(["1.0", "1.5"])) == ["1.0", "1.5"]
    assert names_of(pd.Series(["007", "3"])) == ["007", "3"]


def test_are_numbers():
    assert are_numbers(["1", None, "-2"])
    assert not are_numbers([None]) and not are_numbers(["1", "a"]) and not are_numbers(["01"])


def test_text_is_stripped_composed_and_writable():
    assert as_text(" e\u0301 ") == "\u00e9"
    assert as_text("a\ud800") == "a\\ud800"
    assert as_text(" \t\n") is None


@settings(deadline=None)
@given(st.lists(st.none() | st.text()))
def test_any_text_is_kept_as_text_or_read_back_from_its_type(texts):
    column = typed(pd.Series(texts, dtype=object))
    expected = [as_text(text) for text in texts]
    assert [pd.isna(value) for value in column] == [text is None for text in expected]
    if column.dtype == "string":
        assert [None if pd.isna(value) else value for value in column] == expected
    elif column.dtype == "Int64":
        assert [None if pd.isna(value) else str(value) for value in column] == expected


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_survive_being_text(numbers):
    assert typed(pd.Series([str(n) for n in numbers])).tolist() == numbers


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_survive_being_text(numbers):
    found = typed(pd.Series([repr(n) for n in numbers]))
    assert found.tolist() == numbers


@settings(deadline=None)
@given(st.lists(st.datetimes(), min_size=1))
def test_dates_survive_being_text(dates):
    assert typed(pd.Series([d.isoformat() for d in dates])).tolist() == dates
