import csv
import io
import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.data.images import PROBLEM_KINDS
from curate.data.listing import SKIPPED_KINDS, Listing
from curate.data.manifest import listing_of, read_imagefolder, read_manifests
from curate.data.source import Source
from curate.errors import DataError


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 3)).save(path, "PNG")
    return path


def table(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def read(*manifests: Path, **options) -> Listing:
    return read_manifests(Source(manifests=manifests, **options))


def rows_of(listing: Listing) -> list[tuple[str, str | None, str]]:
    return [(entry.split, entry.label, entry.relative) for entry in listing.entries]


def column_of(listing: Listing, name: str) -> list[object]:
    values = listing.metadata[name].iloc[[entry.row for entry in listing.entries]]
    return [None if pd.isna(value) else value for value in values]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        image(tmp_path / name)
    return tmp_path


def test_a_row_becomes_an_entry(data):
    listing = read(table(data / "m.csv", "image_path,label,split,age", "a.png,cat,valid,7"))
    (entry,) = listing.entries
    status = (data / "a.png").stat()
    start = len(str(data)) + 1
    assert entry == (
        str(data / "a.png"), "val", "cat", start, status.st_size, status.st_mtime_ns, 0,
    )  # fmt: skip
    assert entry.relative == "a.png"
    assert (listing.root, listing.splits, listing.class_folders) == (data, ("val",), [])
    assert (listing.problems, listing.notes, listing.skipped) == ([], [], {})
    assert listing.metadata.to_dict("list") == {"age": [7]}
    assert str(listing.metadata["age"].dtype) == "Int64"


# The three shapes that real teams used.


def test_class_name_image_path_and_target_with_a_flat_test(tmp_path):
    for name in ("train/n01/s_1.JPEG", "train/n01/s_2.JPEG", "train/n02/s_1.JPEG", "test/0.JPEG"):
        image(tmp_path / name)
    train = table(
        tmp_path / "train.csv",
        "class_name,image_path,target",
        "n01,n01/s_1.JPEG,0", "n01,n01/s_2.JPEG,0", "n02,n02/s_1.JPEG,1",
    )  # fmt: skip
    test = table(tmp_path / "test.csv", "image_path", "0.JPEG")
    listing = read(train, test)
    assert rows_of(listing) == [
        ("train", "n01", "train/n01/s_1.JPEG"),
        ("train", "n01", "train/n01/s_2.JPEG"),
        ("train", "n02", "train/n02/s_1.JPEG"),
        ("test", None, "test/0.JPEG"),
    ]
    assert listing.splits == ("train", "test") and list(listing.metadata) == []
    assert listing.notes == [
        f"The paths of {train} were not found in {tmp_path}, and are taken below "
        f"{tmp_path}/test|train.",
        f"The paths of {test} were not found in {tmp_path}, and are taken below "
        f"{tmp_path}/test|train.",
        "Column 'target' only numbers the classes of 'class_name' and is left out.",
    ]
    assert rows_of(read(train, test, data=str(tmp_path))) == rows_of(listing)


def test_frames_of_file_paths_target_names_and_targets_by_split(tmp_path):
    paths = {}
    for split, folder in (("train", "train"), ("val", "valid"), ("test", "test")):
        files = [image(tmp_path / folder / label / "1.jpg") for label in ("golf", "judo")]
        frame = pd.DataFrame({
            "file_paths": [str(file) for file in files],
            "target_names": ["golf", "judo"],
            "targets": [0, 1],
        })  # fmt: skip
        paths[split] = tmp_path / f"{split}_df.csv"
        frame.sample(frac=1, random_state=1).to_csv(paths[split])
    listing = read(*paths.values())
    assert sorted(rows_of(listing)) == [
        ("test", "golf", "test/golf/1.jpg"),
        ("test", "judo", "test/judo/1.jpg"),
        ("train", "golf", "train/golf/1.jpg"),
        ("train", "judo", "train/judo/1.jpg"),
        ("val", "golf", "valid/golf/1.jpg"),
        ("val", "judo", "valid/judo/1.jpg"),
    ]
    assert list(listing.metadata) == [] and listing.notes == [
        "Column 'targets' only numbers the classes of 'target_names' and is left out."
    ]


def test_columns_with_spaces_and_a_data_set(tmp_path):
    image(tmp_path / "train" / "archery" / "1.jpg")
    listing = read(
        table(
            tmp_path / "sports.csv",
            "class id,filepaths,labels,data set", "0,train/archery/1.jpg,archery,train",
        )
    )  # fmt: skip
    assert rows_of(listing) == [("train", "archery", "train/archery/1.jpg")]
    assert list(listing.metadata) == []


def test_an_id_and_a_breed(tmp_path):
    for name in ("train/0a1.jpg", "train/0b2.jpg", "test/0c3.jpg"):
        image(tmp_path / name)
    labels = table(tmp_path / "labels.csv", "id,breed", "0a1,boxer", "0b2,pug")
    listing = read(labels, label_column="breed")
    assert rows_of(listing) == [("", "boxer", "train/0a1.jpg"), ("", "pug", "train/0b2.jpg")]
    assert listing.splits == ()


# Columns.


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("image_path,label", "a.png,cat"),
        ("label,Image Path", "cat,a.png"),
        ("FILE-NAMES,Category", "a.png,cat"),
        ("filepath,image,class", "a.png,b.png,cat"),
        ("id,path,classes", "b.png,a.png,cat"),
        ("img,label_name,label", "a.png,cat,3"),
        ("filename,categories", "a.png,cat"),
        ("id,target", "a,cat"),
    ],
)
def test_columns_are_found_by_their_usual_names(data, header, values):
    listing = read(table(data / "train.csv", header, values))
    assert rows_of(listing) == [("train", "cat", "a.png")]


