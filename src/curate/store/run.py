"""One run: a directory of artefacts, each written whole or not at all.

`run.json` records the settings, the classes, the stages that are finished (each with the key of
what it was made from) and, for each array, the digest of the `sample_id` column its rows follow.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from curate.errors import RunError, StaleArtefact
from curate.progress import log
from curate.store.files import atomic, write_json
from curate.store.schema import CACHED, SCHEMA_VERSION, empty, to_arrow

MARK = "curate.run"


class Run:
    """A run directory, open for reading and writing.

    Attributes:
        path: the directory, absolute.
        info: the content of `run.json`.
    """

    def __init__(self, path: str | Path) -> None:
        """Open an existing run.

        Raises:
            RunError: there is no run at `path`, or a newer curate wrote it.
        """
        self.path = Path(path).expanduser().resolve()
        if not (self.path / "run.json").is_file():
            raise RunError(
                f"Expected a run directory (one with a run.json) at {self.path}, found "
                f"{_describe(self.path)}. Give the --run directory of a `curate analyze`."
            )
        try:
            self.info: dict[str, Any] = json.loads((self.path / "run.json").read_text("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise RunError(
                f"Expected JSON in {self.path / 'run.json'}, found something else ({error}). "
                "Analyse again into a new --run directory."
            ) from error
        if not isinstance(self.info, dict) or self.info.get("format") != MARK:
            raise RunError(
                f"Expected a run of curate in {self.path / 'run.json'}, found another program's "
                "file. Give the --run directory of a `curate analyze`."
            )
        if self.info["schema_version"] != SCHEMA_VERSION:
            raise RunError(
                f"Expected schema version {SCHEMA_VERSION} in {self.path}, found "
                f"{self.info['schema_version']}. Analyse again with this version of curate."
            )

    @classmethod
    def create(cls, path: str | Path) -> Run:
        """Make an empty run at `path`, or open the one that is there.

        Raises:
            RunError: `path` is a file, or a directory with other things in it.
        """
        target = Path(path).expanduser().resolve()
        check_target(target)
        if not (target / "run.json").exists():
            write_json(
                target / "run.json",
                {
                    "format": MARK,
                    "schema_version": SCHEMA_VERSION,
                    "status": "running",
                    "stages": {},
                    "arrays": {},
                },
            )
        return cls(target)

    def save(self, **changes: Any) -> None:
        """Merge `changes` into `run.json`."""
        self.info.update(changes)
        write_json(self.path / "run.json", self.info)

    def check_complete(self) -> None:
        """Raise `RunError` unless the analysis of this run came to its end."""
        if self.info.get("status") != "complete":
            raise RunError(
                f"Expected a finished run at {self.path}, found one that was interrupted. Run the "
                "same `curate analyze` again: it goes on where it was."
            )

    def scores(self) -> dict[str, Any]:
        """The scores of metrics.json by split; empty for a run without."""
        path = self.path / "metrics.json"
        if not path.is_file():
            return {}
        found: dict[str, Any] = json.loads(path.read_text("utf-8")).get("splits", {})
        return found

    # -- tables ----------------------------------------------------------------------------------

    def table(self, name: str) -> pd.DataFrame:
        """Read a table; an absent one has no rows."""
        path = self.table_path(name)
        if not path.exists():
            return empty(name)
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
        return frame

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Check a frame against its schema and write it."""
        table = to_arrow(name, frame)
        with atomic(self.table_path(name)) as file:
            pq.write_table(table, file)

    # -- arrays ----------------------------------------------------------------------------------

    def array(self, name: str, rows: Iterable[str] | None = None) -> np.ndarray[Any, Any]:
        """Memory-map an array; with `rows`, insist that it was written for those sample ids.

        Raises:
            StaleArtefact: the array is missing, or belongs to other rows.
        """
        path = self.array_path(name)
        known = self.info["arrays"].get(name)
        if known is None or not path.exists():
            raise StaleArtefact(
                f"Expected {path}, found none. Run `curate analyze` again: it goes on where it was."
            )
        if rows is not None and rows_digest(rows) != known["rows"]:
            raise StaleArtefact(
                f"Expected {path.name} to follow the rows of samples.parquet, found an array made "
                "for other images. Run `curate analyze` again."
            )
        loaded: np.ndarray[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return loaded

    def write_array(self, name: str, values: np.ndarray[Any, Any], rows: Iterable[str]) -> None:
        """Write an array whose first axis follows `rows`."""
        with atomic(self.array_path(name)) as file:
            np.save(file, values, allow_pickle=False)
        self.info["arrays"][name] = {
            "rows": rows_digest(rows),
            "shape": list(values.shape),
            "dtype": str(values.dtype),
        }
        self.save()

    @contextmanager
    def new_array(
        self, name: str, shape: tuple[int, ...], dtype: str, rows: Iterable[str]
    ) -> Iterator[np.ndarray[Any, Any]]:
        """Fill an array on disk, so that it need not fit in memory; it appears when all is well."""
        path = self.array_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            values = np.lib.format.open_memmap(aside, mode="w+", dtype=dtype, shape=shape)
            yield values
            values.flush()
            del values
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        record = {"rows": rows_digest(rows), "shape": list(shape), "dtype": dtype}
        self.info["arrays"][name] = record
        self.save()

    def drop_array(self, name: str) -> None:
        """Forget an array that a change of settings has made wrong; its absence is no error."""
        if self.info["arrays"].pop(name, None) is not None:
            self.save()
        self.array_path(name).unlink(missing_ok=True)

    def array_path(self, name: str) -> Path:
        """Where an array lies; a name with a slash lies in a folder, such as ``cache/folds``."""
        return self.path / f"{name}.npy"

    def table_path(self, name: str) -> Path:
        """Where a table lies."""
        folder = self.path / "cache" if name in CACHED else self.path
        return folder / f"{name}.parquet"

    # -- stages ----------------------------------------------------------------------------------

    def is_done(self, stage: str, key: str) -> bool:
        """Whether a stage finished with this key and all that it wrote can still be read."""
        record = self.info["stages"].get(stage)
        if record is None or record["key"] != key:
            return False
        for name, size in record["files"].items():
            path = self.path / name
            if not path.is_file() or path.stat().st_size != size:
                log.warning("%s: %s is damaged or gone; the stage is done again", stage, name)
                return False
        return True

    @contextmanager
    def stage(self, name: str, key: str, files: Iterable[str]) -> Iterator[None]:
        """Time a stage and record it as finished, with the sizes of the files it wrote."""
        start = time.perf_counter()
        yield
        sizes = {file: (self.path / file).stat().st_size for file in files}
        seconds = round(time.perf_counter() - start, 3)
        self.info["stages"][name] = {"key": key, "seconds": seconds, "files": sizes}
        self.save()


def cache_key(stage: str, version: int, *parts: Any) -> str:
    """Digest of what a stage is made from: its name, version, settings and input digests."""
    text = json.dumps([stage, version, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def rows_digest(rows: Iterable[str]) -> str:
    """Digest of a `sample_id` column, order included."""
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:32]


def check_target(path: Path) -> None:
    """Raise `RunError` unless a run can be written at `path`: absent, empty, or a run already."""
    if path.is_file():
        raise RunError(f"Expected a directory for --run, found the file {path}. Choose another.")
    if path.is_dir() and any(path.iterdir()) and not (path / "run.json").is_file():
        raise RunError(
            f"Expected an empty directory or a run at {path}, found other files. "
            "Choose another --run."
        )


def _describe(path: Path) -> str:
    if not path.exists():
        return "nothing"
    return "a file" if path.is_file() else "a directory without one"


__all__ = ["Run", "cache_key", "check_target", "rows_digest"]
