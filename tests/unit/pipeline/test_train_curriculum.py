"""What a training follows: copied from an export, with other schedules and policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.errors import CurriculumError, PolicyError, TrainingError
from curate.pipeline.curriculum import Plan, write_plan
from curate.pipeline.train_curriculum import Asked, images_of, prepare, stretched
from curate.progress import silent
from curate.recipe.curriculum import Curriculum, read_curriculum
from curate.recipe.policy import Policy, Step, write_policy
from curate.recipe.schedule import make_schedule
from curate.recipe.stages import Schedule, Stage
from curate.remedies.tiering import Tiering
from made_curriculum import CLASSES, STAGED, TIERS, edit, make_export

FLIP = Step("horizontal_flip", 0.5)


def prepared(export: Path, **asked: object) -> Curriculum:
    folder = export.parent / "prepared"
    prepare(export, folder, Asked(**asked), silent)  # type: ignore[arg-type]
    return read_curriculum(folder)


def spans(schedule: Schedule) -> list[tuple[int, int]]:
    return [(stage.start_epoch, stage.end_epoch) for stage in schedule.stages]


@pytest.mark.parametrize(
    ("epochs", "found"),
    [
        (12, [(0, 4), (4, 8), (8, 12)]),
        (7, [(0, 2), (2, 5), (5, 7)]),
        (3, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_stages_keep_their_part_of_the_epochs(epochs: int, found: list[tuple[int, int]]) -> None:
    assert spans(stretched(STAGED, epochs)) == found


def test_short_stages_keep_an_epoch() -> None:
    schedule = Schedule("custom", 20, (Stage(0, 1, TIERS), Stage(1, 2, TIERS), Stage(2, 20, TIERS)))
    assert spans(stretched(schedule, 4)) == [(0, 1), (1, 2), (2, 4)]
    late = Schedule("custom", 20, (Stage(0, 18, TIERS), Stage(18, 19, TIERS), Stage(19, 20, TIERS)))
    assert spans(stretched(late, 4)) == [(0, 2), (2, 3), (3, 4)]


def test_more_stages_than_epochs() -> None:
    with pytest.raises(CurriculumError, match=r"at least 3 epochs, one for each stage.*found 2"):
        stretched(STAGED, 2)


def test_an_export_is_followed_as_it_is(tmp_path: Path) -> None:
    export = make_export(tmp_path / "export", policy=Policy(((FLIP,),), CLASSES))
    found, own = prepared(export), read_curriculum(export)
    assert found.schedule == own.schedule
    assert found.policy == own.policy
    assert found.classes == own.classes
    assert found.table.equals(own.table)
    assert found.split("val").equals(own.split("val"))


def test_training_images_without_a_label_are_left_out(tmp_path: Path) -> None:
    export = make_export(tmp_path / "export")
    edit(export, "train", 2, label="", target="")
    assert "s002" not in prepared(export).table["sample_id"].tolist()


def test_a_preset_takes_the_tiers_of_the_export(tmp_path: Path) -> None:
    found = prepared(make_export(tmp_path / "export"), curriculum="none", epochs=4)
    assert spans(found.schedule) == [(0, 4)]
    assert found.schedule.stages[0].tiers == TIERS


def test_sketch_winner_brings_its_policy(tmp_path: Path) -> None:
    found = prepared(make_export(tmp_path / "export"), curriculum="sketch-winner", epochs=4)
    assert found.policy is not None
    assert [stage.policy_stage for stage in found.schedule.stages] == [0, 1, 2]


def test_a_plan_takes_the_place_of_the_schedule(tmp_path: Path) -> None:
    plan = Plan(make_schedule("anti", 6, TIERS, pacing="linear"))
    write_plan(plan, tmp_path / "plan.json")
    export = make_export(tmp_path / "export")
    assert prepared(export, curriculum=str(tmp_path / "plan.json")).schedule == plan.schedule


def test_a_plan_of_other_tiers_is_refused(tmp_path: Path) -> None:
    tiering = Tiering(2)
    write_plan(Plan(make_schedule("none", 6, tiering.names), tiering), tmp_path / "plan.json")
    with pytest.raises(CurriculumError, match="tier1"):
        prepared(make_export(tmp_path / "export"), curriculum=str(tmp_path / "plan.json"))


def test_another_policy_is_spread_over_the_stages(tmp_path: Path) -> None:
    export = make_export(tmp_path / "export", policy=Policy(((FLIP,),), CLASSES))
    path = tmp_path / "policy.json"
    write_policy(Policy(((), (FLIP,), (FLIP, Step("grey", 0.5))), CLASSES), path)
    found = prepared(export, policy=str(path))
    assert [stage.policy_stage for stage in found.schedule.stages] == [0, 1, 2]
    assert found.policy is not None and len(found.policy.stages) == 3


def test_no_policy(tmp_path: Path) -> None:
    export = make_export(tmp_path / "export", policy=Policy(((FLIP,),), CLASSES))
    found = prepared(export, with_policy=False)
    assert found.policy is None
    assert all(stage.policy_stage is None for stage in found.schedule.stages)


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    export = make_export(tmp_path / "export")
    with pytest.raises(TrainingError, match="--policy or --no-policy, found both"):
        Asked(policy="rand-m9-n3", with_policy=False)
    with pytest.raises(CurriculumError, match=r"a preset of easy-to-hard.*found 'easy-first'"):
        prepared(export, curriculum="easy-first")
    with pytest.raises(PolicyError):
        prepared(export, policy="nothing.json")


def test_images_that_are_gone_are_named(tmp_path: Path) -> None:
    export = make_export(tmp_path / "export")
    gone = images_of(export)[0]
    Path(gone).unlink()
    with pytest.raises(TrainingError, match=f"Expected 36 images.*found 1 gone: '{gone}'"):
        prepared(export)
