"""A curriculum of a run made by hand: its tiers, its plan in a file, its facts, its text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from curate.errors import CurriculumError, ExportError, PolicyError
from curate.pipeline.curriculum import (
    BY_LOSS,
    Plan,
    check_plan_target,
    control_plan,
    make_plan,
    read_plan,
    seen,
    staged_schedule,
    write_plan,
)
from curate.pipeline.curriculum_facts import curriculum_facts
from curate.pipeline.curriculum_text import curriculum_text
from curate.pipeline.decided import check_trainable, edited, trained
from curate.recipe.policy import Policy, Step, write_policy
from curate.recipe.schedule import PRESETS, make_schedule
from curate.remedies.tiering import Tiering
from curate.store.files import write_json
from curate.store.run import Run
from curate.store.schema import DECISIONS, FINDINGS, SAMPLES

NAMES = ["cat", "dog"]
POLICY = Policy(((), (Step("rotate", 0.5, (0, 10)),)), tuple(NAMES))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Ten cats and ten dogs of train, of falling margin, and a cat of val.

    Cat 9 is a suspected label error, dog 9 looks mislabelled, dog 8 is rare, cat 8 is ambiguous,
    cat 0 is of low quality.
    """
    labels = ["cat"] * 10 + ["dog"] * 10 + ["cat"]
    margin = np.r_[np.linspace(0.9, -0.9, 10), np.linspace(0.9, -0.9, 10), 0.5]
    own = (1 + margin) / 2
    is_cat = np.array(labels) == "cat"
    probs = np.column_stack([np.where(is_cat, own, 1 - own), np.where(is_cat, 1 - own, own)])
    ids = [f"s{i:02d}" for i in range(21)]
    samples = pd.DataFrame(dict.fromkeys(SAMPLES, pd.Series([None] * 21, dtype=object))).assign(
        sample_id=ids, filepath=[f"/images/{one}.png" for one in ids], label=labels, margin=margin,
        split=["train"] * 20 + ["val"], difficulty=1 - own,
    )  # fmt: skip
    types = {18: "rare", 8: "ambiguous", 0: "low_quality", 19: "mislabelled"}
    tables = [
        pd.DataFrame(dict.fromkeys(FINDINGS, [""] * 21)).assign(
            kind=kind, sample_id=ids, score=0.5, rank=range(1, 22),
            flagged=[i in flagged for i in range(21)],
            reason=[f"{kind} here" if i in flagged else "" for i in range(21)],
            type=[types.get(i, "") if kind == "hard" else "" for i in range(21)],
        )
        for kind, flagged in (("label_error", {9}), ("hard", set(types)))
    ]  # fmt: skip
    made = Run.create(tmp_path / "run")
    made.write_table("samples", samples)
    made.write_table("findings", pd.concat(tables, ignore_index=True))
    made.write_array("probs", probs, ids)
    made.save(classes=NAMES, seed=0, status="complete")
    made.write_table("tiers", _usual_tiers(made))
    made.write_table("decisions", made.table("decisions"))
    return made


def _usual_tiers(run: Run) -> pd.DataFrame:
    """As the analysis writes them: by the same function that other tiers are made by."""
    from curate.pipeline.results import tiers_of

    samples = run.table("samples")[:20]
    labels = np.array([NAMES.index(name) for name in samples["label"]])
    return tiers_of(run, samples["sample_id"], labels, samples["margin"].to_numpy(dtype=float))


def decide(run: Run, *rows: tuple[str, str, str]) -> None:
    named = dict(zip(("sample_id", "action", "value"), zip(*rows, strict=True), strict=True))
    run.write_table("decisions", pd.DataFrame({**dict.fromkeys(DECISIONS, ""), **named}))


def test_other_tiers_are_made_of_what_was_found(run: Run) -> None:
    usual = edited(run).samples.set_index("sample_id")["tier"]
    assert usual["s00"] == "hard"
    assert usual[["s08", "s09", "s18", "s19"]].tolist() == ["hard", "review", "easy", "review"]
    five = edited(run, Tiering(5)).samples.set_index("sample_id")
    assert five["tier"][["s00", "s08", "s09", "s18", "s19"]].tolist() == [
        "tier5", "tier5", "review", "tier1", "review",
    ]  # fmt: skip
    # Nine dogs are left, of which one is rare: sqrt(8).
    assert five["weight"]["s18"] == pytest.approx(8**0.5)
    out = edited(run, Tiering(low_quality="out")).samples.set_index("sample_id")
    assert out["tier"]["s00"] == "review"
    assert out["dropped"]["s00"]


