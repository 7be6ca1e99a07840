from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from curate.cli.runs import runs
from curate.errors import RunError
from curate.pipeline.runs import list_runs, remove, superfluous
from curate.pipeline.runs_text import list_text
from curate.store.files import write_json
from curate.store.journal import Change, Journal
from curate.store.locking import working
from curate.store.run import Run

DAY = 86400


def made(path: Path, days_old: float = 0, status: str = "complete", **info: Any) -> Run:
    run = Run.create(path)
    write_json(
        path / "metrics.json",
        {"splits": {"val": {"n": 10, "accuracy": 0.9, "accuracy_interval": [0.8, 0.95],
                            "macro_f1": 0.9, "macro_f1_interval": [0.8, 0.95]}}},
    )  # fmt: skip
    run.save(status=status, data="/data", counts={"samples": 10}, **info)
    then = time.time() - days_old * DAY
    os.utime(path / "run.json", (then, then))
    return run


def decide(run: Run) -> None:
    Journal(run).write([Change("s0", "hard", "", "yes")], "test")


def paths(folder: Path, **options: Any) -> list[str]:
    return [one.path.name for one in superfluous(folder, **{"older_than": 7, **options})]


def test_runs_are_listed_the_latest_first_with_what_came_out(tmp_path: Path) -> None:
    made(tmp_path / "a", 3, inference={"model": "resnet18"})
    made(tmp_path / "deep" / "b", 1)
    (tmp_path / "c").mkdir()
    newest, oldest = list_runs(tmp_path)
    assert newest.path == tmp_path / "deep" / "b"
    assert (oldest.model, oldest.images, oldest.data) == ("resnet18", 10, "/data")
    assert (oldest.val_accuracy, oldest.val_interval) == (0.9, (0.8, 0.95))
    text = list_text([newest, oldest], tmp_path)
    assert "0.900 [0.800, 0.950]" in text


def test_a_run_that_cannot_be_read_is_listed_with_the_reason(tmp_path: Path) -> None:
    made(tmp_path / "a")
    (tmp_path / "a" / "run.json").write_text("{")
    (broken,) = list_runs(tmp_path)
    assert broken.status.startswith("unreadable: Expected JSON")
    assert paths(tmp_path, older_than=0) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"Expected a folder that holds runs, found none"):
        list_runs(tmp_path / "none")


def test_an_interrupted_run_goes_when_it_is_old_and_nobody_works_on_it(tmp_path: Path) -> None:
    made(tmp_path / "young", 1, "running")
    made(tmp_path / "old", 9, "running")
    made(tmp_path / "worked", 9, "running")
    with working(tmp_path / "worked", "curate analyze"):
        assert paths(tmp_path) == ["old"]
        assert {run.path.name: run.status for run in list_runs(tmp_path)} == {
            "young": "interrupted", "old": "interrupted", "worked": "running",
        }  # fmt: skip


def test_a_run_with_decisions_stays_unless_that_is_asked_for(tmp_path: Path) -> None:
    decide(made(tmp_path / "old", 9, "running"))
    decide(made(tmp_path / "older", 10))
    made(tmp_path / "new", 1)
    assert paths(tmp_path, keep=1) == []
    assert sorted(paths(tmp_path, keep=1, with_decisions=True)) == ["old", "older"]


def test_of_finished_runs_on_the_same_data_the_latest_are_kept(tmp_path: Path) -> None:
    for days in (1, 2, 3):
        made(tmp_path / f"d{days}", days)
    made(tmp_path / "other", 5).save(data="/other")
    assert paths(tmp_path) == []
    assert paths(tmp_path, keep=2) == ["d3"]


def test_leftovers_go_and_the_rest_of_the_run_stays(tmp_path: Path) -> None:
    run = made(tmp_path / "a")
    (run.path / "cache" / "shards").mkdir(parents=True)
    (run.path / "cache" / "shards" / "x.parquet").write_bytes(b"12345")
    (run.path / ".probs.npy.77.tmp").write_bytes(b"123")
    before = sorted(run.path.rglob("*"))
    (left,) = superfluous(tmp_path, older_than=7)
    assert (left.path.name, left.size) == (".probs.npy.77.tmp", 3)
    both = superfluous(tmp_path, older_than=7, shards=True)
    assert [one.path.name for one in both] == [".probs.npy.77.tmp", "shards"]
    remove(both)
    gone = {run.path / ".probs.npy.77.tmp", run.path / "cache" / "shards",
            run.path / "cache" / "shards" / "x.parquet"}  # fmt: skip
    assert set(before) - set(run.path.rglob("*")) == gone


def test_prune_removes_nothing_until_yes_and_names_the_dataset_that_stays(tmp_path: Path) -> None:
    made(tmp_path / "old", 2, dataset="curate-old")
    made(tmp_path / "new", 1)
    asked = ["prune", str(tmp_path), "--keep", "1"]
    said = CliRunner().invoke(runs, asked)
    assert said.exit_code == 0, said.output
    assert "would take away" in said.output
    assert (tmp_path / "old").exists()
    said = CliRunner().invoke(runs, [*asked, "--yes"])
    assert "curate-old" in said.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def test_show_says_how_a_run_was_made(tmp_path: Path) -> None:
    made(tmp_path / "a", settings={"seed": 3, "device": "auto"}, versions={"torch": "2"},
         stages={"embed": {"key": "k", "seconds": 2.5, "files": {}}})  # fmt: skip
    said = CliRunner().invoke(runs, ["show", str(tmp_path / "a")])
    assert said.exit_code == 0, said.output
    for words in ("settings: seed 3, device auto", "torch 2", "embed 2.5", "val: accuracy 0.900"):
        assert words in said.output
