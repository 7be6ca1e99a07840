from __future__ import annotations

from pathlib import Path

import pytest

from curate.data.catalog import Catalog, scan
from curate.data.source import Source
from curate.errors import DataError
from made_images import put, text


def fill(root: Path, counts: dict[str, int], start: int = 0) -> Path:
    """Put so many pictures, each of its own bytes, into each folder below `root`."""
    for folder, count in counts.items():
        for number in range(count):
            put(root / folder / f"{number:02d}.png", size=(5 + start // 200, 4), shade=start % 200)
            start += 1
    return root


def counts_of(catalog: Catalog) -> dict[tuple[str, str], int]:
    table = catalog.table.assign(label=catalog.table["label"].fillna("?"))
    return table.groupby(["split", "label"]).size().to_dict()


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"), ("TRAIN", "train"), ("training", "train"), ("val", "val"),
        ("Valid", "val"), ("validation", "val"), ("dev", "val"), ("test", "test"),
        ("Testing", "test"),
    ],
)  # fmt: skip
def test_splits_by_their_usual_names(tmp_path, folder, split):
    if split == "train":
        fill(tmp_path, {f"{folder}/cat": 3, f"{folder}/dog": 2})
    else:
        fill(tmp_path, {"train/cat": 3, "train/dog": 2, f"{folder}/cat": 1, f"{folder}/dog": 1})
    found = counts_of(scan(tmp_path))
    assert found[split, "cat"] in (1, 3)
    assert {name for name, _ in found} == {"train", split}


def test_class_folders_without_splits_are_all_train_and_it_is_said(tmp_path):
    fill(tmp_path, {"cat": 3, "dog/young": 2})
    catalog = scan(tmp_path)
    assert counts_of(catalog) == {("train", "cat"): 3, ("train", "dog"): 2}
    assert any("--val-fraction" in note for note in catalog.notes)


def test_class_folders_are_split_by_share_repeatably(tmp_path):
    fill(tmp_path, {"cat": 40, "dog": 60})
    source = Source(str(tmp_path), val_fraction=0.2, test_fraction=0.1)
    catalog = scan(source, seed=3)
    assert counts_of(catalog) == {
        ("train", "cat"): 28, ("train", "dog"): 42, ("val", "cat"): 8, ("val", "dog"): 12,
        ("test", "cat"): 4, ("test", "dog"): 6,
    }  # fmt: skip
    again, other = scan(source, seed=3), scan(source, seed=4)
    assert again.table.equals(catalog.table)
    merged = catalog.table.merge(other.table, on="sample_id")
    assert len(merged) == 100
    assert (merged["split_x"] != merged["split_y"]).any()


def test_a_made_split_separates_neither_groups_nor_equal_bytes(tmp_path):
    fill(tmp_path, {f"{label}/person{p}": 4 for label in ("cat", "dog") for p in range(10)})
    twin = (tmp_path / "cat" / "person0" / "00.png").read_bytes()
    for person in (1, 2, 3):
        (tmp_path / "cat" / f"person{person}" / "twin.png").write_bytes(twin)
    source = Source(
        str(tmp_path), val_fraction=0.2, test_fraction=0.2, group_pattern=r"person(?P<group>\d+)"
    )
    table = scan(source).table
    assert table.groupby("group")["split"].nunique().max() == 1
    assert table.groupby("content_digest")["split"].nunique().max() == 1
    assert set(table["split"]) == {"train", "val", "test"}


def test_val_is_made_of_train_where_only_test_is_there(tmp_path):
    fill(tmp_path, {"train/cat": 20, "train/dog": 20, "test/cat": 5, "test/dog": 5})
    table = scan(Source(str(tmp_path), val_fraction=0.1)).table
    assert table["split"].value_counts().to_dict() == {"train": 36, "test": 10, "val": 4}


def test_a_share_of_a_split_that_is_there_is_refused(tmp_path):
    fill(tmp_path, {"train/cat": 3, "train/dog": 3, "val/cat": 1})
    with pytest.raises(DataError, match="without a val split for --val-fraction, found 1 val"):
        scan(Source(str(tmp_path), val_fraction=0.1))


@pytest.mark.parametrize("folder", ["test", "test/images", "test/a/b"])
def test_a_flat_test_folder_is_unlabelled(tmp_path, folder):
    fill(tmp_path, {"train/cat": 3, "train/dog": 3, folder: 4})
    catalog = scan(tmp_path)
    assert counts_of(catalog)["test", "?"] == 4
    assert catalog.table["label"].isna().sum() == 4
    assert catalog.class_names == ("cat", "dog")
    assert any("its 4 images are unlabelled" in note for note in catalog.notes)


