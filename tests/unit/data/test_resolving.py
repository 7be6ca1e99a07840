import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from curate.data.resolving import locate
from curate.errors import DataError


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 3)).save(path, "PNG")
    return path


def files_of(base: Path, *paths: str, splits: tuple[str, ...] = ()) -> list[str | None]:
    """Where the files are, below the base."""
    located, _ = locate(paths, splits or ("",) * len(paths), base, "m.csv")
    return [
        str(Path(one.filepath).relative_to(base)) if one.status is not None else None
        for one in located
    ]


def test_a_path_below_the_base_or_absolute(tmp_path):
    put(tmp_path / "a" / "1.png")
    other = put(tmp_path / "elsewhere" / "2.png")
    located, notes = locate(
        ["1.png", "./1.png", "x/../1.png", str(other), f"file://{other}"],
        [""] * 5, tmp_path / "a", "m.csv",
    )  # fmt: skip
    assert [one.filepath for one in located] == [str(tmp_path / "a" / "1.png")] * 3 + [
        str(other)
    ] * 2
    status = other.stat()
    assert located[3].status is not None
    assert (located[3].status.st_size, located[3].status.st_mtime_ns) == (
        status.st_size,
        status.st_mtime_ns,
    )
    assert notes == []


def test_a_link_keeps_its_name(tmp_path):
    (tmp_path / "link.png").symlink_to(put(tmp_path / "1.png"))
    assert files_of(tmp_path, "link.png") == ["link.png"]


def test_an_address_of_a_file_may_be_quoted(tmp_path):
    put(tmp_path / "a b.png")
    assert files_of(tmp_path, f"file://localhost{tmp_path}/a%20b.png") == ["a b.png"]


def test_slashes_of_another_system(tmp_path):
    put(tmp_path / "cat" / "1.png")
    put(tmp_path / "cat" / "2\\3.png")
    assert files_of(tmp_path, "cat\\1.png", ".\\cat\\1.png", "cat/2\\3.png") == [
        "cat/1.png",
        "cat/1.png",
        "cat/2\\3.png",
    ]


def test_spaces_around_a_path_are_passed_over_unless_they_are_its_own(tmp_path):
    put(tmp_path / "cat" / "1.png")
    put(tmp_path / " 2.png ")
    assert files_of(tmp_path, " cat/1.png ", " 2.png ") == ["cat/1.png", " 2.png "]


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_the_other_unicode_form_is_found(tmp_path, on_disk, in_table):
    name = unicodedata.normalize(on_disk, "käse/größe é.png")
    put(tmp_path / name)
    assert files_of(tmp_path, unicodedata.normalize(in_table, name)) == [name]
    assert files_of(tmp_path, unicodedata.normalize(in_table, name.removesuffix(".png"))) == [name]


def test_an_id_is_found_by_its_stem(tmp_path):
    put(tmp_path / "17.png")
    put(tmp_path / "1.2.840.png")
    put(tmp_path / "18")
    put(tmp_path / "deep" / "19.jpg")
    (tmp_path / "19").mkdir()
    put(tmp_path / "19.png")
    (tmp_path / "17.txt").touch()
    assert files_of(tmp_path, "17", "1.2.840", "18", "deep/19", "19") == [
        "17.png",
        "1.2.840.png",
        "18",
        "deep/19.jpg",
        "19.png",
    ]


def test_two_files_of_one_stem_are_not_chosen_between(tmp_path):
    put(tmp_path / "17.png")
    put(tmp_path / "17.jpg")
    put(tmp_path / "18.jpg")
    (one, _), _ = locate(["17", "18"], ["", ""], tmp_path, "m.csv")
    assert (one.problem, one.status) == ("missing", None)
    assert one.detail == "several files have this name: '17.jpg', '17.png'"


def test_the_folder_of_each_rows_split(tmp_path):
    for name in ("train/cat/1.png", "valid/cat/1.png", "TEST/2.png"):
        put(tmp_path / name)
    located, notes = locate(
        ["cat/1.png", "cat/1.png", "2.png"], ["train", "val", "test"], tmp_path, "m.csv"
    )
    assert [Path(one.filepath).relative_to(tmp_path).as_posix() for one in located] == [
        "train/cat/1.png",
        "valid/cat/1.png",
        "TEST/2.png",
    ]
    assert notes == [
        f"The paths of m.csv were not found in {tmp_path}, and are taken below "
        f"{tmp_path}/TEST|train|valid."
    ]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("images", ""), ("Images", "train"), ("train", ""), ("train/images", ""),
        ("train_images", ""), ("train/images", "train"), ("train_images", "train"),
    ],
)  # fmt: skip
def test_folders_that_images_usually_lie_in(tmp_path, folder, split):
    put(tmp_path / folder / "a1.png")
    assert files_of(tmp_path, "a1", splits=(split,)) == [f"{folder}/a1.png"]