def test_a_numbered_label_stays_where_the_names_are_something_else(data):
    rows = ["a.png,0,animal", "b.png,1,animal", "c.png,2,thing"]
    listing = read(table(data / "m.csv", "path,label,category", *rows))
    assert [entry.label for entry in listing.entries] == ["0", "1", "2"]
    assert column_of(listing, "category") == ["animal", "animal", "thing"]


def test_options_name_columns(data):
    manifest = table(
        data / "m.csv", "path,Where,What,label,Part,Who", "x,a.png,cat,7,dev,4", "x,b.png,dog,8,,"
    )
    listing = read(
        manifest, path_column="Where", label_column="what", split_column="Part", group_column="who"
    )
    assert rows_of(listing) == [("val", "cat", "a.png"), ("", "dog", "b.png")]
    assert listing.group_column == "who" and column_of(listing, "who") == ["4", None]
    assert column_of(listing, "path") == ["x", "x"] and listing.metadata["who"].dtype == "string"
    assert list(listing.metadata) == ["path", "who"]  # label only numbers What


def test_the_exact_name_goes_before_one_that_is_alike(data):
    manifest = table(data / "m.csv", "path,Kind,kind", "a.png,x,y")
    assert read(manifest, label_column="kind").entries[0].label == "y"
    assert read(manifest, label_column="KIND").entries[0].label == "x"


@pytest.mark.parametrize("option", ["path", "label", "split", "group"])
def test_a_named_column_must_be_somewhere(data, option):
    one = table(data / "train.csv", "path,breed", "a.png,pug")
    two = table(data / "test.csv", "path,size", "b.png,3")
    message = (
        rf"Expected a column 'nope' in .* for --{option}-column, found 'path', 'breed', 'size'"
    )
    with pytest.raises(DataError, match=message):
        read(one, two, **{f"{option}_column": "nope"})


def test_a_named_column_may_be_missing_in_one_manifest(data):
    one = table(data / "train.csv", "where,breed,part,who", "a.png,pug,val,7")
    two = table(data / "test.csv", "path,label", "b.png,3")
    listing = read(
        one, two,
        path_column="where", label_column="breed", split_column="part", group_column="who",
    )  # fmt: skip
    assert rows_of(listing) == [("val", "pug", "a.png"), ("test", None, "b.png")]
    assert column_of(listing, "who") == ["7", None] and column_of(listing, "label_given") == [
        None,
        3,
    ]