def test_a_single_class_of_train_in_test_stays_a_class(tmp_path):
    fill(tmp_path, {"train/cat": 3, "train/dog": 3, "test/cat": 2})
    assert counts_of(scan(tmp_path))["test", "cat"] == 2


def test_labels_groups_and_columns_come_from_paths(tmp_path):
    """A folder a person, named id_gender_race_age, as a mask detection team had it."""
    names = [*(f"mask{i}" for i in range(1, 6)), "incorrect_mask", "normal"]
    shade = 0
    for person, gender, age in (("000001", "female", 45), ("000002", "male", 61)):
        for name in names:
            put(tmp_path / f"{person}_{gender}_Asian_{age}" / f"{name}.png", shade=shade)
            shade += 1
    source = Source(
        str(tmp_path),
        label_pattern=r"(?P<label>mask|incorrect_mask|normal)\d*\.",
        group_pattern=r"(?P<group>\d+)_(?P<gender>[a-z]+)_(?P<race>\w+?)_(?P<age>\d+)/",
    )
    catalog = scan(source)
    assert catalog.table["label"].value_counts().to_dict() == {
        "mask": 10, "incorrect_mask": 2, "normal": 2,
    }  # fmt: skip
    assert catalog.metadata == {"gender": "string", "race": "string", "age": "int"}
    assert set(catalog.table["group"]) == {"000001", "000002"}
    assert set(catalog.table["age"]) == {45, 61}


def test_paths_that_a_label_pattern_misses_are_problems(tmp_path):
    fill(tmp_path, {"all/cat": 40, "all/dog": 40})
    put(tmp_path / "all" / "misc.png", shade=250)
    source = Source(str(tmp_path), label_pattern=r"all/(?P<label>\w+)/")
    catalog = scan(source)
    assert catalog.problems[["problem", "detail"]].values.tolist() == [
        ["no_label", "the label pattern does not match all/misc.png"]
    ]
    assert catalog.n_images == 81
    with pytest.raises(DataError, match=r"label_pattern|--label-pattern"):
        scan(Source(str(tmp_path), label_pattern=r"nowhere/(?P<label>\w+)/"))


def test_a_label_pattern_reads_split_folders_too(tmp_path):
    fill(tmp_path, {"train/x": 2})
    for split in ("train", "test"):
        for number in range(3):
            put(tmp_path / split / f"cat_{number}.png", shade=number + 100)
            put(tmp_path / split / f"dog_{number}.png", shade=number + 150)
    source = Source(str(tmp_path), label_pattern=r"(?P<label>cat|dog)_", max_problems=0.5)
    found = counts_of(scan(source))
    assert found == {
        ("train", "cat"): 3,
        ("train", "dog"): 3,
        ("test", "cat"): 3,
        ("test", "dog"): 3,
    }


def test_a_split_without_a_table_beside_one_with_is_read_as_folders(tmp_path):
    fill(tmp_path, {"train": 4, "test": 2})
    rows = "".join(f"{i:02d}.png,{'cat' if i % 2 else 'dog'},{i}\n" for i in range(4))
    (tmp_path / "train" / "metadata.csv").write_text("file_name,label,age\n" + rows, "utf-8")
    catalog = scan(tmp_path)
    assert counts_of(catalog) == {("train", "cat"): 2, ("train", "dog"): 2, ("test", "?"): 2}
    assert catalog.metadata == {"age": "int"}
    assert catalog.table["age"].isna().tolist() == [False] * 4 + [True] * 2


def test_class_names_replace_ids_and_keep_the_images_ids(tmp_path):
    fill(tmp_path / "data", {"train/n01": 3, "train/n02": 3, "val/n01": 1, "val/n03": 0})
    (tmp_path / "data" / "train" / "n03").mkdir()
    (tmp_path / "names.csv").write_text("id,name\nn01,tench\nn02,goldfish\n", "utf-8")
    plain = scan(tmp_path / "data")
    named = scan(Source(str(tmp_path / "data"), class_names=tmp_path / "names.csv"))
    assert named.class_names == ("goldfish", "tench")
    assert named.table["sample_id"].tolist() == plain.table["sample_id"].tolist()
    assert named.empty_classes == ["train/n03"]


