"""A plain folder as what a training follows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from curate.data.source import Source
from curate.errors import TooManyProblems, TrainingError
from curate.pipeline.train_curriculum import Asked, prepare
from curate.pipeline.train_data import source_of
from curate.progress import silent
from curate.recipe.curriculum import read_curriculum
from curate.recipe.policy import Policy, Step, write_policy
from made_curriculum import CLASSES, make_export


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_export(tmp_path / "export")
    return tmp_path / "export_images"


def prepared(source: Source, folder: Path, **asked: object) -> Path:
    prepare(source, folder, Asked(**asked), silent, seed=3)  # type: ignore[arg-type]
    return folder


def test_all_images_are_trained_on_in_every_epoch(data: Path, tmp_path: Path) -> None:
    found = read_curriculum(prepared(Source(str(data)), tmp_path / "plain", epochs=4))
    assert (found.classes, found.seed, found.policy) == (CLASSES, 3, None)
    assert len(found.table) == 24
    (stage,) = found.schedule.stages
    assert (stage.start_epoch, stage.end_epoch, stage.tiers) == (0, 4, ("all",))
    assert len(found.split("val")) == len(found.split("test")) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "export_images", "plain"]


def test_its_folds_keep_equal_files_together(data: Path, tmp_path: Path) -> None:
    table = pd.read_csv(prepared(Source(str(data)), tmp_path / "plain", folds=2) / "train.csv")
    assert table["content_digest"].nunique() == 24


def test_a_policy_is_applied_by_its_last_stage(data: Path, tmp_path: Path) -> None:
    policy = Policy(((), (Step("horizontal_flip", 0.5),)), CLASSES)
    write_policy(policy, tmp_path / "policy.json")
    given = {"policy": str(tmp_path / "policy.json")}
    found = read_curriculum(prepared(Source(str(data)), tmp_path / "plain", **given))
    assert [stage.policy_stage for stage in found.schedule.stages] == [1]


def test_a_split_is_made_where_it_is_asked_for(data: Path, tmp_path: Path) -> None:
    source = Source(str(data / "train"), val_fraction=0.25)
    found = read_curriculum(prepared(source, tmp_path / "plain"))
    assert (len(found.table), len(found.split("val")), len(found.split("test"))) == (18, 6, 0)


def test_broken_images_are_left_out_until_they_are_too_many(data: Path, tmp_path: Path) -> None:
    path = data / "train" / "cat" / "003.png"
    path.write_bytes(path.read_bytes()[:70])  # the header is whole
    found = read_curriculum(prepared(Source(str(data)), tmp_path / "plain"))
    assert len(found.table) == 23
    assert str(path) not in found.table["filepath"].tolist()
    with pytest.raises(TooManyProblems, match=r"003\.png"):
        prepared(Source(str(data), max_problems=0.02), tmp_path / "strict")


def test_a_curriculum_needs_an_analysis(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="'easy-to-hard', which goes by how difficult"):
        prepared(Source(str(data)), tmp_path / "plain", curriculum="easy-to-hard")
    assert prepared(Source(str(data)), tmp_path / "plain", curriculum="self-paced").is_dir()


def test_what_is_named_is_told_apart(data: Path) -> None:
    export = data.with_name("export")
    assert source_of(export) == export.resolve()
    assert source_of(data) == Source(str(data))
    assert source_of("fiftyone:pets").data == "fiftyone:pets"  # type: ignore[union-attr]
    with pytest.raises(TrainingError, match="Expected '--val-fraction' with a folder of images"):
        source_of(export, val_fraction=0.1)