def test_no_column_of_paths_says_what_was_looked_for(data):
    message = r"Expected a column of paths \(image_path, .*id\) in .*m.csv, found .* 'x', 'label'"
    with pytest.raises(DataError, match=message + r"\. Name it by --path-column"):
        read(table(data / "m.csv", "x,label", "a.png,cat"))
    with pytest.raises(DataError, match="The first line looks like an image"):
        read(table(data / "m.csv", "a.png,cat", "b.png,dog"))


def test_values_that_are_no_paths_or_classes(data):
    with pytest.raises(DataError, match=r"Expected paths in column 'path' .* found nothing in any"):
        read(table(data / "m.csv", "path,label", ",cat", " ,dog"))
    frame = pd.DataFrame({"image": [{"bytes": b"", "path": "a.png"}]})
    with pytest.raises(DataError, match=r"Expected a path in each row of column 'image' .* a dict"):
        listing_of(frame, Source("x"), "the table", data)
    lines = json.dumps({"path": "a.png", "label": ["cat", "dog"]})
    with pytest.raises(DataError, match=r"Expected one class in each row .* of .*m.jsonl.* a list"):
        read(table(data / "m.jsonl", lines))


# Splits.


@pytest.mark.parametrize(
    ("name", "split"),
    [("train.csv", "train"), ("my-val_2.csv", "val"), ("TestLabels.csv", "test"), ("m.csv", "")],
)
def test_the_manifests_own_name_holds_the_split(data, name, split):
    listing = read(table(data / name, "path,label", "a.png,cat"))
    assert rows_of(listing) == [(split, "cat", "a.png")]
    assert listing.splits == ((split,) if split else ())


def test_values_of_splits_in_any_case(data):
    rows = ["a.png, TRAIN", "b.png,Validation", "c.png,testing", "d.png,"]
    listing = read(table(data / "train.csv", "path,set", *rows))
    assert [entry.split for entry in listing.entries] == ["train", "val", "test", ""]


def test_folds_are_no_splits(data):
    rows = ["a.png,cat,0,train", "b.png,dog,1,test"]
    listing = read(table(data / "m.csv", "path,label,fold,subset", *rows))
    assert [entry.split for entry in listing.entries] == ["train", "test"]
    # `fold` is one of curate's own names.
    assert column_of(listing, "fold_given") == [0, 1]
    assert listing.notes[0].startswith("Column 'fold' of ")
    assert listing.notes[0].endswith("holds no splits ('0', '1'); it is kept as metadata.")


def test_a_named_column_of_strange_splits_is_refused(data):
    manifest = table(data / "m.csv", "path,fold", "a.png,train", "b.png,extra")
    message = r"Expected splits \(train, .*\) in column 'fold' of .*m.csv, found 'extra'"
    with pytest.raises(DataError, match=message):
        read(manifest, split_column="fold")


def test_an_empty_column_of_splits_says_nothing(data):
    manifest = table(data / "test.csv", "path,split", "a.png,")
    assert read(manifest).entries[0].split == "test"
    assert read(manifest, split_column="split").entries[0].split == ""


# Labels and numbers.


def test_labels_are_composed_stripped_or_none(data):
    rows = ["a.png, cafe\u0301 ", "b.png,", "c.png,NA"]
    listing = read(table(data / "m.csv", "path,label", *rows))
    assert [entry.label for entry in listing.entries] == ["caf\u00e9", None, "NA"]


@pytest.mark.parametrize("extension", ["csv", "parquet", "jsonl"])
def test_numbers_as_labels_are_whole(data, extension):
    frame = pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "label": [3, 4, None]})
    assert str(frame["label"].dtype) == "float64"
    path = data / f"m.{extension}"
    if extension == "csv":
        frame.to_csv(path)
    elif extension == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    assert [entry.label for entry in read(path).entries] == ["3", "4", None]


def test_a_number_that_contradicts_the_class_is_kept_and_said(data):
    one = table(data / "train.csv", "path,class_name,target", "a.png,cat,0", "b.png,dog,1")
    two = table(data / "val.csv", "path,class_name,target", "c.png,cat,1", "d.png,dog,0")
    listing = read(one, two)
    assert column_of(listing, "target") == [0, 1, 1, 0]
    assert listing.notes == [
        "Column 'target' is kept as metadata, because it contradicts the classes: 'cat' has the "
        "numbers 0 and 1."
    ]
    assert list(read(one).metadata) == []