def test_people_go_before_tiers(run: Run) -> None:
    decide(run, ("s09", "ok", ""), ("s18", "hard", ""), ("s01", "exclude", ""))
    samples = edited(run, Tiering(4)).samples.set_index("sample_id")
    assert samples["tier"][["s09", "s18", "s01"]].tolist() == ["tier4", "tier4", ""]
    assert samples["weight"]["s18"] == 1
    assert len(trained(edited(run, Tiering(4)).samples, Tiering(4))) == 18


def test_a_class_without_images_is_refused_by_name(run: Run) -> None:
    errors = run.table("findings")
    errors["flagged"] |= (errors["kind"] == "label_error") & errors["sample_id"].between(
        "s10", "s19"
    )
    run.write_table("findings", errors)
    samples = edited(run, Tiering(2)).samples
    with pytest.raises(ExportError, match=r"for every class, found none for 'dog': all of them"):
        check_trainable(samples, Tiering(2))
    with pytest.raises(ExportError, match="found none for 'dog'"):
        curriculum_facts(run, make_plan(run, tiering=Tiering(2)))
    # Those that people put back are enough, and what people excluded is their word.
    decide(run, ("s12", "ok", ""))
    check_trainable(edited(run, Tiering(2)).samples, Tiering(2))
    decide(run, *((f"s{i}", "exclude", "") for i in range(10, 20)))
    check_trainable(edited(run, Tiering(2)).samples, Tiering(2))


def test_a_plan_comes_back_from_its_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    write_policy(POLICY, run.path / "policy" / "policy.json")
    for plan in (
        make_plan(run),
        make_plan(run, "sketch-winner", 20, Tiering(5, low_quality="out"), lr_factor=0.3),
        make_plan(run, pacing="root", balance="effective", with_policy=False),
        make_plan(run, policy="rand-m9-n3-mstd0.5"),
    ):
        write_plan(plan, file)
        check_plan_target(file)
        assert read_plan(file) == plan
    assert make_plan(run).policy == str(run.path / "policy" / "policy.json")
    assert [stage.policy_stage for stage in make_plan(run).schedule.stages] == [0, 0, 1]
    assert make_plan(run, "sketch-winner").policy == "sketch-winner"
    assert make_plan(run, with_policy=False).policy is None
    with pytest.raises(PolicyError):
        make_plan(run, policy=tmp_path / "nothing.json")


