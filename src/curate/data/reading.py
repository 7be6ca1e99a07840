"""Header and digest of many files, several at a time, skipping those that have not changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pandas as pd

from curate.data.images import UnreadableImage, read_header_and_digest
from curate.data.layout import Entry
from curate.progress import Progress, silent

_BATCH = 64
"""Files a task: a task a file would cost more than reading a small file does."""


class Facts(NamedTuple):
    """What reading one file's header and bytes gave."""

    content_digest: str
    width: int
    height: int


def read_all(
    entries: Sequence[Entry],
    previous: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> list[Facts | UnreadableImage]:
    """Read every entry, in order; the errors are values, because each concerns one image only.

    Args:
        entries: the files.
        previous: an older catalog table. A file of the same path, size and time of change takes
            its facts from there and is not opened.
        progress: opens the bar.
    """
    known = _known(previous)
    facts: list[Facts | UnreadableImage | None] = [
        known.get((entry.filepath, entry.size_bytes, entry.mtime_ns)) for entry in entries
    ]
    missing = [row for row, fact in enumerate(facts) if fact is None]
    batches = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]

    def read_batch(rows: list[int]) -> list[Facts | UnreadableImage]:
        return [_read(entries[row].filepath) for row in rows]

    # Reading waits for the disk, hashing leaves the interpreter lock: a few threads more than
    # cores keep both busy.
    workers = min(16, (os.cpu_count() or 1) + 4)
    with (
        progress("catalog", total=len(missing), unit="image") as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        for rows, batch in zip(batches, pool.map(read_batch, batches), strict=True):
            for row, fact in zip(rows, batch, strict=True):
                facts[row] = fact
            bar.update(len(rows))
    return [fact for fact in facts if fact is not None]


def _read(filepath: str) -> Facts | UnreadableImage:
    try:
        header, digest = read_header_and_digest(filepath)
    except UnreadableImage as error:
        # A new one, because the one caught keeps its frames alive, and all that is in them.
        return UnreadableImage(error.problem, error.detail)
    return Facts(digest, header.width, header.height)


def _known(previous: pd.DataFrame | None) -> dict[tuple[str, int, int], Facts]:
    """Facts by path, size and time of change; an older table that lacks a column is not used."""
    columns = ["filepath", "size_bytes", "mtime_ns", *Facts._fields]
    if previous is None or not set(columns) <= set(previous.columns):
        return {}
    rows = zip(*(previous[column].tolist() for column in columns), strict=True)
    return {(path, size, time): Facts(*facts) for path, size, time, *facts in rows}
