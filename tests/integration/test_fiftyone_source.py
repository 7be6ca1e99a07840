"""Reading existing FiftyOne datasets, and folders that FiftyOne imports, from a real MongoDB."""

from __future__ import annotations

import json
from datetime import date, datetime

import pandas as pd
import pytest
from PIL import Image
from small_run import with_metadata

from curate.app import sources
from curate.app.database import connect
from curate.app.sources import DATASET_TYPES, import_dataset, read_dataset
from curate.errors import DatabaseError, DataError


@pytest.fixture
def fo(database):
    return connect()


@pytest.fixture
def make(fo):
    """Makes a dataset, which the end of the test deletes, of (file, fields of the sample)."""
    made = []

    def go(name, *samples, **options):
        dataset = fo.Dataset(name, persistent=True)
        made.append(name)
        dataset.add_samples(
            [fo.Sample(filepath=file, **fields) for file, fields in samples], progress=False
        )
        for key, value in options.items():
            setattr(dataset, key, value)
        dataset.save()
        return dataset

    yield go
    for name in made:
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def cls(label, **more):
    return connect().Classification(label=label, **more)


def pictures(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)


def rows(frame, *columns):
    plain = frame[list(columns)].astype(object)
    return list(plain.where(plain.notna(), None).itertuples(index=False, name=None))


TABLE = ("filepath", "label", "split")


def test_splits_are_tags_and_no_label_is_missing(make):
    make(
        "splits",
        ("/d/a.png", {"ground_truth": cls("cat"), "tags": ["Train", "nice"]}),
        ("/d/b.png", {"ground_truth": cls("dog"), "tags": ["validation", "val"]}),
        ("/d/ü c.png", {"tags": ["TEST"]}),
        ("/d/d.png", {"ground_truth": cls(None)}),
        ("/d/e.png", {"ground_truth": cls("")}),
    )
    frame = read_dataset("splits")
    assert list(frame.columns) == list(TABLE)
    assert rows(frame, *TABLE) == [
        ("/d/a.png", "cat", "train"),
        ("/d/b.png", "dog", "val"),
        ("/d/ü c.png", None, "test"),
        ("/d/d.png", None, ""),
        ("/d/e.png", None, ""),
    ]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_plain_fields_of_every_type_come_along_and_others_do_not(make, fo, monkeypatch, zone):
    monkeypatch.setattr(fo.config, "timezone", zone)
    label = {"ground_truth": cls("cat")}
    values = {
        "count": 3,
        "weight": 0.5,
        "mask": True,
        "camera": "left",
        "born": date(2001, 2, 3),
        "taken": datetime(2024, 1, 2, 3, 4, 5, 678000),
        "größe in cm": 2**53 + 1,
        "box": [0.0, 0.5],
        "guess": cls("dog", confidence=0.5),
        "metadata": fo.ImageMetadata(width=8),
    }
    make("types", ("/d/a.png", {**label, **values}), ("/d/b.png", label)).add_sample_field(
        "never", fo.FloatField
    )
    frame = read_dataset("types")
    assert set(frame.columns) == {
        *TABLE,
        *("count", "weight", "mask", "camera", "born", "taken", "größe in cm"),
    }
    assert {name: str(frame[name].dtype) for name in frame.columns[3:]} == {
        "count": "Int64",
        "weight": "Float64",
        "mask": "boolean",
        "camera": "string",
        "born": "datetime64[us]",
        "taken": "datetime64[us]",
        "größe in cm": "Int64",
    }
    first = frame.iloc[0]
    assert (first["count"], first["weight"], first["mask"], first["camera"]) == (
        3,
        0.5,
        True,
        "left",
    )
    assert first["born"] == pd.Timestamp("2001-02-03")
    assert first["taken"] == pd.Timestamp("2024-01-02 03:04:05.678")
    assert first["größe in cm"] == 2**53 + 1
    assert frame.iloc[1, 3:].isna().all()


def test_fields_called_like_the_tables_columns_get_other_names(make):
    make(
        "odd",
        (
            "/d/a.png",
            {"ground_truth": cls("cat"), "label": "x", "user_label": "y", "split": "fold 1"},
        ),
    )
    frame = read_dataset("odd")
    assert rows(frame, *TABLE) == [("/d/a.png", "cat", "")]
    assert rows(frame, "user_label", "user_user_label", "user_split") == [("x", "y", "fold 1")]


def test_a_field_of_splits_counts_where_no_tag_does(make):
    cat = {"ground_truth": cls("cat")}
    make("field", ("/d/a.png", {**cat, "split": "Valid"}), ("/d/b.png", cat))
    assert rows(read_dataset("field"), *TABLE) == [
        ("/d/a.png", "cat", "val"),
        ("/d/b.png", "cat", ""),
    ]
    make("both", ("/d/a.png", {**cat, "split": "valid", "tags": ["test"]}))
    assert rows(read_dataset("both"), "split", "user_split") == [("test", "valid")]


