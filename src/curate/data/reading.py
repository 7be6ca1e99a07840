"""Header and digest of many files, several at a time, skipping those that have not changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from curate.data.images import MAX_PIXELS, UnreadableImage, read_header_and_digest
from curate.data.quiet import quiet
from curate.progress import Progress, silent
from curate.store.schema import CATALOG

KEY = ["filepath", "size_bytes", "mtime_ns"]
"""The columns by which an unchanged file is known again."""

_BATCH = 256
"""Files a task: a task a file would cost more than reading a small file does."""

MANY = 10_000
"""Files from which processes are worth the half second that they take to start."""


class Facts(NamedTuple):
    """What reading one file's header and bytes gave."""

    content_digest: str
    width: int
    height: int
    format: str
    mode: str
    exif_orientation: int
    animated: bool


def read_all(
    files: pd.DataFrame,
    previous: pd.DataFrame | None = None,
    progress: Progress = silent,
    max_pixels: int = MAX_PIXELS,
) -> tuple[pd.DataFrame, dict[int, UnreadableImage]]:
    """Read the header and bytes of every file.

    Args:
        files: a row a file, with the columns `KEY`.
        previous: an older catalog table. A file of the same path, size and time of change takes
            its facts from there and is not opened.
        progress: opens the bar.
        max_pixels: larger images are problems.

    Returns:
        The facts, one row a readable file with the fields of `Facts` as columns and the row number
        in `files` as ascending index; and for each other row number what is wrong with the file.
    """
    known = _known(files, previous, max_pixels)
    missing = np.setdiff1d(np.arange(len(files)), known.index.to_numpy())
    batches = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]
    paths = (files["filepath"].iloc[rows].tolist() for rows in batches)
    read = _in_processes if len(missing) >= MANY else _in_threads
    # Facts go into Arrow batch by batch: as Python objects they would take four times the memory.
    tables, places, problems = [], [known.index.to_numpy()], {}
    with progress("catalog", total=len(missing), unit="image") as bar:
        for rows, batch in zip(batches, read(paths, max_pixels), strict=True):
            good = [(row, fact) for row, fact in zip(rows, batch, strict=True)
                    if isinstance(fact, Facts)]  # fmt: skip
            tables.append(_arrow([fact for _, fact in good]))
            places.append(np.array([row for row, _ in good], dtype=np.int64))
            problems.update({int(row): fact for row, fact in zip(rows, batch, strict=True)
                             if isinstance(fact, UnreadableImage)})  # fmt: skip
            bar.update(len(rows))
    old = {name: pa.array(known[name], type=CATALOG[name]) for name in Facts._fields}
    tables.insert(0, pa.table(old))
    facts: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    facts.index = pd.Index(np.concatenate(places))
    return facts.sort_index(), problems


def _arrow(facts: list[Facts]) -> pa.Table:
    columns = zip(*facts, strict=True) if facts else [()] * len(Facts._fields)
    return pa.table(
        {
            name: pa.array(values, type=CATALOG[name])
            for name, values in zip(Facts._fields, columns, strict=True)
        }
    )


def read_batch(paths: list[str], max_pixels: int) -> list[Facts | UnreadableImage]:
    """Read some files one after the other."""
    with quiet:  # once for all, since each reader enters it again at a cost
        return [_read(path, max_pixels) for path in paths]


def _in_threads(
    paths: Iterable[list[str]], max_pixels: int
) -> Iterator[list[Facts | UnreadableImage]]:
    # Reading waits for the disk: a few threads more than cores keep both busy.
    workers = min(16, (os.cpu_count() or 1) + 4)
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda batch: read_batch(batch, max_pixels), paths)


def _in_processes(
    paths: Iterable[list[str]], max_pixels: int
) -> Iterator[list[Facts | UnreadableImage]]:
    """As `_in_threads`, past the interpreter lock, which small files keep all threads waiting for.

    joblib's processes import this module alone, so they work from a script without a main guard.
    """
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    workers = min(8, os.cpu_count() or 1)
    parallel = Parallel(n_jobs=workers, return_as="generator", pre_dispatch="4*n_jobs")
    try:
        yield from parallel(delayed(read_batch)(batch, max_pixels) for batch in paths)
    finally:
        get_reusable_executor().shutdown(wait=True)


def _read(filepath: str, max_pixels: int) -> Facts | UnreadableImage:
    try:
        header, digest = read_header_and_digest(filepath, max_pixels)
    except UnreadableImage as error:
        # A new one, because the one caught keeps its frames alive, and all that is in them.
        return UnreadableImage(error.problem, error.detail)
    return Facts(digest, *header)


def _known(files: pd.DataFrame, previous: pd.DataFrame | None, max_pixels: int) -> pd.DataFrame:
    """Facts of unchanged files by row number; an older table that lacks a column is not used."""
    wanted = [*KEY, *Facts._fields]
    if previous is None or not set(wanted) <= set(previous.columns):
        return pd.DataFrame({name: [] for name in Facts._fields}, index=pd.Index([], dtype=int))
    within = previous["width"].astype("int64") * previous["height"] <= max_pixels
    old = previous.loc[within, wanted].drop_duplicates(KEY)
    keyed = files[KEY].reset_index(drop=True).reset_index(names="row")
    return keyed.merge(old, on=KEY).set_index("row")[list(Facts._fields)]
