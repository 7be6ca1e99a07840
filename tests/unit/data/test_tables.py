import codecs
import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.data.tables import EXTENSIONS, LINE, read_table
from curate.errors import DataError


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_csv_gives_strings_and_the_lines_they_are_in(tmp_path):
    path = put(tmp_path / "a.csv", 'path,label,n\r\na.jpg,"two\r\nlines",1\r\n\r\nb.jpg,NA,\r\n')
    table = read_table(path)
    assert table.to_dict("list") == {
        "path": ["a.jpg", "b.jpg"],
        "label": ["two\r\nlines", "NA"],
        "n": ["1", ""],
    }
    assert table.index.name == LINE and table.index.tolist() == [2, 5]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("extension", [".csv", ".tsv"])
def test_the_delimiter_is_the_one_of_the_header(tmp_path, delimiter, extension):
    content = f'path{delimiter}"a, b; c"\nx.jpg{delimiter}"1{delimiter}2"\n'
    table = read_table(put(tmp_path / f"a{extension}", content))
    assert table.to_dict("list") == {"path": ["x.jpg"], "a, b; c": [f"1{delimiter}2"]}


def test_a_space_behind_every_delimiter_is_no_part_of_the_values(tmp_path):
    table = read_table(put(tmp_path / "a.csv", 'path, label\na.jpg, "x, y"\n'))
    assert table.to_dict("list") == {"path": ["a.jpg"], "label": ["x, y"]}


def test_one_column_is_enough(tmp_path):
    assert read_table(put(tmp_path / "a.csv", "path\na.jpg\n")).to_dict("list") == {
        "path": ["a.jpg"]
    }


@pytest.mark.parametrize(
    "encoded",
    [
        "path,ü\na.jpg,ß\n".encode(),
        codecs.BOM_UTF8 + "path,ü\na.jpg,ß\n".encode(),
        codecs.BOM_UTF16_LE + "path,ü\na.jpg,ß\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "path,ü\na.jpg,ß\n".encode("utf-16-be"),
    ],
)
def test_unicode_in_any_of_its_encodings(tmp_path, encoded):
    assert read_table(put(tmp_path / "a.csv", encoded)).to_dict("list") == {
        "path": ["a.jpg"],
        "ü": ["ß"],
    }


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_of_an_exported_frame_is_dropped(tmp_path, name):
    assert list(read_table(put(tmp_path / "a.csv", f"{name},p\n1,a\n0,b\n"))) == ["p"]
    twice = read_table(put(tmp_path / "b.csv", f"{name},Unnamed: 0.1,p\n0,0,a\n1,1,b\n"))
    assert list(twice) == ["p"]


def test_another_column_without_a_name_is_kept(tmp_path):
    assert list(read_table(put(tmp_path / "a.csv", ",p\n5,a\n6,b\n"))) == ["Unnamed: 0", "p"]
    assert list(read_table(put(tmp_path / "b.csv", "p,,q\na,x,b\n"))) == ["p", "Unnamed: 1", "q"]
    assert list(read_table(put(tmp_path / "c.csv", "p,q\n0,x\n"))) == ["p", "q"]


def test_a_delimiter_at_the_end_of_every_line_makes_no_column(tmp_path):
    table = read_table(put(tmp_path / "a.csv", "p,q,\na,b,\n,,\nc,d,\n"))
    assert table.to_dict("list") == {"p": ["a", "c"], "q": ["b", "d"]}


def test_parquet_keeps_types_and_gaps(tmp_path):
    frame = pd.DataFrame(
        {"p": ["a", None], "n": pd.array([1, None], "Int64"), "l": [[1], [2, 3]]},
        index=pd.Index([1, 0]),
    )
    frame.to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.to_dict("list")["p"] == ["a", None] and table["n"].tolist() == [1, None]
    assert [list(value) for value in table["l"]] == [[1], [2, 3]]
    assert list(table) == ["p", "n", "l"] and table.index.name is None


def test_json_lines_may_lack_keys_and_hold_line_separators(tmp_path):
    lines = '{"p": "a\u2028b", "n": 1}\n\n{"p": "c", "deep": {"x": [1]}}\r\n'
    table = read_table(put(tmp_path / "a.jsonl", lines))
    assert table.to_dict("list") == {
        "p": ["a\u2028b", "c"],
        "n": [1, None],
        "deep": [None, {"x": [1]}],
    }
    assert table.index.tolist() == [1, 3]