def test_a_sample_in_two_splits_is_named(make):
    make("two", ("/d/a.png", {"ground_truth": cls("cat"), "tags": ["train", "Test"]}))
    with pytest.raises(DataError, match=r"one split.*'train', 'Test' on /d/a\.png.*Take one"):
        read_dataset("two")


def test_the_label_is_found_or_named(make, fo):
    make("only", ("/d/a.png", {"species": cls("cat"), "boxes": fo.Detections()}))
    assert read_dataset("only")["label"].tolist() == ["cat"]
    make(
        "several",
        ("/d/a.png", {"species": cls("cat"), "pose": cls("lying", confidence=1.0), "code": 7}),
    )
    with pytest.raises(
        DataError, match=r"'ground_truth', or only one.*'species', 'pose'.*--label-c"
    ):
        read_dataset("several")
    for field, label in [
        ("pose", "lying"), ("pose.label", "lying"), ("species.label", "cat"), ("code", "7")
    ]:  # fmt: skip
        frame = read_dataset("several", field)
        assert frame["label"].tolist() == [label]
        assert ("code" in frame.columns) == (field != "code")
    with pytest.raises(DataError, match=r"field 'breed'.*found none.*'species', 'pose'"):
        read_dataset("several", "breed")
    with pytest.raises(DataError, match=r"'tags' \(--label-column\).*found a ListField"):
        read_dataset("several", "tags")
    with pytest.raises(DataError, match=r"'metadata' .*found a EmbeddedDocumentField"):
        read_dataset("several", "metadata")


def test_a_field_of_several_classes_serves_where_each_image_has_one(make, fo):
    def classes(*names):
        return fo.Classifications(classifications=[cls(name) for name in names])

    make(
        "tags",
        ("/d/a.png", {"gt": classes("cat")}),
        ("/d/b.png", {"gt": classes()}),
        ("/d/c.png", {}),
    )
    assert read_dataset("tags")["label"].isna().tolist() == [False, True, True]
    make("many", ("/d/a.png", {"gt": classes("cat", "dog")}), ("/d/b.png", {"gt": classes("cat")}))
    with pytest.raises(DataError, match=r"found 1 images with more: '/d/a\.png'"):
        read_dataset("many")


def test_without_a_class_field_the_cure_is_told(make):
    make("plain", ("/d/a.png", {"kind": "cat"}))
    with pytest.raises(DataError, match=r"found none\. If another field.*--label-column"):
        read_dataset("plain")
    assert read_dataset("plain", "kind")["label"].tolist() == ["cat"]


def test_an_unknown_name_gets_the_near_ones(make):
    make("flowers-v2", ("/d/a.png", {}))
    with pytest.raises(DataError, match=r"'Flowers' for fiftyone:Flowers.*mean 'flowers-v2'\?"):
        read_dataset("Flowers")
    # Other tests' datasets may come first among the few that are named.
    with pytest.raises(DataError, match=r"found none\. There are '"):
        read_dataset("zzz")


def test_media_other_than_images_are_refused(make, fo):
    make("films", ("/d/a.mp4", {"ground_truth": cls("cat")}))
    with pytest.raises(
        DataError, match=r"images, found .*'films' with media of type 'video'.*to_fra"
    ):
        read_dataset("films")
    groups = make("groups")
    groups.add_group_field("group", default="left")
    group = fo.Group()
    groups.add_sample(fo.Sample(filepath="/d/a.png", group=group.element("left")))
    with pytest.raises(DataError, match=r"'group'\. Clone one slice"):
        read_dataset("groups")
    make("nothing")
    with pytest.raises(DataError, match=r"Expected images in .*'nothing', found none"):
        read_dataset("nothing")


def test_reading_leaves_the_dataset_as_it_is(make, fo):
    dataset = make(
        "mine",
        ("/d/a.png", {"ground_truth": cls("cat"), "tags": ["train"], "n": 1}),
        info={"note": "mine"},
    )
    dataset.save_view("first", dataset.limit(1))

    def everything():
        dataset.reload()
        document = dataset._doc.to_dict()
        del document["last_loaded_at"]  # FiftyOne notes it whenever anyone loads a dataset
        return str(document), dataset.to_dict(), dataset.list_saved_views()

    before = everything()
    read_dataset("mine")
    with pytest.raises(DataError):
        read_dataset("mine", "nope")
    assert everything() == before


def test_what_curate_published_is_read_without_what_curate_said(run, published):
    with_metadata(run)
    dataset = published(run)
    frame = read_dataset(dataset.name)
    samples = run.table("samples")
    assert rows(frame, *TABLE) == rows(samples, *TABLE)
    assert set(frame.columns) == {*TABLE, *run.info["metadata"]}
    assert rows(frame, "age", "face.size", "camera") == rows(samples, "age", "face.size", "camera")


