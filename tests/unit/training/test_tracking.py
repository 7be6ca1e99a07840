"""W&B and MLflow, for real: offline, and in a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from curate.errors import TrainingError
from curate.training.options import Options
from curate.training.tracking import check_trackers, open_trackers

ROW = {
    "epoch": 0, "stage": 0, "images": 100, "lr": 0.1, "lr_scale": 0.5, "train_loss": 1.5,
    "train_accuracy": 0.5, "val_loss": 1.2, "val_accuracy": 0.6, "seconds": 2.0, "waited": 0.5,
}  # fmt: skip
TOLD = {
    "loss/train": 1.5, "accuracy/train": 0.5, "loss/val": 1.2, "accuracy/val": 0.6, "lr": 0.05,
    "images_per_second": 50.0, "waited_for_images": 0.25,
}  # fmt: skip


def told(to: Path, name: str, row: dict[str, Any], finished: bool) -> None:
    options = Options(model="test_resnet").to_json()
    trackers = open_trackers(to, to / "tensorboard", options, (name,), row["epoch"])
    assert len(trackers) == 2
    for tracker in trackers:
        tracker.add(row)
        tracker.close(finished)


def test_mlflow_has_every_epoch_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'runs'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    to = tmp_path / "pets"
    told(to, "mlflow", ROW, finished=False)
    told(to, "mlflow", {**ROW, "epoch": 1, "val_loss": None, "val_accuracy": None}, finished=True)
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("curate")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "pets"
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "test_resnet"
    assert run.data.metrics == pytest.approx(TOLD)
    epochs = [one.step for one in client.get_metric_history(run.info.run_id, "loss/train")]
    assert epochs == [0, 1]
    assert [one.step for one in client.get_metric_history(run.info.run_id, "loss/val")] == [0]


def test_mlflow_without_a_place_is_told_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere:1")
    with pytest.raises(TrainingError, match=r"Expected MLflow to begin a run.*MLFLOW_TRACKING_URI"):
        open_trackers(tmp_path, tmp_path / "tensorboard", {}, ("mlflow",), 0)


def test_wandb_keeps_a_run_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    to = tmp_path / "pets"
    told(to, "wandb", ROW, finished=False)
    told(to, "wandb", {**ROW, "epoch": 1}, finished=True)
    files = sorted((to / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 2
    assert len({file.name for file in files}) == 1, "gone on with under another id"
    for file in files:
        content = file.read_bytes()
        assert not [name for name in TOLD if name.encode() not in content]


def test_a_package_that_is_missing_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    check_trackers(("mlflow", "wandb"))
    found = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "wandb" else found(name, *more)

    monkeypatch.setattr("curate.training.tracking.find_spec", without)
    with pytest.raises(TrainingError, match=r"pip install 'curate\[wandb\]'"):
        check_trackers(("wandb",))
