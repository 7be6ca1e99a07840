"""Which fold holds out whom, and votes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.errors import TrainingError
from curate.pipeline.train_folds import held_out_by, other_images, vote, write_fold
from curate.recipe.curriculum import read_curriculum
from made_curriculum import edit, make_export


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return make_export(tmp_path / "export")


def test_every_image_is_held_out_once_and_classes_are_spread(export: Path) -> None:
    folds = held_out_by(export, 4)
    table = read_curriculum(export).table
    assert pd.crosstab(table["target"], folds).to_numpy().tolist() == [[2, 2, 2, 2]] * 3
    assert folds.tolist() == held_out_by(export, 4).tolist()


def test_groups_and_equal_files_stay_together(export: Path) -> None:
    for row in (0, 3, 6):
        edit(export, "train", row, group="one person")
    edit(export, "train", 9, content_digest="d6")  # the same bytes as one of them
    folds = held_out_by(export, 2)
    assert len({int(folds[row]) for row in (0, 3, 6, 9)}) == 1


def test_the_lists_of_the_export_are_followed(export: Path) -> None:
    ids = read_curriculum(export).table["sample_id"]
    (export / "folds").mkdir()
    for fold in range(3):
        pd.DataFrame({"sample_id": ids[fold::3]}).to_csv(
            export / "folds" / f"fold_{fold}_val.csv", index=False
        )
    assert held_out_by(export, 3).tolist() == [0, 1, 2] * 8
    assert len(set(held_out_by(export, 4).tolist())) == 4


def test_more_folds_than_images_of_a_class(export: Path) -> None:
    with pytest.raises(TrainingError, match=r"at least 9 training images in each class.*'cat'"):
        held_out_by(export, 9)


def test_groups_that_leave_fewer_folds(export: Path) -> None:
    for row in range(24):
        edit(export, "train", row, group="one" if row < 12 else "other")
    with pytest.raises(TrainingError, match=r"Expected 3 folds, found .* leave 2 only"):
        held_out_by(export, 3)


def test_a_fold_is_trained_on_what_it_does_not_hold_out(export: Path, tmp_path: Path) -> None:
    folds = held_out_by(export, 4)
    write_fold(export, folds != 1, tmp_path / "fold")
    every, own = read_curriculum(export), read_curriculum(tmp_path / "fold")
    assert own.table["sample_id"].tolist() == every.table["sample_id"][folds != 1].tolist()
    assert own.schedule == every.schedule
    assert own.split("val").equals(every.split("val"))


def test_images_under_review_are_predicted_by_all(export: Path) -> None:
    assert len(other_images(export)) == 12
    shutil.copy(export / "val.csv", export / "train_review.csv")
    edit(export, "train_review", 0, filepath="/data/review.png")
    assert "/data/review.png" in other_images(export)


def test_votes() -> None:
    each = [np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]]), np.array([[0.45, 0.55]])]
    assert vote(each, "soft")[0].tolist() == pytest.approx([1.75 / 3, 1.25 / 3])
    assert vote(each, "hard")[0].tolist() == pytest.approx([1 / 3, 2 / 3])