def test_a_folder_in_fiftyones_classification_format(fo, tmp_path, caplog):
    pictures(tmp_path / "data", "0.png", "sub/1.jpg", "not labelled.png")
    labels = {"classes": ["cat", "dog"], "labels": {"0": 1, "sub/1": 0}}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    before = fo.list_datasets()
    frame = import_dataset(tmp_path, "FiftyOneImageClassificationDataset")
    assert rows(frame, *TABLE) == [
        (str(tmp_path / "data" / "0.png"), "dog", ""),
        (str(tmp_path / "data" / "sub" / "1.jpg"), "cat", ""),
    ]
    assert "1 image files" in caplog.text
    assert "not labelled.png" in caplog.text
    assert fo.list_datasets() == before


def test_a_directory_tree(fo, tmp_path, caplog):
    pictures(tmp_path, "cat/0.png", "dog/a b.png", "_unlabeled/x.png")
    frame = import_dataset(tmp_path, "ImageClassificationDirectoryTree")
    assert sorted(rows(frame, "filepath", "label"), key=str) == [
        (str(tmp_path / "_unlabeled" / "x.png"), None),
        (str(tmp_path / "cat" / "0.png"), "cat"),
        (str(tmp_path / "dog" / "a b.png"), "dog"),
    ]
    assert "left out" not in caplog.text


def test_a_dataset_that_fiftyone_exported_comes_with_splits_and_fields(make, fo, tmp_path):
    pictures(tmp_path / "images", "a.png", "b.png")
    dataset = make(
        "out",
        (str(tmp_path / "images/a.png"), {"ground_truth": cls("cat"), "tags": ["test"], "n": 1}),
        (str(tmp_path / "images/b.png"), {"ground_truth": cls("dog"), "pose": cls("up")}),
    )
    dataset.save_view("first", dataset.limit(1))
    target = tmp_path / "exported"
    dataset.export(str(target), dataset_type=fo.types.FiftyOneDataset, progress=False)
    before = fo.list_datasets()
    frame = import_dataset(target, "FiftyOneDataset")
    assert rows(frame, *TABLE, "n") == [
        (str(target / "data" / "a.png"), "cat", "test", 1),
        (str(target / "data" / "b.png"), "dog", "", None),
    ]
    assert import_dataset(target, "FiftyOneDataset", "pose")["label"].tolist()[1] == "up"
    assert fo.list_datasets() == before


def test_the_tags_of_cvat_are_classes(fo, tmp_path):
    pictures(tmp_path / "data", "a.png", "b.png")
    (tmp_path / "labels.xml").write_text(
        "<annotations><version>1.1</version>"
        '<image id="0" name="a.png" width="8" height="8"><tag label="cat"></tag></image>'
        '<image id="1" name="b.png" width="8" height="8"></image></annotations>'
    )
    frame = import_dataset(tmp_path, "CVATImageDataset")
    assert [label for _, label in rows(frame, "filepath", "label")] == ["cat", None]


@pytest.mark.parametrize("kind", DATASET_TYPES)
def test_a_folder_of_another_kind_is_an_error_with_its_cause_and_nothing_stays(fo, tmp_path, kind):
    (tmp_path / "labels.json").write_text("{not json")
    before = fo.list_datasets()
    with pytest.raises(DataError, match=f"{kind}.*(cannot import|found none)"):
        import_dataset(tmp_path, kind)
    assert fo.list_datasets() == before


def test_the_temporary_dataset_goes_whatever_happens(fo, tmp_path, monkeypatch):
    pictures(tmp_path, "cat/0.png")
    before = fo.list_datasets()
    with pytest.raises(DataError, match="field 'nope'"):
        import_dataset(tmp_path, "ImageClassificationDirectoryTree", "nope")
    assert fo.list_datasets() == before

    def interrupted(*args):
        assert len(fo.list_datasets()) == len(before) + 1
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(tmp_path, "ImageClassificationDirectoryTree")
    assert fo.list_datasets() == before


def test_types_that_do_not_serve_say_which_do(fo, tmp_path):
    with pytest.raises(
        DataError, match=r"found 'COCODetectionDataset'\. Use one of BDDDataset, .*"
    ):
        import_dataset(tmp_path, "COCODetectionDataset")
    with pytest.raises(DataError, match="keeps them inside TFRecords"):
        import_dataset(tmp_path, "TFImageClassificationDataset")
    with pytest.raises(DataError, match=r"Expected a folder at .*/none, found nothing"):
        import_dataset(tmp_path / "none", "FiftyOneDataset")


def test_every_classification_format_of_fiftyone_is_taken_or_explained(fo):
    types = vars(fo.types).values()
    base = fo.types.ImageClassificationDataset
    formats = {
        one.__name__
        for one in types
        if isinstance(one, type) and issubclass(one, base) and one is not base
    }
    assert formats <= {*DATASET_TYPES, *sources._IN_RECORDS}
    assert all(hasattr(fo.types, name) for name in DATASET_TYPES)


@pytest.mark.timeout(10)
def test_an_unreachable_database_is_told_first(monkeypatch, tmp_path):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1/")
    with pytest.raises(DatabaseError, match="found none that answers"):
        read_dataset("anything")
    with pytest.raises(DatabaseError, match="found none that answers"):
        import_dataset(tmp_path, "FiftyOneDataset")
