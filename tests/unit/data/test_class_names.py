import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curate.data.class_names import read_class_names, rename
from curate.errors import DataError


def write(folder: Path, text: str, name: str = "names.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n01,tench\nn02,goldfish\n", {"n01": "tench", "n02": "goldfish"}),
        ("id,name\nn01,tench\n", {"n01": "tench"}),
        ("\ufeffid,name\r\nn01,tench\r\n", {"n01": "tench"}),
        ("name,id\ntench,n01\n", {"n01": "tench"}),
        ("label,name\n0,tench\n", {"0": "tench"}),
        ("class_id,class\n0,tench\n", {"0": "tench"}),
        ("class,label\n0,tench\n", {"0": "tench"}),
        ("Class ID,Class Name\n0,tench\n", {"0": "tench"}),
        ("target,colour,class_name\n0,red,tench\n", {"0": "tench"}),
        (",class_name\n0,tench\n1,shark\n", {"0": "tench", "1": "shark"}),
        ("\n\tclass_name\n0\ttench\n", {"0": "tench"}),
        ("n01\ttench, Tinca tinca\n", {"n01": "tench, Tinca tinca"}),
        ("n01;tench\n", {"n01": "tench"}),
        ('n01,"tench, Tinca tinca"\n', {"n01": "tench, Tinca tinca"}),
        ('n01,"two\nlines"\n', {"n01": "two\nlines"}),
        ("tench\ngoldfish", {"0": "tench", "1": "goldfish"}),
        ("class_name\ntench\ngoldfish\n", {"0": "tench", "1": "goldfish"}),
        ("\n n01 , tench \n\n,\n", {"n01": "tench"}),
        ("n01,\nn02,shark\n", {"n02": "shark"}),
        ("n01,tench\nn01,tench\n", {"n01": "tench"}),
        ("n01,cafe\u0301\n", {"n01": "caf\u00e9"}),
    ],
)
def test_tables(tmp_path, text, expected):
    assert read_class_names(write(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"n01": "tench", "n02": " shark "}, {"n01": "tench", "n02": "shark"}),
        (["tench", "shark"], {"0": "tench", "1": "shark"}),
        (
            {"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]},
            {"0": "tench", "n01440764": "tench", "1": "goldfish", "n01443537": "goldfish"},
        ),
    ],
)
def test_json(tmp_path, content, expected):
    path = write(tmp_path, json.dumps(content), "names.JSON")
    assert read_class_names(path) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "n01,tench\nn01,shark\n", r"'tench' and, at .*a.csv, line 2, 'shark'"),
        ("a.csv", "n01,tench\n\nn02,shark,fish\n", "Expected 2 columns .* found 3 in line 3"),
        ("a.csv", "x,y,z\n1,2,3\n", "named id and name .* found 'x', 'y', 'z'"),
        ("a.csv", 'n01,"tench\nn02,shark\n', "found in line 2: unexpected end of data"),
        ("a.csv", "n01,tench\n,shark\n", "Expected an id at .*a.csv, line 2"),
        ("a.csv", "", "found none. Give a CSV"),
        ("a.csv", "id,name\n", "found none. Give a CSV"),
        ("a.json", '{"a": 1}', "Expected a name at .*key 'a', found 1"),
        ("a.json", '{"a": {"b": "c"}}', "Expected a name at .*key 'a', found an object"),
        ("a.json", '{"a": ["b"]}', r'found \["b"\]'),
        ("a.json", '{"a": "b",\n "a": "c"}', "'b' and, at .*key 'a', 'c'"),
        ("a.json", '{"a": "b",\n}', "found in line 2, column 1"),
        ("a.json", '["a", 2]', "found 2 as number 1"),
        ("a.json", '"a"', 'found "a"'),
        ("a.json", "[" * 100_000, "deep nesting"),
        ("a.json", "{}", "found none"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_class_names(write(tmp_path, text, name))


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"found No such file or directory. Check the path"):
        read_class_names(tmp_path / "none.csv")
    with pytest.raises(DataError, match="found Is a directory"):
        read_class_names(tmp_path)


def test_another_encoding(tmp_path):
    path = tmp_path / "names.csv"
    path.write_bytes("n01,café".encode("latin-1"))
    with pytest.raises(DataError, match=r"found the byte 0xe9 at 7. Save the file as UTF-8"):
        read_class_names(path)


def test_ids_become_names():
    names = {"n01": "tench", "n02": "shark", "n03": "unused"}
    assert rename(["n02", None, "n01", "n02"], names) == (["shark", None, "tench", "shark"], [])


def test_ids_without_a_name_are_kept_and_noted():
    labels, notes = rename(["n01", "x", "y"], {"n01": "tench"})
    assert labels == ["tench", "x", "y"]
    assert notes == ["2 classes without a name in the class names: 'x', 'y'."]


def test_two_ids_of_one_name_stay_two_classes():
    names = {"n02012849": "crane", "n03126707": "crane", "n01": "tench"}
    labels, notes = rename(["n02012849", "n03126707", "n01"], names)
    assert labels == ["crane (n02012849)", "crane (n03126707)", "tench"]
    assert notes == [
        "2 classes whose name another one also has, kept apart by their ids: "
        "'crane (n02012849)', 'crane (n03126707)'."
    ]


def test_a_name_that_is_a_kept_class_stays_another():
    labels, notes = rename(["n01", "tench"], {"n01": "tench"})
    assert labels == ["tench (n01)", "tench"]
    assert len(notes) == 2


def test_the_other_id_of_a_name_does_no_harm_when_no_image_has_it():
    assert rename(["n01"], {"n01": "crane", "0": "crane"}) == (["crane"], [])


def test_leading_zeros():
    assert rename(["00017", "00000"], {"17": "yield", "0": "stop"}) == (["yield", "stop"], [])
    labels, _ = rename(["17", "017"], {"17": "yield"})
    assert labels == ["yield (17)", "yield (017)"]


def test_none_of_the_labels_has_a_name():
    with pytest.raises(DataError, match=r"classes 'cat', 'dog', found names for 'n01', 'n02'\."):
        rename(["dog", "cat"], {"n02": "shark", "n01": "tench"})


def test_nothing_labelled_needs_no_name():
    assert rename([None, None], {"n01": "tench"}) == ([None, None], [])


CELLS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\0\x1a"))


@given(names=st.dictionaries(CELLS, CELLS, min_size=1))
def test_any_text_comes_back_from_csv(names, tmp_path_factory):
    clean = {
        unicodedata.normalize("NFC", key).strip(): unicodedata.normalize("NFC", value).strip()
        for key, value in names.items()
    }
    assume("" not in clean and "" not in clean.values() and len(clean) == len(names))
    text = io.StringIO()
    csv.writer(text).writerows([("id", "name"), *names.items()])
    path = write(tmp_path_factory.mktemp("csv"), text.getvalue())
    assert read_class_names(path) == clean


SHORT = st.text("ab (0", min_size=1, max_size=6)


@given(st.lists(SHORT, min_size=1), st.dictionaries(SHORT, SHORT, min_size=1))
def test_different_classes_stay_different(labels, names):
    try:
        renamed, _ = rename(labels, names)
    except DataError:
        assert not set(labels) & set(names)
        return
    assert len(set(zip(labels, renamed, strict=True))) == len(set(labels)) == len(set(renamed))
