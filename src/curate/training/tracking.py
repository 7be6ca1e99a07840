"""Where the epochs of a training are told beside its own files: TensorBoard, W&B, MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from curate.errors import TrainingError
from curate.progress import log
from curate.store.files import write_json
from curate.training.history import Board, Row, scalars

PROJECT = "curate"
"""What the project of W&B and the experiment of MLflow are called."""

IDS = "trackers.json"
"""File in a training's directory: the id that each tracker knows it by."""


class Tracker(Protocol):
    """One place that epochs are told to."""

    def add(self, row: Row) -> None:
        """Tell one epoch."""

    def close(self, finished: bool = True) -> None:
        """End it, as a training that came to its end or as one that did not."""


class WandB:
    """A run of Weights & Biases.

    It goes by W&B's own settings: ``WANDB_MODE=offline`` keeps it on the disk, in ``DIR/wandb``,
    from where ``wandb sync`` sends it.

    Args:
        to: the training's directory.
        options: of the training, as plain values.
        known: the id of the run to go on with, or None.

    Raises:
        TrainingError: W&B cannot begin one.
    """

    def __init__(self, to: Path, options: Mapping[str, Any], known: str | None) -> None:
        import wandb

        try:
            self._run = wandb.init(
                project=PROJECT, name=to.name, dir=str(to), config=dict(options), id=known,
                resume="allow" if known else None, reinit="create_new",
                settings=wandb.Settings(silent=True, console="off"),
            )  # fmt: skip
        except wandb.errors.Error as error:
            raise TrainingError(
                f"Expected W&B to begin a run, found: {error} Log in (`wandb login`), keep the run "
                "on this disk (WANDB_MODE=offline), or leave out --log-to wandb."
            ) from error
        self.id = str(self._run.id)

    def add(self, row: Row) -> None:
        """Tell one epoch."""
        self._run.log(scalars(row), step=row["epoch"])

    def close(self, finished: bool = True) -> None:
        """End the run."""
        self._run.finish(exit_code=0 if finished else 1)


class MLflow:
    """A run of MLflow, where ``MLFLOW_TRACKING_URI`` says.

    Args:
        to: the training's directory.
        options: of the training, as plain values.
        known: the id of the run to go on with, or None.

    Raises:
        TrainingError: MLflow cannot begin one.
    """

    def __init__(self, to: Path, options: Mapping[str, Any], known: str | None) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        self._error = MlflowException
        try:
            self._client = MlflowClient()
            if known is None:
                found = self._client.get_experiment_by_name(PROJECT)
                own = found.experiment_id if found else self._client.create_experiment(PROJECT)
                run = self._client.create_run(own, run_name=to.name)
                params = [Param(name, str(value)) for name, value in options.items()]
                self._client.log_batch(run.info.run_id, params=params)
                known = str(run.info.run_id)
            else:
                self._client.update_run(known, status="RUNNING")
        except MlflowException as error:
            raise TrainingError(
                f"Expected MLflow to begin a run, found: {error} Set MLFLOW_TRACKING_URI to a "
                "server or database that this installation of MLflow can use, or leave out "
                "--log-to mlflow."
            ) from error
        self.id = known
        self._lost = False

    def add(self, row: Row) -> None:
        """Tell one epoch; where the server is out of reach, the training goes on without it."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, row["epoch"]) for name, value in scalars(row).items()]
        self._told(lambda: self._client.log_batch(self.id, metrics=metrics))

    def close(self, finished: bool = True) -> None:
        """End the run."""
        status = "FINISHED" if finished else "FAILED"
        self._told(lambda: self._client.set_terminated(self.id, status))

    def _told(self, tell: Callable[[], object]) -> None:
        if self._lost:
            return
        try:
            tell()
        except self._error as error:
            self._lost = True
            log.warning("MLflow is told no more, since it failed: %s", error)


TRACKERS: Mapping[str, Callable[[Path, Mapping[str, Any], str | None], WandB | MLflow]] = {
    "wandb": WandB,
    "mlflow": MLflow,
}
"""By the names in `curate.training.options.LOG_TO`; each is that of the package too."""


def check_trackers(names: Sequence[str]) -> None:
    """Say that a tracker cannot be told before any work.

    Args:
        names: of `TRACKERS`.

    Raises:
        TrainingError: its package is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise TrainingError(
                f"Expected the package {name} for --log-to {name}, found it not installed. "
                f"Install it: pip install 'curate[{name}]'; or leave --log-to {name} out."
            )


def open_trackers(
    to: Path, events: Path, options: Mapping[str, Any], names: Sequence[str], first_epoch: int
) -> list[Tracker]:
    """TensorBoard, and what was asked for; a training that goes on goes on in the same runs.

    Args:
        to: the training's directory.
        events: folder for TensorBoard.
        options: of the training, as plain values.
        names: of `TRACKERS`.
        first_epoch: to be told.

    Raises:
        TrainingError: one cannot begin.
    """
    path = to / IDS
    known: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    opened: list[Tracker] = [Board(events, first_epoch)]
    for name in dict.fromkeys(names):
        tracker = TRACKERS[name](to, options, known.get(name))
        opened.append(tracker)
        known[name] = tracker.id
        write_json(path, known)
        log.info("%s: told of every epoch, as %s", name, tracker.id)
    return opened
