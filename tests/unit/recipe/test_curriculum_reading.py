"""An export is read whole, or refused with what is wrong and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from curate.errors import CurriculumError, PolicyError
from curate.recipe.curriculum import read_curriculum
from curate.recipe.policy import Policy, Step
from curate.recipe.sampling import active
from curate.recipe.schedule import make_schedule
from made_curriculum import CLASSES, STAGED, edit, make_export

POLICY = Policy(((), (Step("rotate", 0.5, (0, 10)),)), CLASSES)


def change(folder: Path, **values: Any) -> None:
    path = folder / "curriculum.json"
    about = json.loads(path.read_text())
    about.update({key: value for key, value in values.items() if value != "gone"})
    for key in [key for key, value in values.items() if value == "gone"]:
        del about[key]
    path.write_text(json.dumps(about))


def test_an_export_is_read(tmp_path: Path) -> None:
    found = read_curriculum(make_export(tmp_path / "out", policy=POLICY))
    assert (found.classes, found.schedule, found.seed) == (CLASSES, STAGED, 0)
    assert found.policy == POLICY
    assert found.folder == tmp_path / "out"
    assert len(found.table) == 24
    assert found.table["target"].tolist() == [i % 3 for i in range(24)]
    assert found.table["weight"].tolist() == [1.0] * 24
    assert [len(active(found.table, found.schedule, epoch, 0)) for epoch in (0, 2, 5)] == [
        12, 18, 24,
    ]  # fmt: skip
    test = found.split("test")
    assert test["target"].tolist() == [0, 1, 2, 0, 1, -1]
    assert found.split("train") is found.table


def test_class_names_that_pandas_takes_for_missing(tmp_path: Path) -> None:
    folder = make_export(tmp_path / "out")
    names = ["NA", "None", "1"]
    change(folder, classes=names)
    for split in ("train", "val", "test"):
        table = pd.read_csv(folder / f"{split}.csv", dtype=str, keep_default_na=False)
        table["label"] = [names[int(t)] if t else "" for t in table["target"]]
        table.to_csv(folder / f"{split}.csv", index=False)
    assert set(read_curriculum(folder).table["label"]) == set(names)


def test_an_image_without_a_label_is_none_to_train_on(tmp_path: Path) -> None:
    folder = make_export(tmp_path / "out")
    whole = read_curriculum(folder).table
    edit(folder, "train", 0, label="", target="")
    found = read_curriculum(folder)
    assert found.table["filepath"].tolist() == whole["filepath"].tolist()[1:]
    assert (found.table["target"] >= 0).all()
    # Whoever counts rows, a sampler or a dataset, counts the same ones.
    assert found.table.index.tolist() == list(range(len(found.table)))
    assert len(active(found.table, found.schedule, 5, 0)) <= len(found.table)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"format": "other"}, "found another program's file"),
        ({"schema_version": 1}, r"schema version 2 .* found 1\. Export the run again"),
        ({"schema_version": 3}, r"found 3\. Update curate"),
        ({"stages": "gone"}, "found none called 'stages'"),
        ({"policy": "../policy.json"}, r"the policy's file .* found '../policy.json'"),
        ({"policy": "policy.json"}, "the policy's file beside curriculum.json"),
        ({"classes": ["cat", "dog", "cow"]}, r"the label 'cow' beside the target 2 .* found 'owl'"),
        ({"classes": ["cat", "dog"]}, "targets from 0 to 1 in train.csv"),
        ({"epochs": 7}, "follow each other from epoch 0 to 7"),
    ],
)
def test_a_description_that_cannot_be_is_refused(
    tmp_path: Path, values: dict[str, Any], match: str
) -> None:
    folder = make_export(tmp_path / "out")
    change(folder, **values)
    with pytest.raises(CurriculumError, match=match):
        read_curriculum(folder)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"target": "two"}, "numbers in the column target of train.csv .* found 'two'"),
        ({"weight": "0"}, "weights above 0 in train.csv"),
        ({"weight": "inf"}, "weights above 0 in train.csv"),
        ({"target": "7"}, "targets from 0 to 2 in train.csv"),
        ({"label": "cow"}, "the label 'cat' beside the target 0"),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    tmp_path: Path, values: dict[str, Any], match: str
) -> None:
    folder = make_export(tmp_path / "out")
    edit(folder, "train", 3, **values)
    with pytest.raises(CurriculumError, match=match):
        read_curriculum(folder)


def test_missing_files_columns_and_stages(tmp_path: Path) -> None:
    with pytest.raises(CurriculumError, match=r"found no such folder. Give the --to directory"):
        read_curriculum(tmp_path / "nowhere")
    with pytest.raises(CurriculumError, match=r"found a folder without curriculum\.json"):
        read_curriculum(tmp_path)
    folder = make_export(tmp_path / "out", policy=POLICY)
    table = pd.read_csv(folder / "train.csv", dtype=str, keep_default_na=False)
    table.drop(columns="weight").to_csv(folder / "train.csv", index=False)
    with pytest.raises(CurriculumError, match="found none called 'weight'"):
        read_curriculum(folder)
    table[table["tier"] == "hard"].to_csv(folder / "train.csv", index=False)
    with pytest.raises(CurriculumError, match="tiers 'easy' for the epochs 0 to 2"):
        read_curriculum(folder)
    table[:0].to_csv(folder / "train.csv", index=False)
    with pytest.raises(CurriculumError, match=r"images to train on in train.csv"):
        read_curriculum(folder)
    (folder / "train.csv").unlink()
    with pytest.raises(CurriculumError, match=r"a list of images train.csv"):
        read_curriculum(folder)
    (folder / "curriculum.json").write_text("{")
    with pytest.raises(CurriculumError, match=r"Expected JSON in curriculum.json"):
        read_curriculum(folder)


def test_the_policy_has_the_stages_that_the_schedule_names(tmp_path: Path) -> None:
    three = make_schedule("easy-to-hard", 6, policy_stages=3)
    with pytest.raises(CurriculumError, match=r"stage 2 of the policy .* found 2 stages"):
        read_curriculum(make_export(tmp_path / "a", three, policy=POLICY))
    with pytest.raises(CurriculumError, match="a policy, which the schedule asks for"):
        read_curriculum(make_export(tmp_path / "b", three))
    folder = make_export(tmp_path / "c", policy=POLICY)
    (folder / "policy.json").write_text("{}")
    with pytest.raises(PolicyError):
        read_curriculum(folder)