def test_a_number_that_classes_share_is_metadata(data):
    rows = ["a.png,cat,0", "b.png,dog,0", "c.png,oak,1"]
    listing = read(table(data / "m.csv", "path,class_name,category", *rows))
    assert column_of(listing, "category") == [0, 0, 1] and listing.notes == []


# Files.


def test_the_image_root_goes_before_the_data_and_that_before_the_manifests_folder(tmp_path):
    for folder in ("root", "data", "own"):
        image(tmp_path / folder / "a.png")
    manifest = table(tmp_path / "own" / "m.csv", "path", "a.png")
    root, folder = tmp_path / "root", str(tmp_path / "data")
    for listing, base in (
        (read(manifest), "own"),
        (read(manifest, data=folder), "data"),
        (read(manifest, data=folder, image_root=root), "root"),
    ):
        assert listing.root == tmp_path / base
        assert [entry.filepath for entry in listing.entries] == [str(listing.root / "a.png")]
    with pytest.raises(
        DataError, match=r"Expected a folder at .*nope for --image-root, found noth"
    ):
        read(manifest, image_root=tmp_path / "nope")
    with pytest.raises(DataError, match="--image-root, found a file"):
        read(manifest, image_root=manifest)


def test_a_relative_manifest_is_read_from_the_working_folder(data, monkeypatch):
    table(data / "m.csv", "path", "a.png")
    monkeypatch.chdir(data)
    assert read(Path("m.csv")).entries[0].filepath == str(data / "a.png")


def test_the_root_of_manifests_in_two_folders_is_above_both(tmp_path):
    image(tmp_path / "one" / "a.png")
    image(tmp_path / "two" / "a.png")
    listing = read(
        table(tmp_path / "one" / "train.csv", "path,label", "a.png,cat"),
        table(tmp_path / "two" / "val.csv", "path,label", "a.png,cat"),
    )
    assert listing.root == tmp_path
    assert rows_of(listing) == [("train", "cat", "a.png"), ("val", "cat", "a.png")]


def test_a_file_elsewhere_is_shown_with_its_whole_path(tmp_path):
    elsewhere = image(tmp_path / "x" / "a.png")
    listing = read(table(tmp_path / "y" / "m.csv", "path", str(elsewhere)))
    assert listing.entries[0].relative == str(elsewhere)


def test_names_are_composed_in_what_is_shown_and_left_alone_on_disk(tmp_path):
    name = unicodedata.normalize("NFD", "é.png")
    image(tmp_path / name)
    listing = read(table(tmp_path / "m.csv", "path", "é.png"))
    assert listing.entries[0].relative == "é.png"
    assert listing.entries[0].filepath == str(tmp_path / name)


def test_a_row_without_its_file_is_a_problem_that_names_the_row(data):
    rows = ["a.png,cat,x", "", "no.png,cat,y", ",dog,z", "b.png,dog,w"]
    manifest = table(data / "train.csv", "path,label,note", *rows)
    listing = read(manifest)
    gone = str(data / "no.png")
    assert [tuple(problem) for problem in listing.problems] == [
        (gone, "train", "cat", "missing", f"{manifest}, line 4: there is no such file"),
        (str(manifest), "train", "dog", "missing", f"{manifest}, line 5: it names no file"),
    ]  # fmt: skip
    assert {problem.problem for problem in listing.problems} <= set(PROBLEM_KINDS)
    # The metadata has the rows of the entries alone.
    assert [entry.row for entry in listing.entries] == [0, 1]
    assert listing.metadata["note"].tolist() == ["x", "w"]


def test_a_folder_is_unreadable_and_a_name_that_is_not_utf8_is_bad(data):
    (data / "folder").mkdir()
    (data / "folder" / "x.png").touch()
    try:
        (data / "odd\udcff.png").touch()
    except OSError:
        pytest.skip("this file system holds UTF-8 only")
    frame = pd.DataFrame({"path": ["a.png", "folder", "odd\udcff.png"]}, dtype=object)
    listing = listing_of(frame, Source("x"), "the table", data)
    assert [(problem.problem, problem.detail) for problem in listing.problems] == [
        ("unreadable", "the table, row 2: a folder, not a file"),
        ("bad_name", "the table, row 3: the path is not UTF-8; rename it"),
    ]
    assert listing.problems[1].filepath == str(data / "odd\\udcff.png")


