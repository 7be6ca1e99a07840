from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from curate.errors import ComparisonError
from curate.pipeline.verifying.asked import Asked
from curate.pipeline.verifying.recipes import (
    labelled,
    recipes_of,
    source_list,
    write_recipe,
)
from curate.recipe.curriculum import read_curriculum
from curate.recipe.policy import Policy, Step
from curate.recipe.schedule import make_schedule
from made_curriculum import CLASSES, STAGED, TIERS, make_export

FLIP = Policy(((), (Step("vertical_flip", 0.5),)), CLASSES)


def names(folder: Path, **asked: object) -> list[str]:
    return [one.name for one in recipes_of(read_curriculum(folder), Asked(**asked))]  # type: ignore[arg-type]


def test_the_arms_of_an_export_with_everything(tmp_path: Path) -> None:
    found = read_curriculum(make_export(tmp_path / "e", policy=FLIP))
    arms = {one.name: one for one in recipes_of(found, Asked())}
    assert list(arms) == ["baseline", "policy", "curriculum", "both", "control"]
    assert arms["baseline"].policy is None
    assert arms["policy"].schedule.stages[0].policy_stage == 1  # the last: all of the policy
    assert [len(arms[name].schedule.stages) for name in arms] == [1, 1, 3, 3, 3]
    assert {stage.order for stage in arms["control"].schedule.stages} == {"random"}
    assert arms["control"].policy is arms["curriculum"].policy is None
    # A schedule that names no stage of the policy has the last one throughout.
    assert {stage.policy_stage for stage in arms["both"].schedule.stages} == {1}


def test_only_what_there_is(tmp_path: Path) -> None:
    plain = make_schedule("none", 6, TIERS)
    assert names(make_export(tmp_path / "a")) == ["baseline", "curriculum", "control"]
    assert names(make_export(tmp_path / "b", plain, policy=FLIP)) == ["baseline", "policy"]
    assert names(make_export(tmp_path / "c", plain), baseline="source") == ["baseline", "data"]
    empty = make_export(tmp_path / "d", plain, policy=Policy(((), ())))
    with pytest.raises(ComparisonError, match="found one with neither"):
        names(empty)
    with pytest.raises(
        ComparisonError, match="no augmentation policy, or an empty one: give one with --policy"
    ):
        names(empty, arms=("policy",), baseline="source")
    with pytest.raises(ComparisonError, match="goes with --baseline source"):
        names(tmp_path / "b", arms=("data",))
    assert names(tmp_path / "b", arms=("policy",), baseline="source") == ["baseline", "policy"]


def test_an_arm_sees_neither_val_nor_test(tmp_path: Path) -> None:
    found = read_curriculum(make_export(tmp_path / "e", STAGED, policy=FLIP))
    for recipe in recipes_of(found, Asked()):
        write_recipe(found, recipe, tmp_path / recipe.name, None)
        again = read_curriculum(tmp_path / recipe.name)
        assert len(again.table) == 24
        assert (again.policy is None) == (recipe.name in ("baseline", "curriculum", "control"))
        assert len(again.split("val")) == len(again.split("test")) == 0


def test_the_source_has_what_was_dropped_and_relabelled(tmp_path: Path) -> None:
    export = make_export(tmp_path / "e")
    listed = pd.read_csv(export / "train.csv")
    images = pd.DataFrame(
        {
            "sample_id": listed["sample_id"], "filepath": listed["filepath"], "split": "train",
            "source_label": "cat", "content_digest": listed["content_digest"],
        }
    )  # fmt: skip
    images.loc[0, "source_label"] = "gone class"
    images.loc[1, "filepath"] = str(tmp_path / "gone.png")
    images.loc[2, "split"] = "val"
    found = source_list(images, CLASSES, "easy")
    assert found["sample_id"].tolist() == listed["sample_id"].tolist()[3:]
    assert set(found["label"]) == {"cat"}
    assert set(found["target"]) == {0}


def test_val_without_labels_judges_nothing(tmp_path: Path) -> None:
    export = make_export(tmp_path / "e")
    assert len(labelled(read_curriculum(export), "val")) == 6
    assert len(labelled(read_curriculum(export), "test")) == 5  # the last one has no label
    val = pd.read_csv(export / "val.csv", dtype=str, keep_default_na=False)
    val.assign(label="", target="").to_csv(export / "val.csv", index=False)
    with pytest.raises(ComparisonError, match="Expected labelled images of val to judge by"):
        labelled(read_curriculum(export), "val")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seeds": 1}, "--seeds of at least 2"),
        ({"budget": 0.0}, "--budget to be a time above 0"),
        ({"least": 1.5}, "--least to be a share"),
        ({"trials": 0}, "--trials to be at least 1"),
        ({"arms": ("none",)}, "--arm to be one of data, policy"),
        ({"baseline": "mine"}, "--baseline to be one of none, source"),
    ],
)
def test_what_cannot_be_asked(given: dict[str, object], said: str) -> None:
    with pytest.raises(ComparisonError, match=said):
        Asked(**given)  # type: ignore[arg-type]
