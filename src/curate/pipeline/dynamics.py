"""The stage that takes in what a user's training recorded, if it was given."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pandas as pd

from curate.inference.dynamics_files import Dynamics, check_dynamics, read_dynamics
from curate.pipeline.settings import Settings
from curate.pipeline.stages import Stages
from curate.store.run import Run, cache_key

VERSION = 1

FILE = "dynamics.parquet"


class GivenDynamics:
    """The file of training dynamics that the settings name, read once and only when needed."""

    def __init__(self, settings: Settings, table: pd.DataFrame) -> None:
        """Remember what to read.

        Args:
            settings: the options.
            table: the catalog, unreadable images included.
        """
        self._path, self._table = settings.dynamics, table

    def check(self, old: Run | None) -> None:
        """Read the file unless `old` holds what it says: its faults end an analysis early.

        Raises:
            ModelError: it cannot be used.
        """
        if self._path is None:
            return
        check_dynamics(self._path)
        key = cache_key("dynamics", VERSION, self._parts, [])
        if old is None or not old.is_done("dynamics", key):
            _ = self._told

    def take_in(self, done: Stages) -> list[str]:
        """Do the stage, or forget what it once did; which stage a reader of it comes after."""
        if self._path is None:
            done.undo("dynamics", [FILE])
            done.run.save(dynamics=None)
            return []
        done.do("dynamics", VERSION, self._parts, [], [FILE], lambda: self._write(done.run))
        return ["dynamics"]

    def _write(self, run: Run) -> None:
        run.write_table("dynamics", self._told.table)
        run.save(dynamics=self._told.info)

    @cached_property
    def _parts(self) -> list[Any]:
        """What decides the outcome: the file's bytes, which images there are, and their labels."""
        from curate.inference.weights import file_digest

        assert self._path is not None
        labels = self._table["label"].fillna("").tolist()
        return [file_digest(self._path), self._table["sample_id"].tolist(), labels]

    @cached_property
    def _told(self) -> Dynamics:
        assert self._path is not None
        return read_dynamics(self._path, self._table)