def test_a_policy_beside_the_plan_is_found(run: Run, tmp_path: Path) -> None:
    write_policy(POLICY, tmp_path / "mine.json")
    plan = make_plan(run, policy=tmp_path / "mine.json")
    write_plan(plan, tmp_path / "plan.json")
    found = json.loads((tmp_path / "plan.json").read_text())
    write_json(tmp_path / "plan.json", {**found, "policy": "mine.json"})
    assert read_plan(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format": "other"}, "found another program's file"),
        ({"schema_version": 2}, "Expected schema version 1 .* found 2"),
        ({"policy": 3}, "a file's name or null, found 3"),
        ({"tiering": {"count": 5}}, r"tiers tier1, .* found 'easy', 'medium', 'hard'"),
        ({"tiering": {"count": 1}}, "at least 2 tiers"),
        ({"rate": 1}, "found 'rate'"),
        ({"epochs": 99}, "follow each other from epoch 0 to 99"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    run: Run, tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    file = tmp_path / "plan.json"
    write_plan(make_plan(run), file)
    write_json(file, {**json.loads(file.read_text()), **changes})
    with pytest.raises(CurriculumError, match=match):
        read_plan(file)


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    with pytest.raises(CurriculumError, match=r"found nothing. Write one"):
        read_plan(tmp_path / "nothing.json")
    with pytest.raises(CurriculumError, match="found a folder"):
        read_plan(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CurriculumError, match="Expected JSON"):
        read_plan(tmp_path / "notes.txt")
    with pytest.raises(CurriculumError, match="It is not replaced"):
        check_plan_target(tmp_path / "notes.txt")
    with pytest.raises(CurriculumError, match="found the folder"):
        check_plan_target(tmp_path)


def test_the_control_of_a_plan_keeps_the_rest(run: Run) -> None:
    plan = make_plan(run, pacing="linear", tiering=Tiering(4), balance="inverse")
    control = control_plan(plan)
    assert control.schedule.preset == "random-pacing"
    assert (control.tiering, control.policy) == (plan.tiering, plan.policy)
    assert control_plan(plan, "none").schedule.preset == "none"
    with pytest.raises(CurriculumError, match=r"random-pacing, none for .* found anti"):
        control_plan(plan, "anti")
    with pytest.raises(CurriculumError, match="it is one itself"):
        control_plan(make_plan(run, "none"))


def test_the_facts_of_a_curriculum_by_hand(run: Run) -> None:
    facts = curriculum_facts(run, make_plan(run))
    # Of nine images of a class four are easy, three medium, two hard.
    assert facts["tiers"] == {"easy": 8, "medium": 6, "hard": 4, "review": 2}
    assert facts["classes"]["cat"] == {"easy": 4, "medium": 3, "hard": 2, "review": 1}
    assert facts["types"]["rare"] == {"easy": 1, "medium": 0, "hard": 0, "review": 0}
    assert facts["types"]["mislabelled"]["review"] == facts["types"]["label error"]["review"] == 1
    assert facts["oversampled"] == {"images": 1, "most": 2.83}
    assert [stage["images"] for stage in facts["stages"]] == [8, 14, 18]
    assert [stage["drawn"] for stage in facts["stages"]] == [10, 16, 20]
    assert [stage["by_tier"]["hard"] for stage in facts["stages"]] == [0, 0, 4]
    assert [control["preset"] for control in facts["controls"]] == ["random-pacing", "none"]
    assert "25,000" in facts["evidence"]
    json.dumps(facts, allow_nan=False)


def test_a_class_that_joins_late_is_named(run: Run) -> None:
    table = run.table("tiers")
    table.loc[table["sample_id"].between("s10", "s19") & (table["tier"] == "easy"), "tier"] = (
        "medium"
    )
    run.write_table("tiers", table)
    facts = curriculum_facts(run, make_plan(run))
    assert facts["late_classes"] == {"dog": 5}
    assert "dog has no image in the first epochs: it joins at epoch 5" in curriculum_text(facts)


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("epochs", [4, 60, 300])
def test_every_preset_is_drawn_in_a_hundred_columns(run: Run, preset: str, epochs: int) -> None:
    for pacing in ("step", "linear"):
        plan = make_plan(run, preset, epochs, Tiering(4), pacing=pacing, balance="inverse")
        text = curriculum_text(curriculum_facts(run, plan))
        assert max(map(len, text.splitlines())) <= 100
        for name in (*plan.tiering.names, "lr", "When Do Curricula Work", preset):
            assert name in text


def test_the_drawing_by_hand(run: Run) -> None:
    text = curriculum_text(curriculum_facts(run, make_plan(run, epochs=6)))
    lines = {line.split()[0]: line for line in text.splitlines() if "#" in line}
    assert lines["easy"] == "easy    " + "#" * 60 + "  8"
    assert lines["medium"] == "medium  " + " " * 20 + "#" * 40 + "  6"
    assert lines["hard"] == "hard    " + " " * 40 + "#" * 20 + "  4"
    assert "epoch   0                   2                   4" in text


def test_what_each_epoch_sees() -> None:
    table = {
        "tier": np.array(["easy"] * 3 + ["hard"]),
        "difficulty": np.array([0.1, 0.2, 0.3, 0.9]),
        "target": np.zeros(4, dtype=int),
    }
    assert seen(table, make_schedule("easy-to-hard", 4, ("easy", "hard")), 0) == {
        "easy": [3, 3, 3, 3], "hard": [0, 0, 1, 1], BY_LOSS: [0] * 4,
    }  # fmt: skip
    paced = seen(table, make_schedule("self-paced", 3, ("easy", "hard")), 0)
    assert paced == {"easy": [3, 0, 0], "hard": [1, 0, 0], BY_LOSS: [0, 2, 4]}


def test_the_usual_stages() -> None:
    assert [stage["tiers"] for stage in staged_schedule()] == [
        ["easy"], ["easy", "medium"], ["easy", "medium", "hard"],
    ]  # fmt: skip
    assert [stage["end_epoch"] for stage in staged_schedule(10)] == [3, 6, 10]


def test_a_schedule_may_not_name_more_of_a_policy_than_it_has(run: Run) -> None:
    plan = Plan(make_schedule("easy-to-hard", 6, policy_stages=3))
    with pytest.raises(CurriculumError, match=r"the stage 2 .* found no policy"):
        curriculum_facts(run, plan)
