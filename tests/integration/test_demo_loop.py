"""The whole loop at once, as ``curate demo --loop`` does it on the digits."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from curate.cli import COMMANDS, cli
from curate.errors import DataError, RunError
from curate.pipeline.loop import Options, close_the_loop
from curate.pipeline.loop_steps import steps_of
from curate.progress import Bar, silent
from curate.store.run import Run
from shapes import write_shapes

SMALL = Options(epochs=3, batch_size=16, sample=4, only=("vertical_flip",), device="cpu", workers=0)
NAMES = ["baseline", "found", "policy", "export", "retrained", "comparison"]


class Interrupted(Exception):
    """Somebody presses Ctrl-C."""


def until_the_second_training() -> Any:
    """A progress that ends all in the second epoch of the second training."""
    epochs = []

    @contextmanager
    def opened(name: str, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
        if name.startswith("epoch"):
            epochs.append(name)
            if len(epochs) == SMALL.epochs + 2:
                raise Interrupted
        with silent(name, total, unit) as bar:
            yield bar

    return opened


def lines_of(data: Path, home: Path, progress: Any = silent) -> tuple[Any, list[str]]:
    lines: list[str] = []
    done = close_the_loop(data, home, SMALL, say=lambda line: lines.append(str(line)),
                          progress=progress)  # fmt: skip
    return done, lines


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shapes, and a loop that was broken off in its second training."""
    root = tmp_path_factory.mktemp("loop")
    write_shapes(root / "data", {"train": 10, "val": 5, "test": 5})
    with pytest.raises(Interrupted):
        lines_of(root / "data", root / "loop", until_the_second_training())
    return root


def test_it_goes_on_where_it_was_and_says_how_it_ended(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    done, lines = lines_of(home / "data", home / "loop")
    assert done.taken == ("baseline", "found", "policy", "export")
    assert list(done.seconds) == NAMES
    # The second training went on: its first epoch is that of before.
    assert json.loads((home / "loop/retrained/result.json").read_text())["epochs_trained"] == 3
    assert Run(home / "loop/found").info["dynamics"]["covered"] == 30
    said = "\n".join(lines)
    assert "(taken as it is, it took " in said
    report = json.loads((home / "loop/comparison/comparison.json").read_text())
    assert report["split"] == "test"
    assert report["comparisons"][0]["verdict"]["text"].split()[0] in said
    assert "One pair of trainings proves little" in said
    check_commands([line[4:] for line in lines if line.startswith("  $ ")])
    again, lines = lines_of(home / "data", home / "loop")
    assert list(again.taken) == NAMES
    assert again.seconds == done.seconds


def check_commands(typed: list[str]) -> None:
    """Every command that was told is one, and asks for what was done."""
    asked = {}
    for line in typed:
        program, name, *args = shlex.split(line)
        assert program == "curate"
        assert name in COMMANDS
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        asked.setdefault(name, []).append(command.make_context(name, args).params)
    assert [len(asked[name]) for name in ("train", "analyze", "compare", "verify")] == [2, 1, 1, 1]
    told = {name: value for name, value in SMALL.training().items() if name != "epochs"}
    for params in (*asked["train"], *asked["verify"]):
        assert {name: params[name] for name in told} == told
        assert params["epochs"] == 3
    assert [str(params["to"]) for params in asked["train"]] == ["loop/baseline", "loop/retrained"]
    (looked,) = asked["analyze"]
    assert (looked["data"], looked["model"]) == ("data", "hog")
    assert str(looked["dynamics"]) == "loop/baseline/dynamics.parquet"
    (exported,) = asked["export"]
    assert (str(exported["run_dir"]), exported["epochs"]) == ("loop/found", 3)
    assert str(exported["policy"]) == "loop/baseline/run/policy/policy.json"
    assert asked["policy"][0]["only"] == ("vertical_flip",)
    assert str(asked["verify"][0]["source"]) == "loop/export"


def test_what_follows_a_change_is_done_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    steps = steps_of(home / "data", home / "loop", SMALL)
    before = {step.name: step.reads_now() for step in steps}
    found = Run(home / "loop/found")
    decisions = found.table("decisions")
    row = dict.fromkeys(decisions.columns, "")
    row |= {"sample_id": found.table("samples")["sample_id"][0], "action": "exclude"}
    decisions.loc[len(decisions)] = row
    found.write_table("decisions", decisions)
    changed = {step.name for step in steps if step.reads_now() != before[step.name]}
    assert changed == {"export", "retrained"}
    found.write_table("decisions", decisions.iloc[:-1])


def test_what_people_decided_is_not_replaced(home: Path) -> None:
    journal = home / "loop/baseline/run/decisions.jsonl"
    journal.write_text("{}\n")
    try:
        with pytest.raises(RunError, match="found decisions of people in it"):
            close_the_loop(home / "data", home / "loop", replace(SMALL, lr=0.001))
    finally:
        journal.unlink()
    assert (home / "loop/baseline/result.json").is_file()


def test_another_folder_or_no_val_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(RunError, match="found other files"):
        close_the_loop(home / "data", tmp_path, SMALL)
    write_shapes(tmp_path / "data", {"train": 3})
    with pytest.raises(DataError, match="found no val images"):
        close_the_loop(tmp_path / "data", tmp_path / "loop", SMALL)
