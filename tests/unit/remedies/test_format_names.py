"""Names of folders and files, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import ExportError
from curate.remedies.formats.names import class_folders, class_of, file_names

JPG = (".jpg", ".png")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cat", "cat"),
        ("great white shark", "great white shark"),
        ("日本", "日本"),
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        ("con", "%63on"),
        ("Nul.txt", "%4Eul.txt"),
        ("end.", "end%2E"),
        (" gap ", "%20gap%20"),
        ("50%", "50%25"),
        ("two\nlines", "two%0Alines"),
    ],
)
def test_a_class_as_a_folder(name, folder):
    assert class_folders([name]) == {name: folder}
    assert class_of(folder) == name


def test_classes_that_differ_by_case_alone_are_different_everywhere():
    assert class_folders(["Cat", "cat", "dog"]) == {"Cat": "%43at", "cat": "cat", "dog": "dog"}
    composed, apart = "ä", "a\u0308"
    folders = class_folders([composed, apart])
    assert set(folders.values()) == {"%C3%A4", "a%CC%88"}


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), unique=True))
def test_any_classes_come_back_and_fit_every_file_system(names):
    folders = class_folders(names)
    assert [class_of(folders[name]) for name in names] == names
    assert len({folder.casefold() for folder in folders.values()}) == len(names)
    for folder in folders.values():
        assert not set(folder) & set('/\\:*?"<>|\0\n\t')
        assert folder not in (".", "..")
        assert folder == folder.strip()
        assert not folder.endswith(".")


def test_a_class_with_no_name_or_too_long_a_one_is_refused():
    for name in ("", "x" * 300):
        with pytest.raises(ExportError, match="of 1 to 255 bytes"):
            class_folders([name])


def test_files_of_one_name_all_get_their_id():
    paths = ["/a/1.jpg", "/b/1.jpg", "/c/1.JPG", "/d/2.jpg"]
    assert file_names(paths, ["p", "q", "r", "s"], ["JPEG"] * 4, JPG) == [
        "1-p.jpg", "1-q.jpg", "1-r.JPG", "2.jpg",
    ]  # fmt: skip


def test_a_file_that_is_called_what_another_becomes_gets_its_id_too():
    paths = ["/a/1.jpg", "/b/1.jpg", "/c/1-p.jpg"]
    assert file_names(paths, ["p", "q", "r"], ["JPEG"] * 3, JPG) == [
        "1-p.jpg", "1-q.jpg", "1-p-r.jpg",
    ] or len(set(file_names(paths, ["p", "q", "r"], ["JPEG"] * 3, JPG))) == 3  # fmt: skip


def test_an_extension_that_the_reader_does_not_take_gets_one_that_it_does():
    paths = ["/a/x.webp", "/b/y", "/c/z.JPG", "/d/.hidden"]
    assert file_names(paths, list("pqrs"), ["WEBP", "JPEG", "JPEG", ""], JPG) == [
        "x.webp.png", "y.jpg", "z.JPG", "%2Ehidden.png",
    ]  # fmt: skip


def test_a_long_name_is_cut_and_keeps_its_extension():
    name = file_names([f"/{'ä' * 200}.jpg"], ["0123456789abcdef"], ["JPEG"], JPG)[0]
    assert name.endswith("-0123456789abcdef.jpg")
    assert len(name.encode()) <= 255
