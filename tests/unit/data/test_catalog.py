import hashlib
import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from curate.data import reading
from curate.data.catalog import sample_id, scan
from curate.data.checks import check_problem_share, check_usable
from curate.data.images import PROBLEM_KINDS
from curate.errors import DataError, TooManyProblems
from curate.store.schema import CATALOG, PROBLEMS
from made_images import put, text


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes, 20 train images each, and 2 and 1 in val and test."""
    root, shade = tmp_path / "data", 0
    for split, count in (("train", 20), ("valid", 2), ("test", 1)):
        for label in ("cat", "dog"):
            for number in range(count):
                put(root / split / label / f"{number:02d}.png", shade=shade)
                shade += 1
    return root


def rows_of(catalog, **wanted):
    table = catalog.table
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def test_every_image_is_a_row(data):
    catalog = scan(data)
    assert list(catalog.table.columns) == list(CATALOG)
    assert list(catalog.problems.columns) == list(PROBLEMS)
    assert catalog.table.groupby("split").size().to_dict() == {"train": 40, "val": 4, "test": 2}
    assert catalog.class_names == ("cat", "dog")
    assert (catalog.n_images, catalog.notes, catalog.skipped) == (46, [], {})
    assert catalog.root == data
    assert catalog.table["sample_id"].is_unique


def test_a_row_holds_what_the_file_says(data):
    path = put(data / "train" / "cat" / "deep" / "er" / "x.png", size=(7, 5))
    (row,) = rows_of(scan(data), filepath=str(path)).to_dict("records")
    assert row == {
        "sample_id": hashlib.sha256(b"train/cat/deep/er/x.png").hexdigest()[:16],
        "filepath": str(path),
        "split": "train",
        "label": "cat",
        "group": "",
        "content_digest": hashlib.sha256(path.read_bytes()).hexdigest()[:32],
        "width": 7,
        "height": 5,
        "size_bytes": path.stat().st_size,
        "mtime_ns": path.stat().st_mtime_ns,
        "format": "PNG",
        "mode": "RGB",
        "exif_orientation": 1,
        "animated": False,
    }


def test_order_is_split_then_class_then_path(tmp_path):
    for name in ("val/b/1", "train/b/z", "test/a/1", "train/a/2", "train/a/1/9", "val/a/1"):
        put(tmp_path / f"{name}.png")
    put(tmp_path / "train" / "b" / "A.png")
    order = [str(Path(path).relative_to(tmp_path)) for path in scan(tmp_path).table["filepath"]]
    assert order == [
        "train/a/1/9.png",
        "train/a/2.png",
        "train/b/A.png",
        "train/b/z.png",
        "val/a/1.png",
        "val/b/1.png",
        "test/a/1.png",
    ]


def test_ids_do_not_depend_on_where_the_folder_lies_nor_on_the_split_folders_name(data, tmp_path):
    first = scan(data).table
    moved = data.rename(tmp_path / "elsewhere")
    (moved / "valid").rename(moved / "Validation")
    second = scan(moved).table
    same = ["sample_id", "split", "label", "content_digest", "width", "height", "size_bytes"]
    pd.testing.assert_frame_equal(first[same], second[same])


def test_relative_and_dotted_roots_give_the_same_table(data, monkeypatch):
    monkeypatch.chdir(data / "train")
    pd.testing.assert_frame_equal(scan(Path("..")).table, scan(str(data)).table)


@pytest.mark.parametrize("name", ["train", "Train", "TRAIN"])
@pytest.mark.parametrize("val", ["val", "VALID", "Validation"])
def test_split_folders_in_any_case(tmp_path, name, val):
    for split in (name, val):
        put(tmp_path / split / "a" / "1.png")
        put(tmp_path / split / "b" / "1.png")
    assert scan(tmp_path).table["split"].tolist() == ["train", "train", "val", "val"]


def test_content_decides_not_the_extension(data):
    put(data / "train" / "cat" / "no extension")
    put(data / "train" / "cat" / "picture.txt")
    text(data / "train" / "cat" / "notes.txt")
    text(data / "train" / "cat" / "empty.csv", "")
    bad = text(data / "train" / "cat" / "fake.png")
    catalog = scan(data)
    names = {Path(path).name for path in rows_of(catalog, split="train")["filepath"]}
    assert {"no extension", "picture.txt"} <= names
    assert catalog.skipped == {"not_an_image": 2}
    assert catalog.problems["filepath"].tolist() == [str(bad)]
    assert catalog.problems["problem"].tolist() == ["not_an_image"]
    assert catalog.n_images == 46 + 3


def test_names_with_spaces_and_unicode_composed_either_way(data):
    composed = put(data / "train" / "cat" / "ein schöner Kater 猫.png")
    apart = put(data / "train" / "dog" / unicodedata.normalize("NFD", "hündchen.png"))
    table = scan(data).table.set_index("filepath")
    expected = "train/cat/ein schöner Kater 猫.png"
    assert (
        table.loc[str(composed), "sample_id"] == hashlib.sha256(expected.encode()).hexdigest()[:16]
    )
    assert table.loc[str(apart), "sample_id"] == sample_id("train", "dog", "hündchen.png")


def test_names_that_differ_only_in_composition_keep_their_own_ids(data):
    for form in ("NFC", "NFD"):
        put(data / "train" / "cat" / unicodedata.normalize(form, "é.png"))
        put(data / "train" / unicodedata.normalize(form, "hübsch") / "1.png")
    catalog = scan(data)
    assert catalog.n_images == 46 + 4
    assert catalog.table["sample_id"].is_unique
    assert catalog.class_names == ("cat", "dog", unicodedata.normalize("NFC", "hübsch"))


def test_hidden_and_system_files_are_counted_and_passed_over(data):
    put(data / "train" / "cat" / ".hidden.png")
    put(data / "train" / ".cache" / "1.png")
    put(data / "train" / "cat" / "__MACOSX" / "1.png")
    put(data / ".git" / "1.png")
    text(data / "train" / "dog" / "Thumbs.db")
    text(data / "val.csv")
    catalog = scan(data)
    assert catalog.n_images == 46
    assert catalog.skipped == {"hidden": 2, "system": 2}


def test_what_is_left_out_is_said(data):
    put(data / "extras" / "cat" / "1.png")
    put(data / "train" / "loose.png")
    (data / "train" / "elk").mkdir()
    catalog = scan(data)
    assert catalog.n_images == 46
    assert catalog.class_names == ("cat", "dog")
    assert catalog.skipped == {"outside_class_folders": 1}
    assert any("no split: the folders 'extras'" in note for note in catalog.notes)
    assert any("1 images in" in note and "'loose.png'" in note for note in catalog.notes)
    assert any("without a readable image: 'train/elk'" in note for note in catalog.notes)


def test_links_are_followed_and_loops_are_not(data):
    target = put(data.parent / "store" / "far.png")
    (data / "train" / "cat" / "near.png").symlink_to(target)
    put(data.parent / "more" / "1.png")
    (data / "train" / "cat" / "more").symlink_to(data.parent / "more")
    (data / "train" / "cat" / "round").symlink_to(data / "train" / "cat")
    catalog = scan(data)
    paths = set(catalog.table["filepath"])
    assert str(data / "train" / "cat" / "near.png") in paths
    assert str(data / "train" / "cat" / "more" / "1.png") in paths
    assert catalog.skipped == {"link_loop": 1}
    assert catalog.n_images == 48


def test_width_and_height_are_those_of_the_upright_image(data):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = data / "train" / "cat" / "turned.jpg"
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    (row,) = rows_of(scan(data), filepath=str(path)).to_dict("records")
    assert (row["width"], row["height"]) == (20, 40)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.png", b"", "empty"),
        ("a.jpg", b"<html>404</html>", "not_an_image"),
        ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00", "damaged"),
        ("noext", b"\x89PNG\r\n\x1a\n\x00\x00", "damaged"),
    ],
)
def test_a_bad_file_is_a_problem_and_never_a_row(data, name, content, problem):
    path = data / "train" / "dog" / name
    path.write_bytes(content)
    catalog = scan(data)
    (row,) = catalog.problems.to_dict("records")
    assert (row["filepath"], row["split"], row["label"]) == (str(path), "train", "dog")
    assert row["problem"] == problem
    assert problem in PROBLEM_KINDS
    assert row["detail"]
    assert str(path) not in set(catalog.table["filepath"])
    assert len(catalog.table) == 46


def test_broken_links_pipes_and_names_that_are_not_utf8_are_problems(data):
    for label in ("cat", "dog"):
        for number in range(20, 40):
            put(data / "train" / label / f"{number}.png")
    (data / "train" / "cat" / "gone.png").symlink_to(data / "nowhere.png")
    os.mkfifo(data / "train" / "cat" / "pipe.png")
    os.mkfifo(data / "train" / "cat" / "pipe")
    put(data / "train" / "cat" / os.fsdecode(b"latin-\xe9.png"))
    catalog = scan(data)
    found = dict(zip(catalog.problems["filepath"], catalog.problems["problem"], strict=True))
    assert found == {
        str(data / "train/cat/gone.png"): "unreadable",
        str(data / "train/cat/latin-\\udce9.png"): "bad_name",
        str(data / "train/cat/pipe.png"): "unreadable",
    }
    assert catalog.skipped == {"not_an_image": 1}


# -- a second look -------------------------------------------------------------------------------


def scramble(path: Path) -> None:
    """Other bytes under the same name, size and time of change."""
    status = path.stat()
    path.write_bytes(b"?" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_unchanged_files_are_not_opened_again(data):
    first = scan(data)
    for path in first.table["filepath"]:
        scramble(Path(path))
    second = scan(data, previous=first.table)
    pd.testing.assert_frame_equal(first.table, second.table)
    assert second.problems.empty


def test_changed_new_and_gone_files_are_noticed(data):
    first = scan(data)
    changed = put(data / "train" / "cat" / "00.png", size=(9, 9))
    added = put(data / "train" / "cat" / "new.png", size=(3, 3))
    (data / "train" / "cat" / "01.png").unlink()
    second = scan(data, previous=first.table)
    pd.testing.assert_frame_equal(second.table, scan(data).table)
    widths = second.table.set_index("filepath")["width"]
    assert (widths[str(changed)], widths[str(added)]) == (9, 3)
    assert len(second.table) == len(first.table)


def test_a_touched_file_is_read_again(data):
    first = scan(data)
    path = data / "train" / "cat" / "03.png"
    scramble(path)
    os.utime(path, ns=(0, 0))
    assert scan(data, previous=first.table).problems["filepath"].tolist() == [str(path)]


def test_problems_are_looked_at_again(data):
    bad = text(data / "train" / "cat" / "bad.png")
    first = scan(data)
    assert len(first.problems) == 1
    assert len(scan(data, previous=first.table).problems) == 1
    put(bad)
    assert scan(data, previous=first.table).problems.empty


def test_a_table_that_lacks_columns_is_not_used(data):
    first = scan(data).table
    pd.testing.assert_frame_equal(scan(data, previous=first[["filepath"]]).table, first)


def test_scanning_twice_gives_the_same_and_changes_nothing(data):
    before = {path: path.stat() for path in data.rglob("*") if path.is_file()}
    first, second = scan(data), scan(data)
    pd.testing.assert_frame_equal(first.table, second.table)
    after = {path: path.stat() for path in data.rglob("*") if path.is_file()}
    assert {p: (s.st_mtime_ns, s.st_size) for p, s in before.items()} == {
        p: (s.st_mtime_ns, s.st_size) for p, s in after.items()
    }


def test_progress_counts_the_files_that_are_read(data):
    seen = []

    class Bar:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return None

        def update(self, n=1):
            seen.append(n)

    def progress(name, total=None, unit="it"):
        seen.append((name, total, unit))
        return Bar()

    first = scan(data, progress=progress)
    assert seen[0] == ("catalog", 46, "image")
    assert sum(seen[1:]) == 46
    seen.clear()
    scan(data, previous=first.table, progress=progress)
    assert seen == [("catalog", 0, "image")]


names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12
)
contents = st.sampled_from(["image", "text", "empty"])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(files=st.dictionaries(names, contents, max_size=8))
def test_every_file_is_accounted_for(tmp_path_factory, files):
    root = tmp_path_factory.mktemp("any")
    for number in range(200):
        folder = root / "train" / ("a" if number % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.ppm").write_bytes(b"P5 1 1 255\n" + bytes([number]))
    folder = root / "train" / "a" / "more"
    folder.mkdir()
    written = 0
    for name, content in files.items():
        if name in (".", "..") or len(os.fsencode(name)) > 200 or (folder / name).exists():
            continue
        (folder / name).write_bytes(
            {"image": b"P5 1 1 255\n0", "text": b"x", "empty": b""}[content]
        )
        written += 1
    catalog = scan(root)
    assert catalog.n_images + sum(catalog.skipped.values()) == 200 + written
    assert catalog.table["sample_id"].is_unique
    assert set(catalog.problems["problem"]) <= set(PROBLEM_KINDS)


def test_a_class_whose_train_images_are_all_unreadable_counts_as_lacking(data):
    for number in range(60, 90):
        put(data / "train" / "cat" / f"{number}.png")
    text(data / "train" / "elk" / "1.png")
    put(data / "test" / "elk" / "1.png")
    with pytest.raises(DataError, match="found no readable train image of 'elk'"):
        scan(data)


def test_more_than_five_percent_unreadable_stops(data):
    for number in range(6):
        text(data / "train" / "cat" / f"bad{number}.png")
    message = (
        r"Expected at most 5% unreadable images, found 6 of 52 \(12%\): '.*bad0\.png "
        r"\(not_an_image\)'.*bad4.* and 1 more\. Check that"
    )
    with pytest.raises(TooManyProblems, match=message):
        scan(data)


@pytest.mark.parametrize(("bad", "stops"), [(0, False), (5, False), (6, True), (100, True)])
def test_the_share_is_of_all_images(bad, stops):
    problems = pd.DataFrame({"filepath": ["x"] * bad, "problem": ["truncated"] * bad})
    if stops:
        with pytest.raises(TooManyProblems, match=f"found {bad} of 100"):
            check_problem_share(100, problems)
    else:
        check_problem_share(100, problems)


def test_usable_is_checked_again_after_decoding(data):
    catalog = scan(data)
    assert check_usable(data, ["train", "val", "test"], catalog.table) == ("cat", "dog")
    left = catalog.table[catalog.table["split"] != "test"]
    with pytest.raises(DataError, match="Expected readable test images in"):
        check_usable(data, ["train", "val", "test"], left)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "images", "classes"), [("sketch7", 3929, 7), ("masks3", 900, 3), ("sports11", 440, 11)]
)
def test_shared_datasets_are_all_accounted_for(name, images, classes):
    root = Path(__file__).parents[4] / "shared" / "data" / name
    if not root.is_dir():
        pytest.skip("the shared datasets are not beside this checkout")
    catalog = scan(root)
    assert catalog.n_images == images
    assert len(catalog.class_names) == classes
    assert np.array_equal(catalog.table["sample_id"].unique(), catalog.table["sample_id"])


def test_processes_read_what_threads_read(data, monkeypatch):
    (data / "train" / "cat" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    threads = scan(data)
    monkeypatch.setattr(reading, "MANY", 1)
    processes = scan(data)
    assert processes.table.equals(threads.table)
    assert processes.problems.equals(threads.problems)
    assert processes.problems["problem"].tolist() == ["damaged"]
