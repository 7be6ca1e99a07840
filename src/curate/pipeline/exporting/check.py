"""Whether an export still is what it was, and its images what they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curate.errors import ExportError
from curate.pipeline.exporting.exported import Exported, digest_of_file, read_export
from curate.pipeline.exporting.target import names_in
from curate.progress import Progress, silent
from curate.remedies.formats import FORMATS

SHOWN = 5
"""So many problems are named, the rest is counted."""


@dataclass(frozen=True)
class Checked:
    """What a check that found nothing wrong has seen.

    Attributes:
        images: how many images the lists name.
        files: how many files the export has itself.
        read: how many bytes were read for it.
    """

    images: int
    files: int
    read: int


def check_export(folder: str | Path, progress: Progress = silent) -> Checked:
    """Compare every file of an export, and every image that it names, with what was written down.

    Sizes first, for they cost nothing; only where all of them are right is every byte read.

    Raises:
        ExportError: the first problems, and how many there are.
    """
    export = read_export(folder)
    rows = _rows(export)
    problems = [*_strangers(export), *_by_size(rows)]
    read = 0
    if not problems:
        for problem, size in _by_digest(rows, progress):
            read += size
            if problem:
                problems.append(problem)
    if problems:
        raise ExportError(
            f"Expected the {len(rows)} files of the export {export.folder} as they were, found "
            f"{len(problems)} problems: {_first(problems)}. Export the run again; where images "
            "were moved, first analyse them where they are now: `curate analyze DATA --run RUN`."
        )
    return Checked(int((~rows["own"]).sum()), int(rows["own"].sum()), read)


def _rows(export: Exported) -> pd.DataFrame:
    """Every file: `name` for a person, `path`, `bytes`, `digest`, and whether it is the export's.

    Of the images, those that a list names: what is excluded may be gone.
    """
    files = export.files.assign(
        name=export.files["path"], own=True,
        path=[str(export.folder / path) for path in export.files["path"]],
    )  # fmt: skip
    images = export.images[export.images["state"].isin(["kept", "review"])]
    named = pd.DataFrame(
        {
            "name": images["filepath"], "path": images["filepath"], "own": False,
            "bytes": images["size_bytes"], "digest": images["content_digest"],
        }
    )  # fmt: skip
    columns = ["name", "path", "bytes", "digest", "own"]
    return pd.concat([files[columns], named[columns]], ignore_index=True)


def _strangers(export: Exported) -> list[str]:
    """Files in the folders of formats that the export did not write: readers would take them."""
    known = set(export.files["path"])
    return [
        f"{name} was added"
        for part in sorted(FORMATS)
        if (export.folder / part).is_dir()
        for name in (f"{part}/{Path(one).as_posix()}" for one in names_in(export.folder / part))
        if name not in known
    ]


def _by_size(rows: pd.DataFrame) -> list[str]:
    problems = []
    columns = (rows[name].tolist() for name in ("name", "path", "bytes"))
    for name, path, wanted in zip(*columns, strict=True):
        try:
            size = os.stat(path).st_size  # noqa: PTH116 - a million of them
        except OSError as error:
            link = os.path.islink(path)  # noqa: PTH114
            found = "links to nothing" if link else f"is gone ({error.strerror})"
            problems.append(f"{name} {found}")
            continue
        # An image of a run that knew no sizes has none here.
        if wanted >= 0 and size != wanted:
            problems.append(f"{name} has {size} bytes, not {int(wanted)}")
    return problems


def _by_digest(rows: pd.DataFrame, progress: Progress) -> Iterator[tuple[str, int]]:
    """(problem or "", bytes read) of each file; what several names lead to is read once."""
    seen: dict[tuple[int, int], str] = {}
    with progress("check", total=len(rows), unit="file") as bar:
        columns = (rows[name].tolist() for name in ("name", "path", "digest"))
        for name, path, wanted in zip(*columns, strict=True):
            status = os.stat(path)  # noqa: PTH116
            inode, read = (status.st_dev, status.st_ino), 0
            if inode not in seen:
                read = status.st_size
                try:
                    seen[inode] = digest_of_file(path)
                except OSError as error:
                    seen[inode] = str(error.strerror)
            yield ("" if seen[inode] == wanted else f"{name} has other content"), read
            bar.update()


def _first(problems: list[str]) -> str:
    shown = "; ".join(problems[:SHOWN])
    return shown if len(problems) <= SHOWN else f"{shown}; and {len(problems) - SHOWN} more"