def test_no_file_at_all(data):
    with pytest.raises(DataError, match=r"Expected the files that .*m.csv names, found none of 2"):
        read(table(data / "m.csv", "path", "x.png", "y.png"))


def test_a_file_named_twice_is_taken_once_unless_it_means_something_else(data):
    rows = ["a.png,cat,train", "./a.png,cat,train", "a.png,dog,train", "a.png,cat,val"]
    one = table(data / "m.csv", "path,label,split", *rows)
    two = table(data / "n.csv", "path,label,split", "a.png,cat,val", "b.png,cat,val")
    listing = read(one, two)
    assert rows_of(listing) == [
        ("train", "cat", "a.png"),
        ("train", "dog", "a.png"),
        ("val", "cat", "a.png"),
        ("val", "cat", "b.png"),
    ]
    assert listing.skipped == {"listed_twice": 2} and set(listing.skipped) <= set(SKIPPED_KINDS)
    path = str(data / "a.png")
    assert listing.notes == [
        f"2 rows name a file again, with the same label and split, and are left out: {path!r}, "
        f"{path!r}."
    ]


# Metadata.


def test_metadata_of_two_manifests_is_typed_together(data):
    one = table(data / "train.csv", "path,age,sex,code", "a.png,7,f,1", "b.png,,m,2")
    two = table(data / "test.csv", "path,age,site,code", "c.png,8.5,x,007")
    listing = read(one, two)
    assert column_of(listing, "age") == [7.0, None, 8.5]
    assert column_of(listing, "sex") == ["f", "m", None]
    assert column_of(listing, "site") == [None, None, "x"]
    assert column_of(listing, "code") == ["1", "2", "007"]
    assert listing.metadata.dtypes.astype(str).tolist() == ["Float64", "string", "string", "string"]


def test_names_that_curate_uses_are_given_another(data):
    rows = ["a.png,cat,x,1,2,3,true"]
    header = "path,class_name,tags,Width,tags_given,brightness,correct"
    listing = read(table(data / "m.csv", header, *rows))
    assert listing.metadata.to_dict("records") == [
        {
            "tags_given_given": "x", "Width_given": 1, "tags_given": 2,
            "brightness_given": 3, "correct_given": True,
        }
    ]  # fmt: skip
    assert len(listing.notes) == 4
    assert listing.notes[1] == (
        "Column 'Width' has a name that curate uses; it is kept as 'Width_given'."
    )


def test_a_group_column_named_as_curates_own_is_found_by_its_new_name(data):
    listing = read(table(data / "m.csv", "path,Group", "a.png,007"), group_column="group")
    assert listing.group_column == "group_given"
    assert listing.metadata.to_dict("list") == {"group_given": ["007"]}


def test_groups_are_text(data):
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "person": [7, None]})
    source = Source("x", group_column="person")
    listing = listing_of(frame, source, "the table", data)
    assert column_of(listing, "person") == ["7", None] and listing.group_column == "person"


# A table in memory.


def test_a_table_in_memory(data):
    frame = pd.DataFrame(
        {"filepath": [data / "a.png", "b.png"], "label": ["x", None], 5: [[1], None]},
        index=[9, 9],
    )
    listing = listing_of(frame, Source("fiftyone:train"), "fiftyone:train", data)
    assert rows_of(listing) == [("", "x", "a.png"), ("", None, "b.png")]
    assert column_of(listing, "5") == ["[1]", None]
    assert list(frame.columns) == ["filepath", "label", 5]


def test_a_table_in_memory_must_hold_something(data):
    with pytest.raises(DataError, match="Expected images in the table, found an empty table"):
        listing_of(pd.DataFrame({"path": []}), Source("x"), "the table", data)
    frame = pd.DataFrame([["a.png", 1, 2]], columns=["path", "1", 1])
    with pytest.raises(DataError, match=r"Expected different names .* found '1' more than once"):
        listing_of(frame, Source("x"), "the table", data)


