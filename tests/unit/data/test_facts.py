"""Facts of a catalog: small tables with planted faults, and the numbers by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from curate.data.facts import catalog_facts
from curate.data.file_facts import counted, percentiles, plain
from curate.data.grouping import straddling
from made_catalog import ROOT, catalog_of, images, problem_rows


def test_counts_ratio_and_effective_classes() -> None:
    table = images(
        split=["train"] * 7 + ["val"] * 2 + ["test"] * 3,
        label=["a"] * 6 + ["b"] + ["a", "b"] + [None] * 3,
    )
    facts = catalog_facts(catalog_of(table, problem_rows(("train/a/x.png", "train", "a", "empty"))))
    assert facts["counts"] == {
        "images": 13, "readable": 12, "problems": 1, "unlabelled": 3, "classes": 2, "skipped": 0,
    }  # fmt: skip
    assert list(facts["splits"]) == ["train", "val", "test"]
    train = facts["splits"]["train"]
    assert train["imbalance_ratio"] == 6
    entropy = -(6 / 7 * math.log(6 / 7) + 1 / 7 * math.log(1 / 7))
    assert train["effective_classes"] == pytest.approx(math.exp(entropy), rel=1e-5)
    assert train["largest"] == {"label": "a", "images": 6, "classes": 1}
    assert train["smallest"] == {"label": "b", "images": 1, "classes": 1}
    assert facts["splits"]["val"]["effective_classes"] == 2
    test = facts["splits"]["test"]
    assert (test["images"], test["unlabelled"], test["classes"]) == (3, 3, 0)
    assert (test["imbalance_ratio"], test["effective_classes"], test["largest"]) == (None,) * 3
    assert facts["classes"]["counts"] == {"train": {"a": 6, "b": 1}, "val": {"a": 1, "b": 1}}


def test_classes_that_are_odd_by_number_or_name() -> None:
    table = images(
        split=["train"] * 6 + ["val"] * 2,
        label=["cat", "cat", "Cat", "dog", "dog", "ox", "cat", "cat"],
    )
    classes = catalog_facts(catalog_of(table, empty_classes=["val/ox", "train/emu"]))["classes"]
    assert classes["one_image"] == ["Cat", "ox"]
    assert classes["one_train_image"] == ["Cat", "ox"]
    assert classes["missing"] == {"val": ["Cat", "dog", "ox"]}
    assert classes["empty"] == ["train/emu", "val/ox"]
    assert classes["same_but_case"] == [["Cat", "cat"]]


def test_an_unlabelled_split_lacks_no_class() -> None:
    table = images(split=["train", "train", "test"], label=["a", "b", None])
    assert catalog_facts(catalog_of(table))["classes"]["missing"] == {}


def test_sizes() -> None:
    table = images(width=[10, 20, 30, 30], height=[20, 20, 10, 10], size_bytes=[1, 2, 3, 5000])
    sizes = catalog_facts(catalog_of(table))["sizes"]
    assert (sizes["width"]["min"], sizes["width"]["p50"], sizes["width"]["max"]) == (10, 25, 30)
    assert sizes["aspect_ratio"]["max"] == 3
    assert sizes["aspect_ratio"]["min"] == 0.5
    assert sizes["megapixels"]["max"] == pytest.approx(0.0004)
    assert sizes["total_bytes"] == 5006
    assert sizes["distinct"] == 3
    assert sizes["most_common"][0] == {"width": 30, "height": 10, "images": 2}


def test_formats_modes_exif_and_animations() -> None:
    table = images(
        format=["JPEG", "PNG", "GIF", "JPEG"], mode=["L", "RGB", "P", "CMYK"],
        exif_orientation=[6, 1, 1, 8], animated=[False, False, True, False],
    )  # fmt: skip
    files = catalog_facts(catalog_of(table))["files"]
    assert files["formats"] == {"JPEG": 2, "GIF": 1, "PNG": 1}
    assert files["modes"] == {"CMYK": 1, "L": 1, "P": 1, "RGB": 1}
    assert files["grey_by_mode"] == 1
    turned = files["turned_by_exif"]
    assert turned["images"] == 2
    assert turned["orientations"] == {"6": 1, "8": 1}
    assert turned["examples"] == ["train/a/0.jpg", "train/a/3.jpg"]
    assert files["animated"] == {"images": 1, "examples": ["train/a/2.jpg"]}


def test_identical_files_across_splits_and_under_different_labels() -> None:
    table = images(
        split=["train", "train", "val", "train", "train", "test"],
        label=["a", "a", "a", "a", "b", None],
        content_digest=["one", "one", "one", "two", "two", "three"],
    )
    same = catalog_facts(catalog_of(table))["identical"]
    assert (same["groups"], same["images"], same["extra"]) == (2, 5, 3)
    assert same["across_splits"] == {"groups": 1, "images": 3}
    assert same["different_labels"] == {"groups": 1, "images": 2}
    assert same["examples"][0] == {  # different labels are the worse
        "files": ["train/a/3.jpg", "train/b/4.jpg"], "images": 2,
        "splits": ["train"], "labels": ["a", "b"],
    }  # fmt: skip
    assert same["examples"][1]["splits"] == ["train", "val"]


def test_an_unlabelled_copy_of_a_labelled_image_is_across_splits_but_no_conflict() -> None:
    table = images(split=["train", "test"], label=["a", None], content_digest=["x", "x"])
    same = catalog_facts(catalog_of(table))["identical"]
    assert same["across_splits"]["groups"] == 1
    assert same["different_labels"]["groups"] == 0


def test_groups_problems_and_skipped_files() -> None:
    table = images(group=["p1", "p1", "p1", "p2", ""])
    problems = problem_rows(
        ("train/a/x.png", "train", "a", "truncated"),
        ("train/b/y.png", "train", "b", "truncated"),
        ("test/z.png", "test", None, "empty"),
    )
    facts = catalog_facts(catalog_of(table, problems, skipped={"system": 2, "hidden": 1}))
    assert facts["groups"]["groups"] == 2
    assert facts["groups"]["images"] == 4
    assert facts["groups"]["sizes"]["max"] == 3
    assert facts["problems"] == {
        "truncated": {"images": 2, "examples": ["train/a/x.png", "train/b/y.png"]},
        "empty": {"images": 1, "examples": ["test/z.png"]},
    }
    assert facts["skipped"] == {"hidden": 1, "system": 2}
    assert facts["counts"]["skipped"] == 3


def test_what_straddles_splits_is_told_as_plain_values() -> None:
    table = images(split=["train", "train", "val", "val"], group=["p1", "p2", "p1", "p3"])
    found = straddling(table["group"].tolist(), table["split"].tolist())
    groups = catalog_facts(catalog_of(table))["groups"]
    assert groups["straddling"]["n_straddling"] == 1
    assert groups["straddling"]["images"] == {"train": 1, "val": 1}
    assert groups["straddling"]["examples"] == list(found.examples)
    assert groups["straddling"]["sentence"] == found.sentence
    assert groups["suspicion"] is None


def test_metadata_by_kind() -> None:
    table = images(
        age=pd.array([10, 30, None, 50], dtype="Int64"),
        place=["x", "y", "y", None],
        day=pd.to_datetime(["2024-01-02", None, "2023-05-06", "2024-01-02"]),
        mask=pd.array([True, None, True, False], dtype="boolean"),
    )
    kinds = {"age": "int", "place": "string", "day": "datetime", "mask": "bool"}
    metadata = catalog_facts(catalog_of(table, metadata=kinds))["metadata"]
    assert metadata["age"]["percentiles"]["p50"] == 30
    assert all(column["missing_share"] == 0.25 for column in metadata.values())
    assert metadata["place"]["top"] == [{"value": "y", "images": 2}, {"value": "x", "images": 1}]
    assert metadata["place"]["distinct"] == 2
    assert metadata["day"]["first_and_last"] == ["2023-05-06 00:00:00", "2024-01-02 00:00:00"]
    assert metadata["mask"]["top"][0] == {"value": "True", "images": 2}


def test_facts_are_plain_json_and_the_same_twice() -> None:
    rng = np.random.default_rng(0)
    table = images(
        label=rng.choice(["a", "b", "c"], 60), split=rng.choice(["train", "val"], 60),
        width=rng.integers(10, 90, 60), content_digest=rng.choice(list("pqrstuvwxyz"), 60),
        weight=rng.normal(size=60),
    )  # fmt: skip
    catalog = catalog_of(table, metadata={"weight": "float"})
    text = json.dumps(catalog_facts(catalog), allow_nan=False)
    assert json.loads(text) == catalog_facts(catalog)
    assert str(ROOT) + "/" not in text


def test_a_catalog_without_images_has_facts_too() -> None:
    facts = catalog_facts(catalog_of(images(label=["a"]).iloc[:0]))
    assert facts["counts"]["images"] == 0
    assert facts["splits"] == {}
    assert facts["sizes"]["width"] == {}


def test_numbers_are_shortened_and_what_is_none_is_none() -> None:
    assert plain(1 / 3) == 0.333333
    assert plain(2.0) == 2
    assert isinstance(plain(2.0), int)
    assert plain(float("nan")) is None
    assert percentiles([np.nan]) == {}
    assert percentiles([1.0, np.nan, 3.0])["p50"] == 2


def test_counted_breaks_ties_by_name_and_stops_at_the_limit() -> None:
    assert counted(pd.Series(["b", "a", "c", "c"])) == {"c": 2, "a": 1, "b": 1}
    assert list(counted(pd.Series(["b", "a", "c", "c"]), 2)) == ["c", "a"]