def test_a_key_that_is_no_unicode_is_spelled_out(tmp_path):
    table = read_table(put(tmp_path / "a.jsonl", r'{"p": "a", "n\ud800": 1}'))
    assert list(table) == ["p", r"n\ud800"]


def test_a_json_list_of_objects(tmp_path):
    table = read_table(put(tmp_path / "a.json", '[{"p": "a"},\n {"p": "b", "n": 0.5}]'))
    assert table.to_dict("list") == {"p": ["a", "b"], "n": [None, 0.5]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "p\na", r"Expected a table \(.csv, .tsv, .parquet, .jsonl, .ndjson, .json\)"),
        ("a.csv", "", "Expected a header .* found an empty file"),
        ("a.csv", "\n \n", "Expected a header .* found an empty file"),
        ("a.csv", "p,q\n", "Expected rows in .*a.csv, found none"),
        ("a.csv", "p,p,q\n1,2,3\n", "Expected different names .* found 'p' more than once"),
        ("a.csv", "p,q\na,b\na,b,c\n", r"Expected 2 fields .* found 3 in line 3: 'a', 'b', 'c'"),
        ("a.csv", 'p,q\n"x\ny",b\n\na\n', r"Expected 2 fields .* found 1 in line 5: 'a'"),
        ("a.csv", 'p,q\na,b\nc,"d\ne,f\n', "begins in line 3: unexpected end of data"),
        ("a.csv", 'p,q\na,"b"c\n', "begins in line 2: .*Check its quotes"),
        ("a.csv", '"p', "begins in line 1: .*Check its quotes"),
        ("a.csv", b"p,q\na,b\nc,\xe9\n", r"in UTF-8, found other bytes in line 3.*iconv"),
        ("a.csv", "p,q\na,b\n".encode("utf-16-le"), "found UTF-16 without its byte order mark"),
        ("a.jsonl", '{"p": 1}\n{"p": \n', r"Expected JSON in line 2 of .*a.jsonl, found a fault"),
        ("a.jsonl", '{"p": 1}\n\n[1]\n', r"Expected an object in line 3 .* found list"),
        ("a.jsonl", "\n", "Expected rows in .*a.jsonl, found none"),
        ("a.json", '{"p": 1}', "Expected a list of objects in .*a.json, found dict"),
        ("a.json", '[{"p": 1}, 2]', "Expected an object in item 2 .* found int"),
        ("a.json", '[{"p": 1},\n x]', "Expected JSON in line 2"),
        ("a.json", "[" * 100_000, "Expected JSON in line 1"),
        ("a.jsonl", '{"p": 1, " p": 2}', "Expected different names .* found 'p' more than once"),
        ("a.parquet", b"PAR1", "Expected a Parquet file at .*a.parquet, found"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        read_table(put(tmp_path / name, content))


def test_nothing_or_a_folder_is_no_table(tmp_path):
    with pytest.raises(DataError, match=r"Expected a table at .*a.csv, found nothing"):
        read_table(tmp_path / "a.csv")
    for extension in EXTENSIONS:
        folder = tmp_path / f"b{extension}"
        folder.mkdir()
        with pytest.raises(DataError, match=r"Expected a table at .*, found a folder"):
            read_table(folder)


SLOW_DISK = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FRAMES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(
            st.text(st.characters(categories=["L"]), min_size=1),
            min_size=width,
            max_size=width,
            unique=True,
        ),
        st.lists(
            st.lists(TEXT, min_size=width, max_size=width).filter(
                lambda row: any(text.strip(" \t") for text in row)
            ),
            min_size=1,
            max_size=5,
        ),
    )
)


@given(frame=FRAMES)
@settings(suppress_health_check=SLOW_DISK, deadline=None)
def test_any_text_comes_out_of_every_format_as_it_went_in(tmp_path, frame):
    names, rows = frame
    for delimiter, extension in ((",", "csv"), (";", "csv"), ("\t", "tsv")):
        written = io.StringIO()
        csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([names, *rows])
        table = read_table(put(tmp_path / f"a.{extension}", written.getvalue()))
        assert list(table) == names and table.to_numpy().tolist() == rows
    lines = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    assert read_table(put(tmp_path / "a.jsonl", lines)).to_numpy().tolist() == rows
    pd.DataFrame(rows, columns=names).to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").to_numpy().tolist() == rows