# A Hugging Face imagefolder.


def folder_of(root: Path, *splits: str) -> Listing | None:
    folders = {"val" if name == "valid" else name: root / name for name in splits}
    return read_imagefolder(root, folders, Source(str(root)))


def test_an_imagefolder_with_a_table_in_every_split(tmp_path):
    for name in ("train/1.png", "train/2.png", "valid/1.png"):
        image(tmp_path / name)
    table(tmp_path / "train" / "metadata.csv", "file_name,label,age", "1.png,cat,3", "2.png,dog,4")
    table(
        tmp_path / "valid" / "metadata.jsonl",
        json.dumps({"file_name": "1.png", "label": "cat", "age": 5}),
    )
    listing = folder_of(tmp_path, "train", "valid")
    assert listing is not None
    assert rows_of(listing) == [
        ("train", "cat", "1.png"), ("train", "dog", "2.png"), ("val", "cat", "1.png"),
    ]  # fmt: skip
    assert column_of(listing, "age") == [3, 4, 5]
    assert (listing.splits, listing.notes, listing.skipped) == (("train", "val"), [], {})
    assert listing.root == tmp_path


def test_an_imagefolder_with_one_table_and_class_folders(tmp_path):
    names = ["train/cat/1.png", "train/dog/1.png", "Valid/cat/1.png", "extra/cat/1.png", "2.png"]
    for name in names:
        image(tmp_path / name)
    pd.DataFrame({"file_name": names, "caption": list("abcde")}).to_parquet(
        tmp_path / "metadata.parquet"
    )
    listing = folder_of(tmp_path, "train")
    assert listing is not None
    assert rows_of(listing) == [
        ("train", "cat", "train/cat/1.png"),
        ("train", "dog", "train/dog/1.png"),
        ("val", "cat", "Valid/cat/1.png"),
        ("", "cat", "extra/cat/1.png"),
        ("", None, "2.png"),
    ]
    assert column_of(listing, "caption") == list("abcde")


def test_an_imagefolders_column_of_splits(tmp_path):
    image(tmp_path / "1.png")
    table(tmp_path / "metadata.csv", "file_name,split,label", "1.png,test,5")
    listing = folder_of(tmp_path)
    assert listing is not None
    assert rows_of(listing) == [("test", "5", "1.png")]


def test_images_that_an_imagefolder_does_not_name_are_counted(tmp_path):
    for i in range(7):
        image(tmp_path / "train" / "cat" / f"{i}.png")
    image(tmp_path / "train" / ".hidden.png")
    image(tmp_path / "train" / ".thumbnails" / "1.png")
    image(tmp_path / "test" / "1.png")
    table(tmp_path / "train" / "metadata.csv", "file_name", "cat/0.png", "cat/gone.png")
    listing = folder_of(tmp_path, "train", "test")
    assert listing is not None
    assert rows_of(listing) == [("train", "cat", "cat/0.png")]
    assert [problem.problem for problem in listing.problems] == ["missing"]
    assert listing.skipped == {"not_listed": 6} and set(listing.skipped) <= set(SKIPPED_KINDS)
    assert listing.splits == ("train",)  # whoever asked reads test as a folder
    assert listing.notes == [
        f"6 images below {tmp_path} are in no metadata.csv and are left out: 'train/cat/1.png', "
        "'train/cat/2.png', 'train/cat/3.png', 'train/cat/4.png', 'train/cat/5.png' and 1 more."
    ]


def test_what_is_no_imagefolder(tmp_path):
    image(tmp_path / "train" / "cat" / "1.png")
    assert folder_of(tmp_path, "train") is None
    table(tmp_path / "metadata.csv", "isic_id,filename,age", "1,x,2")
    (tmp_path / "train" / "metadata.csv").write_bytes(b"of something else: \xff\xfe")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "train" / "cat" / "metadata.parquet")
    assert folder_of(tmp_path, "train") is None


def test_an_imagefolder_with_two_tables_in_one_folder(tmp_path):
    table(tmp_path / "metadata.csv", "file_name", "a.png")
    table(tmp_path / "metadata.jsonl", '{"file_name": "a.png"}')
    message = r"Expected one table of images in .*, found 2: 'metadata.csv', 'metadata.jsonl'"
    with pytest.raises(DataError, match=message):
        folder_of(tmp_path)