def test_most_files_found_wins_and_the_plain_reading_wins_a_tie(tmp_path):
    for name in ("1.png", "images/1.png", "images/2.png", "images/3.png"):
        put(tmp_path / name)
    assert files_of(tmp_path, "1.png", "4.png") == ["1.png", None]
    assert files_of(tmp_path, "1.png", "2.png", "4.png") == ["images/1.png", "images/2.png", None]


def test_paths_of_another_machine_lose_their_first_parts(tmp_path):
    for name in ("cat/1.png", "dog/1.png"):
        put(tmp_path / name)
    away = ["/home/me/data/cat/1.png", "/home/me/data/dog/1.png"]
    assert files_of(tmp_path, *away) == ["cat/1.png", "dog/1.png"]
    assert files_of(tmp_path, r"C:\data\cat\1.png", r"C:\data\dog\1.png") == [
        "cat/1.png",
        "dog/1.png",
    ]
    assert files_of(tmp_path, "../input/cat/1.png", "../input/dog/2.png") == ["cat/1.png", None]
    _, notes = locate(away, ["", ""], tmp_path, "m.csv")
    assert notes == [
        f"The paths of m.csv were not found in {tmp_path}, and are taken without their first "
        f"parts: below {tmp_path}."
    ]


def test_different_paths_never_become_one_file(tmp_path):
    put(tmp_path / "1.png")
    with pytest.raises(DataError, match="found none of 2"):
        locate(["/away/cat/1.png", "/away/dog/1.png"], ["", ""], tmp_path, "m.csv")


def test_a_row_whose_file_cannot_be_used_says_why(tmp_path):
    put(tmp_path / "1.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    paths = [
        "1.png", "2.png", "folder", "broken.png", "loop.png", "pipe.png", "1.png/x.png", "a\0b.png",
        f"{'x' * 300}.png", "a\ud800.png",
    ]  # fmt: skip
    located, _ = locate(paths, [""] * len(paths), tmp_path, "m.csv")
    assert [(one.problem, one.detail) for one in located] == [
        ("", ""),
        ("missing", "there is no such file"),
        ("unreadable", "a folder, not a file"),
        ("unreadable", "a broken link"),
        ("unreadable", "Too many levels of symbolic links"),
        ("unreadable", "not a regular file"),
        ("missing", "there is no such file"),
        ("missing", "no file can have this name"),
        ("missing", "there is no such file"),
        ("missing", "no file can have this name"),
    ]
    assert all((one.status is None) == bool(one.problem) for one in located)


def test_a_file_that_may_not_be_seen(tmp_path, monkeypatch):
    put(tmp_path / "1.png")
    real = os.stat

    def stat(path, *args, **options):
        if str(path).endswith("secret.png"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(os, "stat", stat)
    located, _ = locate(["1.png", "secret.png"], ["", ""], tmp_path, "m.csv")
    assert (located[1].problem, located[1].detail) == ("permission", "the file may not be read")


def test_no_file_at_all_names_the_places(tmp_path):
    (tmp_path / "train").mkdir()
    message = (
        rf"Expected the files that m.csv names, found none of 7: 'a/0.png', .*'a/4.png' and 2 more"
        rf"\. Looked in {tmp_path}, {tmp_path}/train, .*--image-root"
    )
    with pytest.raises(DataError, match=message):
        locate([f"a/{i}.png" for i in range(7)], [""] * 7, tmp_path, "m.csv")
    with pytest.raises(DataError, match="Looked in /no/where"):
        locate(["a.png"], [""], Path("/no/where"), "m.csv")


@pytest.mark.parametrize("address", ["https://x.org/a.png", "s3://b/a.png", "gs://b/a.png"])
def test_addresses_on_the_network_are_refused(tmp_path, address):
    put(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"Expected paths of local files in m.csv.*Download"):
        locate(["1.png", address], ["", ""], tmp_path, "m.csv")
