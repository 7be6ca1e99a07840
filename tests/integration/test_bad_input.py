"""What cannot be used is told in one message, with exit code 2, and nothing is written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch

from curate.cli import cli
from curate.cli import run as run_cli
from curate.store.run import Run
from shapes import write_shapes

TINY = {"train": 3, "val": 2, "test": 2}


def empty_split(data: Path) -> None:
    shutil.rmtree(data / "test")
    (data / "test" / "disc").mkdir(parents=True)


def one_class(data: Path) -> None:
    for split in TINY:
        for shape in ("disc", "square"):
            shutil.rmtree(data / split / shape)


def flat(data: Path) -> None:
    for split in TINY:
        for i, path in enumerate(sorted((data / split).rglob("*.png"))):
            path.rename(data / split / f"{i}.png")
        for folder in [path for path in (data / split).iterdir() if path.is_dir()]:
            folder.rmdir()


def no_images(data: Path) -> None:
    for path in data.rglob("*.png"):
        path.unlink()


def too_many_damaged(data: Path) -> None:
    for path in sorted(data.rglob("*.png"))[:3]:
        path.write_bytes(path.read_bytes()[:300])


BAD_DATA: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (shutil.rmtree, "found nothing|found none|does not exist"),
    "no images": (no_images, "no image|found none"),
    "no class folders": (flat, "class folder"),
    "empty split": (empty_split, "test"),
    "one class": (one_class, "at least (2|two) classes|found one|only"),
    "unknown class": (lambda data: shutil.copytree(data / "val/disc", data / "val/moon"), "'moon'"),
    "two vals": (lambda data: shutil.copytree(data / "val", data / "valid"), "valid"),
    "damaged": (too_many_damaged, "3"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(case: str, database: str, tmp_path: Path, capsys) -> None:
    data = write_shapes(tmp_path / "data", TINY)
    spoil, message = BAD_DATA[case]
    spoil(data)
    before = sorted(tmp_path.rglob("*"))
    target = tmp_path / "runs" / "x"
    code = run_cli(cli, ["analyze", str(data), "--run", str(target), "--model", "hog", "--no-app"])
    said = capsys.readouterr().err
    assert code == 2, said
    assert "Traceback" not in said
    assert "xpected" in said
    assert str(data) in said
    assert re.search(message, said), said
    left = [path for path in tmp_path.rglob("*") if path not in before and path.is_file()]
    assert left == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "data", TINY)


def analyze(data: Path, *options: object) -> int:
    target = data.parent / "run"
    return run_cli(
        cli, ["analyze", str(data), "--run", str(target), "--no-app", *map(str, options)]
    )


def test_weights_of_another_architecture(database: str, data: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "w.pth"
    torch.save(timm.create_model("test_vit", num_classes=3).state_dict(), path)
    assert analyze(data, "--model", "test_efficientnet", "--weights", path) == 2
    assert "found another architecture's" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_with_other_classes(database: str, data: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "w.pth"
    state = timm.create_model("test_efficientnet", num_classes=3).state_dict()
    torch.save({"state_dict": state, "class_names": ["disc", "square", "moon"]}, path)
    assert analyze(data, "--model", "test_efficientnet", "--checkpoint", path) == 2
    said = capsys.readouterr().err
    assert "'stripes'" in said
    assert "'moon'" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "1"], "at least 2 folds, found 1"),
        (["--folds", "many"], "not a valid integer"),
        (["--batch-size", "0"], "expected auto or a number of at least 1"),
        (["--model", "hog", "--weights", "x.pth"], "Expected"),
        (["--model", "no_such_model"], "found 'no_such_model'"),
        (["--model", "test_vit", "--device", "cuda:9", "--weights", "x.pth"], "Expected"),
    ],
)
def test_bad_options(database: str, data: Path, capsys, options: list[str], message: str) -> None:
    assert analyze(data, *options) == 2
    assert message in capsys.readouterr().err
    assert not (data.parent / "run").exists()


@pytest.mark.parametrize("place", ["run", "train/run", "..", "."])
def test_a_run_among_the_images(database: str, data: Path, capsys, place: str) -> None:
    before = sorted(data.parent.rglob("*"))
    options = ["--run", str(data / place), "--model", "hog", "--no-app"]
    assert run_cli(cli, ["analyze", str(data), *options]) == 2
    assert "Choose another --run" in capsys.readouterr().err
    assert sorted(data.parent.rglob("*")) == before


@pytest.mark.parametrize("command", ["export", "app"])
def test_a_run_that_is_none(database: str, data: Path, tmp_path: Path, capsys, command) -> None:
    options = ["--to", str(tmp_path / "out")] if command == "export" else []
    assert run_cli(cli, [command, str(data), *options]) == 2
    assert "Expected a run directory" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["export", "app"])
def test_an_interrupted_run_is_of_no_use(database: str, tmp_path: Path, capsys, command) -> None:
    Run.create(tmp_path / "run")
    options = ["--to", str(tmp_path / "out")] if command == "export" else []
    assert run_cli(cli, [command, str(tmp_path / "run"), *options]) == 2
    assert "goes on where it was" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--address", "0.0.0.0"], "The App has no password"),
        (
            ["--address", "192.0.2.1", "--i-know-the-app-has-no-password"],
            "of 192.0.2.1, found it closed to us",
        ),
    ],
)
def test_an_address_that_is_not_to_be_had(
    database: str, data: Path, tmp_path: Path, options: list[str], said: str, capsys
) -> None:
    target = tmp_path / "run"
    arguments = ["analyze", str(data), "--model", "hog", "--run", str(target), *options]
    assert run_cli(cli, arguments) == 2
    assert said in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.timeout(60)
def test_a_run_that_another_process_works_on(
    database: str, data: Path, tmp_path: Path, capsys
) -> None:
    run = Run.create(tmp_path / "run")
    hold = "import sys, time; from pathlib import Path; from curate.store.locking import working\n"
    hold += "with working(Path(sys.argv[1]), 'curate train'): print(1, flush=True); time.sleep(60)"
    asked = [sys.executable, "-c", hold, str(run.path)]
    with subprocess.Popen(asked, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        before = {path: path.read_bytes() for path in run.path.iterdir()}
        code = run_cli(cli, ["analyze", str(data), "--run", str(run.path), "--model", "hog"])
        assert {path: path.read_bytes() for path in run.path.iterdir()} == before
        holder.kill()
    assert code == 2
    assert f"found curate train (process {holder.pid}" in capsys.readouterr().err


def test_a_database_that_does_not_answer(data: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://user:secret@127.0.0.1:9/")
    assert analyze(data, "--model", "hog") == 2
    said = capsys.readouterr().err
    assert "127.0.0.1:9" in said
    assert "secret" not in said
    assert not (data.parent / "run").exists()
