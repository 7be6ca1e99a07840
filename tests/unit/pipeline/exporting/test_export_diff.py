"""What changed between two exports, and why: each planted change is found, and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curate.cli.diff import lines
from curate.errors import ExportError
from curate.pipeline.export import export
from curate.pipeline.exporting.diff import diff_exports
from curate.store.journal import Change, Journal
from curate.store.run import Run
from made_export import run_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = run_of(tmp_path / "run", tmp_path / "images")
    export(run, tmp_path / "a")
    return run


def decide(run: Run, *changes: tuple[int, str, str | None]) -> None:
    Journal(run).write(
        [Change(f"{i:016x}", what, value) for i, what, value in changes], "app:plugin"
    )


def test_nothing_changed(run, tmp_path):
    export(run, tmp_path / "b")
    found = diff_exports(tmp_path / "a", tmp_path / "b")
    assert found["same"]
    assert lines(found) == ["the two exports are the same"]
    assert not found["images"]
    assert not found["settings"]


def test_what_people_decided_is_told_with_where_and_when(run, tmp_path):
    decide(run, (0, "exclude", ""), (1, "relabel", "owl"), (2, "hard", ""), (5, "turn", "rot180"),
           (6, "ok", ""))  # fmt: skip
    export(run, tmp_path / "b")
    images = diff_exports(tmp_path / "a", tmp_path / "b")["images"]
    assert {name: len(rows) for name, rows in images.items()} == {
        "excluded": 1, "put back": 1, "relabelled": 1, "retiered": 2, "turned": 1,
    }  # fmt: skip
    assert all(row["by"] == "person" for rows in images.values() for row in rows)
    relabelled = images["relabelled"][0]
    assert (relabelled["from"], relabelled["to"]) == ("cat", "owl")
    assert relabelled["why"].startswith("relabel owl (app:plugin, 20")
    assert images["put back"][0]["why"].startswith("ok (app:plugin")


def test_a_decision_taken_back_is_told_as_such(run, tmp_path):
    decide(run, (0, "exclude", ""))
    export(run, tmp_path / "b")
    decide(run, (0, "exclude", None))
    export(run, tmp_path / "c")
    found = diff_exports(tmp_path / "b", tmp_path / "c")
    assert found["images"]["put back"][0]["why"].startswith("taken back: exclude (app:plugin")
    assert [len(found["decisions"][key]) for key in ("added", "taken_back")] == [0, 1]


def test_what_the_tool_says_otherwise_comes_with_its_reason(run, tmp_path):
    tiers = run.table("tiers")
    row = tiers.index[tiers["sample_id"] == f"{1:016x}"][0]
    tiers.loc[row, ["tier", "reason"]] = ["hard", "held-out margin 0.02"]
    run.write_table("tiers", tiers)
    run.info["stages"]["tiers"]["key"] = "another"
    run.save()
    export(run, tmp_path / "b")
    found = diff_exports(tmp_path / "a", tmp_path / "b")
    assert found["images"] == {
        "retiered": [
            {"image": run.table("samples")["filepath"][1], "from": "easy", "to": "hard",
             "by": "tool", "why": "held-out margin 0.02"}
        ]
    }  # fmt: skip
    assert "run_digest" in found["settings"]
    assert found["counts"] == {"train_easy": [4, 3], "train_hard": [6, 7]}


def test_images_that_came_went_or_moved(run, tmp_path):
    other = run_of(tmp_path / "other", tmp_path / "images", n=25)
    samples = other.table("samples")
    # Image 2 lies in another folder now, image 24 is new, image 7 is gone, image 8 has a new label.
    moved = Path(samples["filepath"][2]).with_name("moved.png")
    shutil.copy(samples["filepath"][2], moved)
    samples.loc[2, ["sample_id", "filepath"]] = ["f" * 16, str(moved)]
    samples.loc[8, "label"] = "cat"
    keep = samples.index != 7
    probs = other.array("probs", samples["sample_id"].where(samples.index != 2, f"{2:016x}"))[keep]
    tiers = other.table("tiers").replace(f"{2:016x}", "f" * 16)
    samples = samples[keep].reset_index(drop=True)
    other.write_table("samples", samples)
    other.write_table("tiers", tiers[tiers["sample_id"].isin(samples["sample_id"])])
    other.write_array("probs", probs, samples["sample_id"])
    export(other, tmp_path / "b")
    images = diff_exports(tmp_path / "a", tmp_path / "b")["images"]
    assert [len(images[name]) for name in ("added", "removed", "file moved")] == [1, 1, 1]
    assert images["file moved"][0]["to"] == str(moved)
    # Of 25 images, number 19 is not among the unlabelled.
    assert sorted((str(row["from"]), row["to"], row["by"]) for row in images["relabelled"]) == [
        ("None", "cat", "data"), ("owl", "cat", "data"),
    ]  # fmt: skip


def test_settings_schedule_and_policy(run, tmp_path):
    export(run, tmp_path / "b", preset="sketch-winner", epochs=20, formats=["jsonl"])
    found = diff_exports(tmp_path / "a", tmp_path / "b")
    assert found["policy"] == "added"
    assert found["schedule"]["preset"] == ["easy-to-hard", "sketch-winner"]
    assert found["schedule"]["epochs"] == [15, 20]
    assert found["settings"] == {"options.formats": [["csv"], ["csv", "jsonl"]]}
    text = lines(found)
    assert "images: the same, with the same labels, tiers and turns" in text
    assert "schedule: epochs 15 -> 20" in text
    assert json.loads(json.dumps(found)) == found


def test_something_else_than_an_export_is_refused(run, tmp_path):
    with pytest.raises(ExportError, match="no such folder"):
        diff_exports(tmp_path / "a", tmp_path / "nowhere")
    with pytest.raises(ExportError, match="Expected an export of curate"):
        diff_exports(run.path, tmp_path / "a")
