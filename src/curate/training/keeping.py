"""The directory of a training: what is written of it, and what another process goes on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from curate.errors import TrainingError
from curate.progress import log
from curate.recipe.stages import Schedule
from curate.training.checkpoints import BEST, LAST, STATE, load_state, save_model, save_state
from curate.training.curves import draw_curves
from curate.training.dataset import CurriculumDataset
from curate.training.history import Row, write_history
from curate.training.options import Options
from curate.training.processes import size
from curate.training.recording import Seen, load_epoch, save_epoch, write_recorded

HISTORY, CURVES, DYNAMICS, EVENTS = "history.parquet", "curves", "dynamics.parquet", "tensorboard"
STATES = "state"
"""Folder of what is needed to go on; of no use once the training is over."""


class Keeper:
    """Writes the files of one training, and reads the state of one that was broken off.

    Of several processes the first one writes, and all read.

    Args:
        to: the directory.
        options: of the training.
        train: its images.
        config: timm's data config of its model.
    """

    def __init__(
        self, to: Path, options: Options, train: CurriculumDataset, config: Mapping[str, Any]
    ) -> None:
        self._to, self._options, self._train, self._config = to, options, train, config

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self._train.classes

    def keep(
        self, rows: Sequence[Row], averaged: torch.nn.Module, seen: Seen, state: Mapping[str, Any]
    ) -> None:
        """Write what the last epoch came to; the state last, since it says that the rest is there.

        Args:
            rows: of all epochs so far.
            averaged: the model that is saved.
            seen: what the epoch recorded.
            state: what the next epoch depends on.
        """
        row = rows[-1]
        save_epoch(seen, self._recorded_at(row["epoch"]))
        about = {"epoch": str(row["epoch"] + 1), "head": self._options.head}
        for name in (*((BEST,) if row["best"] else ()), LAST):
            save_model(self._to / name, averaged, self._options.model, self.classes, self._config,
                       about)  # fmt: skip
        write_history(rows, self._to / HISTORY)
        save_state(self._to / STATES / STATE, {
            "epoch": row["epoch"] + 1, "rows": list(rows), "classes": list(self.classes),
            "processes": size(), **state,
        })  # fmt: skip

    def state(self) -> dict[str, Any] | None:
        """What to go on from; None at the beginning.

        Raises:
            TrainingError: it is damaged, of other classes, or of another number of processes.
        """
        path = self._to / STATES / STATE
        if not path.is_file():
            return None
        state = load_state(path)
        if state["classes"] != list(self.classes):
            raise TrainingError(
                f"Expected the classes of the training in {self._to}, found others in its "
                "curriculum. Start it again in another directory."
            )
        if (before := state.get("processes", 1)) != size():
            how = f"curate train --resume {self._to}"
            if before > 1:
                how = f"torchrun --nproc-per-node {before} -m {how}"
            raise TrainingError(
                f"Expected {before} processes, as the training in {self._to} began with, found "
                f"{size()}: with another number its steps would take other images. Start as many: "
                f"{how}"
            )
        return state

    def finish(self, rows: Sequence[Row], schedule: Schedule) -> int:
        """Draw the curves and write the dynamics; returns how many images these have."""
        draw_curves(rows, schedule, self._options.model, self._to / CURVES)
        paths, id_name = self._train.paths, "filepath"
        if len(set(paths)) < len(paths):  # a file that is listed twice is told by its sample_id
            id_name = "sample_id"
            paths = self._train.curriculum.table["sample_id"].tolist()
        epochs = [load_epoch(self._recorded_at(row["epoch"])) for row in rows]
        labels = [self.classes[target] for target in self._train.targets]
        recorded = write_recorded(self._to / DYNAMICS, epochs, paths, labels, id_name)
        if not recorded:
            log.warning("no dynamics: every image was mixed with another in every epoch")
        return recorded

    def _recorded_at(self, epoch: int) -> Path:
        return self._to / STATES / f"epoch_{epoch:05d}.npz"
