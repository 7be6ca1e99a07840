from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.errors import ComparisonError, RunError
from curate.pipeline.exporting.content import run_digest
from curate.pipeline.verifying.result import parts_json, parts_of
from curate.pipeline.verifying.slices import MEANT_FOR, SLICE, run_of, slices_of
from curate.recipe.curriculum import Curriculum, read_curriculum
from curate.recipe.policy import Policy, Step
from curate.recipe.schedule import make_schedule
from curate.store.run import Run
from made_curriculum import TIERS, make_export
from made_export import run_of as made_run

FLIP = Policy(((Step("vertical_flip", 0.5),),), ("a/b", "cat", "owl"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Of 60 images; of the 12 of val the first 6 are found upside-down, 3 more dark."""
    run = made_run(tmp_path / "run", tmp_path / "images", 60)
    samples = run.table("samples")
    samples["camera"] = pd.array([f"cam{i // 5 % 2}" for i in range(60)], "string")
    val = samples.loc[samples["split"] == "val", "sample_id"].tolist()
    tables = []
    for kind, rows, suggestion, what in (
        ("orientation", val[:6], "rot180", ""), ("image_quality", val[6:9], "", "dark"),
    ):  # fmt: skip
        flagged = samples["sample_id"].isin(rows)
        tables.append(
            pd.DataFrame(
                {
                    "kind": kind, "sample_id": samples["sample_id"], "score": 0.5,
                    "rank": range(1, 61), "flagged": flagged,
                    "suggestion": np.where(flagged, suggestion, ""), "partner_id": "",
                    "type": np.where(flagged, what, ""), "reason": "as planted",
                }
            )
        )  # fmt: skip
    run.write_table("findings", pd.concat(tables, ignore_index=True))
    run.write_table("samples", samples)
    return run


def exported(run: Run, policy: Policy | None = FLIP) -> tuple[Curriculum, pd.DataFrame]:
    """The part of an export that slices are taken from."""
    plain = make_schedule("none", 3, TIERS)
    about = {"run_digest": run_digest(run)}
    val = run.table("samples").query("split == 'val'").reset_index(drop=True)
    rows = val[["sample_id", "label"]].assign(turned=["yes", "no"] * 6)
    return Curriculum(run.path, rows, FLIP.classes, plain, policy, 0, about), rows


def test_what_the_policy_was_meant_for(run: Run) -> None:
    found, rows = exported(run)
    (part,) = slices_of(found, rows, (), run).parts
    assert (part.source, part.name, part.rows.tolist()) == (
        MEANT_FOR, "upside-down images", [0, 1, 2, 3, 4, 5],
    )  # fmt: skip
    assert not part.by_mistakes
    # Asked for by name, it is the same images and not judged twice.
    assert len(slices_of(found, rows, ("orientation",), run).parts) == 1
    both = slices_of(found, rows, ("orientation", "turned=yes"), run).parts
    assert [parts_of(parts_json(both))[i].rows.tolist() for i in (0, 1)] == [
        part.rows.tolist() for part in both
    ]


def test_too_few_to_judge_apart_is_told(run: Run) -> None:
    light = Policy(((Step("brightness_contrast", 0.5, (0, 20)),),), FLIP.classes)
    found, rows = exported(run, light)
    slices = slices_of(found, rows, (), run)
    assert slices.parts == ()
    assert slices.notes[0] == (
        "dark images, which the policy answers: 3 found, too few of 5 to judge apart"
    )
    assert "dark: 3 images" in slices_of(found, rows, ("image_quality",), run).notes[-1]


def test_columns_of_the_lists_and_of_the_run(run: Run) -> None:
    found, rows = exported(run, None)
    parts = slices_of(found, rows, ("turned=yes", "label=cat", "camera=cam1"), run).parts
    assert [(part.source, part.name) for part in parts] == [
        (SLICE, "turned yes"), (SLICE, "camera cam1"),
    ]  # fmt: skip
    assert parts[0].rows.tolist() == [0, 2, 4, 6, 8, 10]
    for asked, said in (
        ("turned=maybe", "it is 'no', 'yes' there"),
        ("lens=x", "none called 'lens'"),
        ("hard", "found 'hard'; there are"),
    ):
        with pytest.raises(ComparisonError, match=said):
            slices_of(found, rows, (asked,), run)
        assert said in slices_of(found, rows, (asked,), run, all_there=False).notes[0]


def test_without_its_run_an_export_has_columns_only(run: Run) -> None:
    found, rows = exported(run)
    slices = slices_of(found, rows, ("turned=no",), None)
    assert [part.name for part in slices.parts] == ["turned no"]
    assert slices.notes[0].startswith("which images the policy was meant for (upside-down) the run")
    with pytest.raises(ComparisonError, match="Expected a run beside the export for --slice hard"):
        slices_of(found, rows, ("hard",), None)


def test_which_run_an_export_is_of(run: Run, tmp_path: Path) -> None:
    found, _ = exported(run)
    assert run_of(found, run.path, None) is not None
    assert run_of(found, tmp_path / "export", None) is None
    assert run_of(found, tmp_path / "export", str(run.path)) is not None
    known = Policy(FLIP.stages, made_by={"run": str(run.path)})
    assert run_of(exported(run, known)[0], tmp_path / "export", None) is not None
    other = made_run(tmp_path / "other", tmp_path / "others")
    other.save(seed=1)
    with pytest.raises(ComparisonError, match="found another at"):
        run_of(found, tmp_path / "export", str(other.path))
    with pytest.raises(RunError):
        run_of(found, tmp_path / "export", str(tmp_path))
    assert run_of(read_curriculum(make_export(tmp_path / "e")), tmp_path, None) is None
