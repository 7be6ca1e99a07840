"""Which steps of a loop are finished, and of what they were made: ``loop.json``.

``{"format": "curate.loop", "schema_version": 1, "steps": {NAME: {"key", "seconds"}}}``, where
`seconds` is null for a step that was begun and not finished.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.errors import RunError
from curate.store.files import write_json
from curate.store.marked import read_marked

FILE, FORMAT, SCHEMA_VERSION = "loop.json", "curate.loop", 1


class LoopRecord:
    """The record in a loop's directory, written anew with every change."""

    def __init__(self, folder: Path) -> None:
        """Read it, if there is one.

        Raises:
            RunError: another program's file, or one of another version, lies there; or the folder
                holds other things and no record.
        """
        self._path = folder / FILE
        self._steps: dict[str, dict[str, Any]] = {}
        if self._path.is_file():
            self._steps = _read(self._path)
        elif folder.exists() and not folder.is_dir():
            raise RunError(f"Expected a directory for the loop, found the file {folder}.")
        elif folder.is_dir() and any(folder.iterdir()):
            raise RunError(
                f"Expected a new directory or an earlier loop at {folder}, found other files. "
                "Choose another --to, or move them away."
            )

    def key(self, step: str) -> str | None:
        """What a step was made of when it was last begun; None if it never was."""
        return self._steps[step]["key"] if step in self._steps else None

    def seconds(self, step: str) -> float | None:
        """How long a finished step took; None if it is not finished."""
        return self._steps[step]["seconds"] if step in self._steps else None

    def begin(self, step: str, key: str) -> None:
        """Note that a step is begun, and that nothing after it counts any more."""
        names = list(self._steps)
        if step in names:
            for name in names[names.index(step) + 1 :]:
                self._steps[name]["seconds"] = None
        self._steps[step] = {"key": key, "seconds": None}
        self._write()

    def finish(self, step: str, seconds: float) -> None:
        """Note that a step is finished."""
        self._steps[step]["seconds"] = round(seconds, 1)
        self._write()

    def _write(self) -> None:
        write_json(
            self._path,
            {"format": FORMAT, "schema_version": SCHEMA_VERSION, "steps": self._steps},
        )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    found = read_marked(
        path, FORMAT, SCHEMA_VERSION, "the record of a loop", RunError, "Choose another --to."
    )
    steps: dict[str, dict[str, Any]] = found["steps"]
    return steps
