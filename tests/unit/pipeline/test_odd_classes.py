"""Classes that deserve a look: planted ones are named with their numbers, equal ones never."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from curate.data.statistics import STATISTICS
from curate.pipeline.odd_classes import odd_classes, odd_splits
from made_catalog import images, pixels, problem_rows


def equal(seed: int, n_classes: int, n: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Classes that differ by chance alone, in everything: table, problems, statistics."""
    rng = np.random.default_rng(seed)
    names = np.array([f"c{i:03d}" for i in range(n_classes)])
    table = images(
        label=rng.choice(names, n),
        split=rng.choice(["train", "val", "test"], n, p=[0.7, 0.15, 0.15]),
        format=rng.choice(["JPEG", "PNG"], n, p=[0.8, 0.2]),
        width=rng.choice([64, 128, 200], n), height=rng.choice([64, 128], n),
        size_bytes=rng.integers(500, 5000, n), exif_orientation=rng.choice([1, 6], n),
        content_digest=[f"{d}" for d in rng.integers(0, 4 * n, n)],
    )  # fmt: skip
    found = pd.DataFrame({name: rng.random(n) for name in STATISTICS})
    found.insert(0, "sample_id", table["sample_id"])
    bad = [(f"x/{i}.jpg", "train", str(name), "empty") for i, name in enumerate(
        rng.choice(names, n // 30))]  # fmt: skip
    return table, problem_rows(*bad), found


def reasons(found: list[dict[str, Any]], label: str) -> dict[str, str]:
    """Kind -> text of one class's reasons; empty if it is not named."""
    of_class = [about["reasons"] for about in found if about["label"] == label]
    return {reason["kind"]: reason["text"] for reason in of_class[0]} if of_class else {}


@pytest.mark.parametrize(("n_classes", "n"), [(2, 400), (3, 60), (10, 500), (10, 4000), (100, 800)])
def test_classes_that_differ_by_chance_are_not_named(n_classes: int, n: int) -> None:
    for seed in range(8):
        table, problems, statistics = equal(seed, n_classes, n)
        assert odd_classes(table, problems, statistics) == []
        assert odd_classes(table, problems, statistics.sample(n // 2, random_state=seed)) == []
        assert odd_splits(table, statistics) == []


def test_a_class_with_few_images() -> None:
    table = images(label=["a"] * 40 + ["b"] * 44 + ["c"] * 5 + ["d"] * 48)
    found = odd_classes(table, problem_rows(), pixels(table))
    assert [about["label"] for about in found] == ["c"]
    assert reasons(found, "c") == {"few": "5 train images, the median class has 42"}


def test_five_images_of_eight_are_not_few() -> None:
    table = images(label=["a"] * 8 + ["b"] * 8 + ["c"] * 3)
    assert odd_classes(table, problem_rows(), pixels(table)) == []


def test_a_class_that_val_lacks_and_one_it_has_too_much_of() -> None:
    train = ["a"] * 60 + ["b"] * 60 + ["c"] * 60 + ["d"] * 60
    val = ["a"] * 20 + ["b"] * 20 + ["d"] * 60
    table = images(split=["train"] * len(train) + ["val"] * len(val), label=train + val)
    found = odd_classes(table, problem_rows(), pixels(table))
    assert reasons(found, "c") == {
        "split": "0 of 100 val images; by its share of train (60 of 240) 25 are to be expected"
    }
    assert reasons(found, "d")["split"].startswith("60 of 100 val images")
    assert [about["label"] for about in found] == ["c", "d"]  # all of it missing is worse


def test_one_image_missing_from_a_small_val_is_no_reason() -> None:
    table = images(
        split=["train"] * 30 + ["val"] * 4, label=["a", "b", "c"] * 10 + ["a", "b", "a", "b"]
    )
    assert odd_classes(table, problem_rows(), pixels(table)) == []


def test_a_dark_class_among_others() -> None:
    table = images(label=[name for name in "abcdef" for _ in range(50)])
    rng = np.random.default_rng(1)
    bright = rng.uniform(0.4, 0.6, 300) - np.where(table["label"] == "d", 0.3, 0)
    found = odd_classes(table, problem_rows(), pixels(table, brightness=bright))
    text = reasons(found, "d")["brightness"]
    assert text.startswith("all 50 images are darker than the other classes (median brightness 0.")
    assert [about["label"] for about in found] == ["d"]
    sample = pixels(table, brightness=bright).iloc[::2]
    found = odd_classes(table, problem_rows(), sample)
    text = reasons(found, "d")["brightness"]
    assert text.startswith("25 of 25 measured images (100% [87%, 100%]) are darker than the other")


def test_where_every_class_has_a_brightness_of_its_own_none_is_odd() -> None:
    table = images(label=[name for name in "abcdefgh" for _ in range(50)])
    own = {name: 0.1 * i for i, name in enumerate("abcdefgh")}
    rng = np.random.default_rng(2)
    bright = table["label"].map(own).to_numpy() + rng.uniform(0, 0.05, 400)
    assert odd_classes(table, problem_rows(), pixels(table, brightness=bright)) == []


def test_shortcuts_by_format_size_and_exif() -> None:
    labels = [name for name in "abc" for _ in range(30)]
    table = images(label=labels)
    of_b = table["label"] == "b"
    table["format"] = np.where(of_b, "PNG", "JPEG")
    table["exif_orientation"] = np.where(table["label"] == "c", 6, 1)
    table.loc[table["label"] == "a", ["width", "height"]] = (300, 200)
    table.loc[0, "format"] = "PNG"
    found = odd_classes(table, problem_rows(), pixels(table))
    assert reasons(found, "b")["format"] == (
        "all 30 images are PNG; of the other classes' images 1 of 60"
    )
    assert reasons(found, "a")["size"].startswith("all 30 images are 300 x 200 pixels; of the oth")
    assert reasons(found, "a")["megapixels"].startswith("all 30 images are larger than the other")
    assert reasons(found, "c")["exif"].startswith("all 30 images are turned by EXIF")


def test_grey_among_colour_by_pixels_and_by_mode_where_none_were_seen() -> None:
    table = images(label=[name for name in "abcdef" for _ in range(30)])
    saturation = np.where(table["label"] == "e", 0.001, 0.4)
    found = odd_classes(table, problem_rows(), pixels(table, saturation=saturation))
    assert reasons(found, "e")["colour"].startswith("all 30 images are grey; of the other classes'")
    table["mode"] = np.where(table["label"] == "f", "L", "RGB")
    found = odd_classes(table, problem_rows(), pixels(table).iloc[:0])
    assert set(reasons(found, "f")) == {"colour"}


def test_a_class_of_many_problems_and_one_of_many_copies() -> None:
    table = images(label=["a"] * 60 + ["b"] * 60 + ["c"] * 60)
    table.loc[60:79, "content_digest"] = "the same"
    problems = problem_rows(*((f"train/c/{i}.png", "train", "c", "truncated") for i in range(12)))
    found = odd_classes(table, problems, pixels(table))
    assert reasons(found, "c") == {
        "problems": "12 of 72 images cannot be used; of the other classes' 0 of 120"
    }
    assert reasons(found, "b") == {
        "copies": "19 of 60 images are byte-identical copies of another; of the other classes' "
        "0 of 120"
    }


def test_unlabelled_images_are_nobodys_and_no_reason() -> None:
    table = images(split=["train"] * 40 + ["test"] * 60, label=["a", "b"] * 20 + [None] * 60)
    table.loc[40:, "format"] = "PNG"
    assert odd_classes(table, problem_rows(), pixels(table)) == []
    splits = odd_splits(table, pixels(table))
    assert [about["split"] for about in splits] == ["test", "train"]
    assert splits[0]["reasons"][0]["text"] == (
        "all 60 images are PNG; of the other splits' images 0 of 40"
    )


def test_the_worst_comes_first_and_severities_are_shares() -> None:
    table, problems, statistics = equal(3, 6, 600)
    table["format"] = np.where(table["label"] == "c002", "BMP", table["format"])
    statistics["brightness"] += np.where(table["label"] == "c002", 3, 0)
    statistics["entropy"] += np.where(table["label"] == "c004", 3, 0)
    found = odd_classes(table, problems, statistics)
    assert [about["label"] for about in found] == ["c002", "c004"]
    severities = [reason["severity"] for about in found for reason in about["reasons"]]
    assert all(0 < severity <= 1 for severity in severities)
    assert found[0]["severity"] == pytest.approx(
        sum(reason["severity"] for reason in found[0]["reasons"]), abs=1e-3
    )


def test_no_images_no_classes() -> None:
    table = images(label=["a"]).iloc[:0]
    assert odd_classes(table, problem_rows(), pixels(table)) == []
    assert odd_splits(table, pixels(table)) == []