def test_links_to_a_folder_are_followed_once_and_loops_are_named(tmp_path):
    fill(tmp_path / "data", {"train/cat": 2, "train/dog": 2})
    put(tmp_path / "more" / "1.png", shade=99)
    cat = tmp_path / "data" / "train" / "cat"
    (cat / "a").symlink_to(tmp_path / "more")
    (cat / "b").symlink_to(tmp_path / "more")
    (cat / "round").symlink_to(cat)
    catalog = scan(tmp_path / "data")
    assert catalog.n_images == 5
    assert catalog.skipped == {"link_loop": 1, "linked_twice": 1}
    assert any("leads back" in note and "round" in note for note in catalog.notes)
    assert any("another way" in note for note in catalog.notes)


# -- folders that cannot be used ------------------------------------------------------------------


def nothing(root: Path) -> None:
    root.rmdir()


def a_file(root: Path) -> None:
    root.rmdir()
    put(root)


def empty(root: Path) -> None:
    pass


def datasets_inside(root: Path) -> None:
    put(root / "pets" / "train" / "cat" / "1.png")
    put(root / "cars" / "train" / "van" / "1.png")


def only_files(root: Path) -> None:
    put(root / "1.png")


def no_train(root: Path) -> None:
    put(root / "val" / "cat" / "1.png")
    put(root / "test" / "cat" / "1.png")


def no_images(root: Path) -> None:
    (root / "train" / "cat").mkdir(parents=True)
    (root / "val").mkdir()


def only_text(root: Path) -> None:
    text(root / "train" / "cat" / "1.txt")


def no_class_folders(root: Path) -> None:
    for number in range(7):
        put(root / "train" / f"{number}.png")


def empty_split(root: Path) -> None:
    put(root / "train" / "cat" / "1.png")
    put(root / "train" / "dog" / "1.png")
    (root / "Valid" / "cat").mkdir(parents=True)


def split_of_text(root: Path) -> None:
    put(root / "train" / "cat" / "1.png")
    put(root / "train" / "dog" / "1.png")
    text(root / "test" / "cat" / "1.txt")


def one_class(root: Path) -> None:
    put(root / "train" / "cat" / "1.png")
    put(root / "val" / "cat" / "1.png")


def foreign_class(root: Path) -> None:
    put(root / "train" / "cat" / "1.png")
    put(root / "train" / "dog" / "1.png")
    for label in ("elk", "fox", "cat"):
        put(root / "test" / label / "1.png")


def other_case(root: Path) -> None:
    put(root / "train" / "Cat" / "1.png")
    put(root / "train" / "dog" / "1.png")
    put(root / "val" / "cat" / "1.png")


def two_vals(root: Path) -> None:
    for split in ("train", "val", "valid"):
        put(root / split / "cat" / "1.png")
        put(root / split / "dog" / "1.png")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (nothing, r"Expected a folder of images at .*data, found nothing\. Check the path\."),
        (
            a_file,
            r"Expected a folder of images at .*data, found a file\. If it is a table of images, "
            r"give it as --manifest .*data",
        ),
        (empty, r"found nothing in it\. Arrange the images as DATA/train/CLASS/image"),
        (
            datasets_inside,
            r"Expected split or class folders in .*data, found folders that hold splits "
            r"themselves: 'cars', 'pets'\. Give one of them as DATA",
        ),
        (only_files, r"Expected split or class folders in .* found only files: '1\.png'\. Arrange"),
        (no_train, r"Expected a folder named train in .*, found only 'test', 'val'\. Arrange"),
        (no_images, r"Expected images in .*data, found none in any class folder\. Arrange"),
        (only_text, r"Expected readable train images in .*, found none\. Add some"),
        (
            no_class_folders,
            r"Expected class folders in .*train, found 7 images directly in it: '0\.png', "
            r"'1\.png', '2\.png', '3\.png', '4\.png' and 2 more\. Arrange",
        ),
        (empty_split, r"Expected images in .*Valid, found none\. Add some, or remove the folder\."),
        (
            split_of_text,
            r"Expected readable test images in .*, found none\. Add some",
        ),
        (
            one_class,
            r"Expected at least two classes among the train images of .*, found only 'cat'\. Add",
        ),
        (
            foreign_class,
            r"Expected every class of test in train too, found no readable train image of 'elk', "
            r"'fox' in .*\. Add images of them to train, or remove them from test\.",
        ),
        (other_case, r"no readable train image of 'cat' in .*\. Train has 'Cat': is it the same"),
        (two_vals, r"Expected one folder for val in .*, found 2: 'val', 'valid'\. Merge them"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_unusable_folders_are_refused_by_name(tmp_path, make, message):
    root = tmp_path / "data"
    root.mkdir()
    make(root)
    with pytest.raises(DataError, match=message) as caught:
        scan(root)
    assert caught.value.exit_code == 2
