import re
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.app.fields import (
    Column,
    field_names,
    image_facts,
    user_columns,
    utc_milliseconds,
)
from curate.store.run import Run


@pytest.fixture
def run(tmp_path):
    """A run whose samples.parquet holds whatever columns a test gives it."""
    run = Run.create(tmp_path / "run")

    def write(kinds, **columns):
        pq.write_table(
            pa.table({"sample_id": ["a", "b", "c"], **columns}), run.path / "samples.parquet"
        )
        run.save(metadata=kinds)
        return run

    return write


def test_legal_names_stay_and_others_are_made_legal():
    names = field_names(["age", "größe", "face.size", "_x", "$y", "2nd", "a b", "a.b", "…"], ())
    assert names == {
        **{"age": "age", "größe": "größe", "face_size": "face.size", "x": "_x", "y": "$y"},
        **{"user_2nd": "2nd", "a_b": "a b", "user_a_b": "a.b", "column": "…"},
    }


def test_a_taken_name_gets_a_prefix_and_then_a_number():
    assert field_names(["tier", "age"], {"tier"}) == {"user_tier": "tier", "age": "age"}
    assert field_names(["tier"], {"tier", "user_tier"}) == {"user_tier_2": "tier"}


def test_a_column_that_is_called_like_a_made_name_keeps_it():
    assert field_names(["a.b", "a_b"], ()) == {"user_a_b": "a.b", "a_b": "a_b"}


@given(st.lists(st.text(max_size=6), unique=True), st.sets(st.text(max_size=6)))
def test_names_are_legal_free_and_one_a_column_in_any_order(columns, taken):
    names = field_names(columns, taken)
    assert list(names.values()) == columns
    assert not taken & set(names)
    assert all(re.fullmatch(r"[^\W_]\w*", name) for name in names)
    backwards = field_names(columns[::-1], taken)
    assert backwards == names


def test_times_are_utc_to_the_millisecond():
    east = timezone(timedelta(hours=2))
    expected = datetime(2024, 5, 1, 10, 0, 0, 123000)
    assert utc_milliseconds(datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=east)) == expected
    assert utc_milliseconds(datetime(2024, 5, 1, 10, 0, 0, 123999)) == expected
    assert utc_milliseconds(pd.Timestamp("2024-05-01 10:00:00.123456789")) == expected
    assert type(utc_milliseconds(pd.Timestamp("2024-05-01", tz=UTC))) is datetime
    assert utc_milliseconds(date(2024, 5, 1)) == datetime(2024, 5, 1)


def test_user_columns_have_the_values_that_the_table_has(run):
    big = 2**53 + 1  # a float would lose its last digit
    columns, names = user_columns(
        run(
            {"n": "int", "x": "float", "ok": "bool", "text": "string", "at": "datetime"},
            n=[1, None, big],
            x=[0.5, float("nan"), None],
            ok=[True, None, False],
            text=["é", "", None],
            at=[date(2024, 1, 2), None, None],
        ),
        (),
    )
    assert {name: (one.type, one.values) for name, one in columns.items()} == {
        "n": ("int", [1, None, big]),
        "x": ("float", [0.5, None, None]),
        "ok": ("bool", [True, None, False]),
        "text": ("string", ["é", None, None]),
        "at": ("datetime", [datetime(2024, 1, 2), None, None]),
    }
    assert names == {name: name for name in columns}


def test_a_renamed_column_says_what_it_was(run):
    columns, names = user_columns(run({"face.size": "int"}, **{"face.size": [1, 2, 3]}), ())
    assert names == {"face_size": "face.size"}
    assert columns["face_size"] == Column("int", [1, 2, 3], "Column 'face.size' of your data")


def test_whole_numbers_too_large_for_the_database_are_text(run):
    columns, _ = user_columns(run({"n": "int"}, n=pa.array([1, None, 2**63], pa.uint64())), ())
    assert columns["n"].type == "string"
    assert columns["n"].values == ["1", None, str(2**63)]


def test_a_column_that_is_not_in_the_table_is_left_out_and_said(run, caplog):
    assert user_columns(run({"n": "int"}), ()) == ({}, {})
    assert "samples.parquet has no column n" in caplog.text


def test_a_run_without_metadata_has_no_user_columns(tmp_path):
    assert user_columns(Run.create(tmp_path / "run"), ()) == ({}, {})


def test_facts_that_the_table_has_are_shown_and_those_that_say_nothing_are_not():
    samples = pd.DataFrame(
        {
            "width": [30, 10, None],
            "height": [20, 10, 10],
            "format": ["PNG", "GIF", None],
            "group": ["", "", ""],
            "exif_orientation": [1, 1, None],
            "animated": [False, True, None],
            "entropy": [1.5, None, 2.0],
        }
    )
    facts = image_facts(samples)
    assert {name: (one.type, one.values) for name, one in facts.items()} == {
        "aspect_ratio": ("float", [1.5, 1.0, None]),
        "entropy": ("float", [1.5, None, 2.0]),
        "format": ("string", ["PNG", "GIF", None]),
        "animated": ("bool", [False, True, None]),
    }
    turned = image_facts(samples.assign(exif_orientation=[1, 6, None]))
    assert turned["exif_orientation"].values == [1, 6, None]
    assert all(one.description for one in facts.values())