def test_options_name_an_imagefolders_columns(tmp_path):
    image(tmp_path / "train" / "x" / "1.png")
    table(tmp_path / "metadata.csv", "file_name,breed,who", "train/x/1.png,pug,7")
    source = Source(str(tmp_path), label_column="breed", group_column="who")
    listing = read_imagefolder(tmp_path, {"train": tmp_path / "train"}, source)
    assert listing is not None
    assert rows_of(listing) == [("train", "pug", "train/x/1.png")]
    assert column_of(listing, "who") == ["7"]


# Properties.


SLOW_DISK = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAME = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1
).filter(lambda name: name.strip() == name and len(name.encode()) < 200)
ROWS = st.lists(
    st.fixed_dictionaries({
        "path": NAME.map(lambda name: f"x{name}.png"),
        "label": TEXT,
        "split": st.sampled_from(["", "train", "VAL", "dev", "Testing"]),
        "free text": TEXT,
        "number": st.one_of(st.just(""), st.integers(-(10**6), 10**6).map(str)),
    }),
    min_size=1, max_size=4, unique_by=lambda row: unicodedata.normalize("NFKC", row["path"]),
)  # fmt: skip


@given(rows=ROWS, data=st.data())
@settings(suppress_health_check=SLOW_DISK, deadline=None)
def test_any_text_in_any_order_gives_the_same_listing_in_every_format(tmp_path, rows, data):
    paths = [tmp_path / "images" / row["path"] for row in rows]
    for path in paths:
        image(path)
    names = data.draw(st.permutations(list(rows[0])))
    frame = pd.DataFrame(rows, columns=names)
    found = {}
    for extension, delimiter in (("csv", ","), ("tsv", "\t"), ("jsonl", ""), ("parquet", "")):
        file = tmp_path / f"m.{extension}"
        if delimiter:
            written = io.StringIO()
            writer = csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writerows([names, *frame.to_numpy().tolist()])
            file.write_bytes(written.getvalue().encode())
        elif extension == "jsonl":
            file.write_text("\n".join(json.dumps({n: row[n] for n in names}) for row in rows))
        else:
            frame.to_parquet(file)
        found[extension] = read(file)
    expected = [
        (
            {"": "", "train": "train", "VAL": "val", "dev": "val", "Testing": "test"}[row["split"]],
            unicodedata.normalize("NFC", row["label"].strip()) or None,
            unicodedata.normalize("NFC", f"images/{row['path']}"),
            str(path),
        )
        for row, path in zip(rows, paths, strict=True)
    ]
    for listing in found.values():
        assert [
            (entry.split, entry.label, entry.relative, entry.filepath) for entry in listing.entries
        ] == expected
        assert listing.problems == [] and listing.skipped == {}
        pd.testing.assert_frame_equal(listing.metadata, found["csv"].metadata)
    texts = [unicodedata.normalize("NFC", row["free text"].strip()) or None for row in rows]
    if found["csv"].metadata["free text"].dtype == "string":
        assert column_of(found["csv"], "free text") == texts
    numbers = [int(row["number"]) if row["number"] else None for row in rows]
    assert column_of(found["csv"], "number") == numbers


@given(order=st.permutations(range(6)))
@settings(suppress_health_check=SLOW_DISK, deadline=None)
def test_the_order_of_rows_changes_nothing_but_the_order(tmp_path, order):
    names = [f"{i}.png" for i in range(5)]
    for name in names:
        image(tmp_path / name)
    frame = pd.DataFrame({
        "path": [*names, "gone.png"],
        "label": ["a", "b", "a", "b", "c", "d"],
        "n": np.arange(6),
    })  # fmt: skip
    listing = listing_of(frame.iloc[list(order)], Source("x"), "the table", tmp_path)
    found = dict(zip(column_of(listing, "n"), rows_of(listing), strict=True))
    assert found == {
        i: ("", label, name) for i, (label, name) in enumerate(zip("ababc", names, strict=True))
    }
    assert [problem.label for problem in listing.problems] == ["d"]
