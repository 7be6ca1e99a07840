"""A training that two processes share, for real: gloo on 127.0.0.1."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import two_processes

from curate.errors import TrainingError
from curate.inference.weights import read_checkpoint
from curate.progress import silent
from curate.recipe.policy import Policy, Step
from curate.recipe.stages import Schedule, Stage
from curate.training.device import train_device
from curate.training.fitting import Fitting
from curate.training.options import Options
from made_curriculum import CLASSES, TIERS, make_export
from processes import free_port

TWO = Schedule("custom", 2, (Stage(0, 1, ("easy", "medium")), Stage(1, 2, TIERS, lr_factor=0.5)))
PACED = Schedule(
    "custom",
    3,
    (
        Stage(0, 1, TIERS),
        Stage(1, 3, TIERS, share=0.6, order="loss", balance="inverse", policy_stage=0),
    ),
)
MIXED = Policy(((Step("horizontal_flip", 0.5), Step("mixup", 0.5, (1.0, 1.0))),), CLASSES)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exports")
    make_export(root / "plain", TWO)
    make_export(root / "staged", PACED, n=27, policy=MIXED)
    make_export(root / "broken", PACED, n=27, policy=MIXED)
    (root / "broken_images" / "train" / "cat" / "003.png").write_bytes(b"nothing")
    return root


@pytest.fixture(scope="module")
def both(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The folder that both wrote to, and what each of them told."""
    folder = tmp_path_factory.mktemp("shared")
    shared = {
        **os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "CUDA_VISIBLE_DEVICES": "",
        "MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    command = [sys.executable, two_processes.__file__, str(exports), str(folder)]
    started = [
        subprocess.Popen(command, env={**shared, "RANK": str(one), "LOCAL_RANK": str(one)})
        for one in (0, 1)
    ]
    assert [process.wait() for process in started] == [0, 0]
    return folder, [json.loads((folder / f"told_{one}.json").read_text()) for one in (0, 1)]


def test_they_do_what_one_does_with_batches_twice_as_large(
    exports: Path, both: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    options = Options(**two_processes.ALIKE, batch_size=8)
    done = Fitting(exports / "plain", tmp_path, options, silent).run()
    one, two = (
        read_checkpoint(to / "last.safetensors").state for to in (tmp_path, both[0] / "alike")
    )
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-5, rtol=1e-3)
    for mine, theirs in zip(done.rows, both[1][0]["alike"], strict=True):
        for name in ("images", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"):
            assert theirs[name] == pytest.approx(mine[name], rel=1e-4), name
    first, second = (
        pd.read_parquet(to / "dynamics.parquet") for to in (tmp_path, both[0] / "alike")
    )
    pd.testing.assert_frame_equal(first, second, rtol=1e-3, atol=1e-4)


def test_both_come_to_the_same_numbers(both: tuple[Path, list[Any]]) -> None:
    one, other = both[1]
    for name in ("alike", "whole", "resumed"):
        assert one[name] == other[name]
    # 27 images, which two cannot share: the first is drawn once more.
    assert one["whole"][0]["images"] == 28


def test_each_image_is_recorded_once_an_epoch(both: tuple[Path, list[Any]]) -> None:
    recorded = pd.read_parquet(both[0] / "whole" / "dynamics.parquet")
    assert not recorded.duplicated(["filepath", "epoch"]).any()
    assert len(recorded[recorded["epoch"] == 0]) == 27


def test_after_a_kill_they_come_to_the_same(both: tuple[Path, list[Any]]) -> None:
    folder, (told, _) = both
    assert told["resumed"] == told["whole"]
    for name in ("best.safetensors", "last.safetensors", "dynamics.parquet"):
        assert (folder / "whole" / name).read_bytes() == (folder / "again" / name).read_bytes()


def test_only_the_first_writes(both: tuple[Path, list[Any]]) -> None:
    assert len(list((both[0] / "whole" / "tensorboard").iterdir())) == 1


def test_a_loss_that_is_no_number_is_told_by_one(both: tuple[Path, list[Any]]) -> None:
    kinds = sorted(told["nan"][0] for told in both[1])
    assert kinds == ["SystemExit", "TrainingError"]
    said = next(told["nan"][1] for told in both[1] if told["nan"][0] == "TrainingError")
    assert "in batch 3 of epoch 1" in said  # the first step takes two together


def test_an_error_of_one_ends_both(both: tuple[Path, list[Any]]) -> None:
    kinds = sorted(told["broken"][0] for told in both[1])
    assert kinds == ["DataError", "TrainingError"]
    said = {kind: text for told in both[1] for kind, text in [told["broken"]]}
    assert "003.png" in said["DataError"]
    assert "another one ended before this one" in said["TrainingError"]


def test_another_number_of_processes_cannot_go_on(
    exports: Path, both: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    shutil.copytree(both[0] / "whole", tmp_path / "t")
    fitting = Fitting(exports / "staged", tmp_path / "t", Options(**two_processes.STAGED), silent)
    with pytest.raises(TrainingError, match=r"2 processes, as the training.*--nproc-per-node 2"):
        fitting.run()


def test_several_processes_on_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert train_device("cpu") == torch.device("cpu")
