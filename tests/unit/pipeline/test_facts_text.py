"""The page of text: what comes first, and that it fits a terminal whatever the data is called."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from curate.data.catalog import Catalog
from curate.pipeline.facts_text import facts_text
from curate.pipeline.inspect import facts_of
from curate.pipeline.plain_text import WIDTH, bar, cut, number, wrapped
from made_catalog import ROOT, catalog_of, images, pixels, problem_rows


def page(catalog: Catalog, **statistics: Any) -> str:
    return facts_text(facts_of(catalog, pixels(catalog.table, **statistics)))


def faulty() -> Catalog:
    """A bit of everything."""
    table = images(
        split=["train"] * 60 + ["val"] * 20 + ["test"] * 4,
        label=["cat"] * 40 + ["dog"] * 20 + ["cat", "dog"] * 10 + [None] * 4,
        group=["p1", "p1", "p2", ""] * 21,
        content_digest=["same", "same", *(f"{i}" for i in range(81)), "same"],
        exif_orientation=[6, 1, 1, 1] * 21,
        animated=[False] * 83 + [True],
        age=pd.array([20, None] * 42, dtype="Int64"),
    )
    return catalog_of(
        table, problem_rows(("train/cat/broken.png", "train", "cat", "truncated")),
        skipped={"hidden": 3}, metadata={"age": "int"},
        notes=[f"2 files have the same bytes, such as '{ROOT}/train/cat/0.jpg'."],
    )  # fmt: skip


def test_the_first_lines_answer_how_many_and_how_balanced() -> None:
    lines = page(faulty()).splitlines()
    assert lines[0] == ("85 images = train 60 + val 20 + test 4 + 1 problems, 2 classes, in /data")
    assert (
        lines[1] == "The largest class, cat (40), has 2 times the images of the smallest, dog (20)."
    )


def test_every_topic_is_there() -> None:
    text = page(faulty())
    for line in (
        "! 2 files have the same bytes, such as 'train/cat/0.jpg'.",
        "test        4           4        0  -        -             -             -",
        "cat       40   10  ########################################",
        "dog       20   10  ####################",
        "formats: JPEG 84",
        "EXIF: 21 images look turned to a program that ignores it (orientation 6: 21): train/cat/0",
        "animated, first frame read: 1: test//83.jpg",
        "same bytes: 3 images in 1 groups, 1 across splits, 0 under different labels",
        "train/cat/0.jpg = train/cat/1.jpg = test//83.jpg",
        "groups: 2 of 63 images, 21 to 42 images each, median 31.5",
        "problem truncated: 1: train/cat/broken.png",
        "skipped files: hidden 3",
        "age     int          1  50.0%    20 to 20, median 20",
        "Pixels of all 84 readable images were measured.",
    ):
        assert line in text, line


def test_groups_that_straddle_splits_are_above_everything_but_the_counts() -> None:
    table = images(split=["train", "train", "val", "val"], group=["p1", "p2", "p1", "p3"])
    assert page(catalog_of(table)).splitlines()[3].startswith("!! 1 of 3 groups straddle")
    table["group"] = ["p1", "p1", "p2", "p2"]
    catalog = catalog_of(table)
    assert catalog.straddling is not None
    assert page(catalog).splitlines()[3] == catalog.straddling.sentence


def test_groups_that_names_hint_at_are_above_too() -> None:
    names = [f"person_{i // 4:02d}_{'abcd'[i % 4]}.jpg" for i in range(80)]
    table = images(
        split=["train", "train", "train", "val"] * 20, label=["a"] * 40 + ["b"] * 40,
        filepath=[f"{ROOT}/{name}" for name in names],
    )  # fmt: skip
    catalog = catalog_of(table)
    assert catalog.suspicion is not None
    facts = facts_of(catalog, pixels(table))
    assert facts["groups"]["suspicion"]["n_groups"] == catalog.suspicion.n_groups
    assert facts_text(facts).splitlines()[3].startswith("!! File names look as if")
    json.dumps(facts, allow_nan=False)


def test_a_sample_says_so_with_intervals() -> None:
    table = images(label=["a", "b"] * 50)
    statistics = pixels(table, brightness=np.linspace(0, 1, 100)).iloc[::2]
    bad = pd.DataFrame({"sample_id": [table["sample_id"][1]], "problem": "damaged", "detail": "x"})
    text = facts_text(facts_of(catalog_of(table), statistics, bad))
    assert "100 images = train 99 + 1 problems" in text
    assert "Pixels of a sample were measured: 50 of 99 images" in text
    assert "medians (95 %): brightness 0.495 [" in text
    assert "problem damaged: 1: train/b/1.jpg" in text
    assert "1 of 51 images of the sample could not be decoded, 2.0% (95 % interval 0.3% to" in text


def test_odd_classes_are_listed_with_reasons() -> None:
    table = images(label=[name for name in "abcdef" for _ in range(40)])
    bright = np.where(table["label"] == "c", 0.1, 0.5) + np.linspace(0, 0.01, 240)
    text = page(catalog_of(table), brightness=bright)
    assert "classes that deserve a look, worst first:\n  c\n    - all 40 images are darker" in text


def test_balanced_classes_are_said_to_be() -> None:
    text = page(catalog_of(images(label=["a", "b", "c"] * 9)))
    assert "Every class has the same number of images, 9." in text
    assert "each 9" in text
    assert "deserve a look" not in text


def test_many_classes_show_head_tail_and_sizes() -> None:
    labels = [f"class_{i:03d}" for i in range(60) for _ in range(i + 1)]
    lines = page(catalog_of(images(label=labels))).splitlines()
    assert sum(line.startswith("class_") for line in lines) == 16
    assert "... 44 more ..." in lines
    assert any(line.startswith("class_059     60  ####") for line in lines)
    assert "20 to 49           30  ########################################" in lines
    assert "1                   1  #" in lines


@pytest.mark.parametrize(
    "name",
    ["n" * 300, "two\nlines", "\x1b[31mred", "päärynä " * 20, "a-" * 90, "雪" * 80],
    ids=["long", "newline", "escape", "words", "hyphens", "unicode"],
)
def test_no_line_is_longer_than_the_terminal_whatever_the_names(name: str) -> None:
    catalog = faulty()
    table = catalog.table.assign(
        label=[name if label == "cat" else label for label in catalog.table["label"]],
        filepath=[f"{ROOT}/{name}/{i}.jpg" for i in range(84)],
    )
    many = pd.concat([table] * 9, ignore_index=True)
    many["sample_id"] = [f"{i}" for i in range(len(many))]
    many["label"] = [label and f"{label}{i % 30}" for i, label in enumerate(many["label"])]
    problems = problem_rows((f"{name}.png", "train", name, "truncated"))
    for rows in (table, many):
        made = catalog_of(
            rows, problems, metadata={"age": "int"},
            notes=[f"Something about {name!r} and {ROOT}/{name}."],
        )  # fmt: skip
        text = page(made, brightness=np.linspace(0, 1, len(rows)))
        assert max(len(line) for line in text.splitlines()) <= WIDTH
        assert "\x1b" not in text
        assert not text.startswith("\n")


def test_the_widest_numbers_fit_too() -> None:
    table = images(
        label=["a", "b"] * 10, width=[65_535] * 20, height=[1] * 19 + [65_535],
        size_bytes=[999_999_999] * 20,
    )  # fmt: skip
    text = page(catalog_of(table), sharpness=260_100.4, brightness=0.012345, contrast=0.0001234)
    assert max(len(line) for line in text.splitlines()) <= WIDTH


def test_numbers_bars_and_cuts() -> None:
    assert [number(value) for value in (None, 0, 3, 0.12345, 0.01234, 12.34, 123.4, 1234567.8)] == [
        "-", "0", "3", "0.123", "0.012", "12.3", "123", "1,234,568",
    ]  # fmt: skip
    assert [bar(value, 80) for value in (0, 1, 4, 80)] == ["", "#", "##", "#" * 40]
    assert cut("abcdef", 4) == "abc…"
    assert wrapped("a " * 60, "  ")[1].startswith("  a")


def test_an_empty_catalog_has_a_page() -> None:
    assert page(catalog_of(images(label=["a"]).iloc[:0])).startswith("0 images = 0 problems")
