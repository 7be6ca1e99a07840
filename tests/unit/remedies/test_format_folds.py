"""Folds of an export: what belongs together stays together, and no class is missing."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

from curate.errors import ExportError
from curate.remedies.formats import FORMATS, Content
from curate.remedies.formats.manifests import read_csv
from made_export import content_of, image


def made(tmp_path: Path, labels: str, units: list[int], folds: int) -> Content:
    rows = [
        {"filepath": image(tmp_path / "in" / f"{i}.png", i), "label": label}
        for i, label in enumerate(labels)
    ]
    rows.append({"filepath": image(tmp_path / "in" / "val.png", 99), "label": "a", "split": "val"})
    content = content_of(rows, sorted(set(labels)), folds=folds)
    content.table["unit"] = [*units, 1000]
    return content


def folds_of(folder: Path, content: Content) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    FORMATS["folds"].write(folder, content)
    return [
        (read_csv(folder / f"fold_{k}_train.csv"), read_csv(folder / f"fold_{k}_val.csv"))
        for k in range(content.folds)
    ]


def test_every_image_is_held_out_once_and_trained_on_otherwise(tmp_path):
    content = made(tmp_path, "ab" * 10, list(range(20)), 5)
    every = set(content.of("train")["sample_id"])
    found = folds_of(tmp_path / "out", content)
    for train, val in found:
        assert set(train["sample_id"]) | set(val["sample_id"]) == every
        assert not set(train["sample_id"]) & set(val["sample_id"])
        assert sorted(val["label"]) == ["a", "a", "b", "b"]
    assert sorted(one for _, val in found for one in val["sample_id"]) == sorted(every)


def test_a_unit_is_never_split_and_each_fold_still_has_every_class(tmp_path):
    """Units of four, as photographs of one person: eight of each class in three folds."""
    content = made(tmp_path, "aaaabbbb" * 6, [i // 4 for i in range(48)], 3)
    units = content.of("train").set_index("sample_id")["unit"]
    for train, val in folds_of(tmp_path / "out", content):
        assert not set(units[train["sample_id"]]) & set(units[val["sample_id"]])
        assert set(val["label"]) == {"a", "b"}


def test_a_class_of_fewer_units_than_folds_is_named(tmp_path, caplog):
    content = made(tmp_path, "aaaaaaaabb", [*range(8), 8, 8], 3)
    with caplog.at_level(logging.WARNING, logger="curate"):
        folds_of(tmp_path / "out", content)
    assert "some fold holds out no image of 'b'" in caplog.text


@pytest.mark.parametrize("folds", [1, 4])
def test_more_folds_than_units_are_refused(tmp_path, folds):
    content = made(tmp_path, "abab", [0, 1, 2, 2], folds)
    with pytest.raises(ExportError, match="Expected 2 to 3 folds"):
        FORMATS["folds"].write(tmp_path / "out", content)
    assert not (tmp_path / "out").exists()
