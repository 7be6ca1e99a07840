"""The runs below a folder: which there are, and which are no longer needed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from curate.errors import CurateError, RunError
from curate.store.journal import FILE as JOURNAL
from curate.store.locking import in_work
from curate.store.run import Run

DEEPEST = 4
"""Folders between the one that is asked for and a run; images lie deeper, and are many."""

DAY = 86400.0


@dataclass(frozen=True)
class Listed:
    """A run in a list.

    Attributes:
        path: its directory.
        status: "complete", "running" (a process works on it), "interrupted", or why it cannot be
            read.
        changed: when run.json was last written, in seconds of `time.time`.
        size: bytes of all its files.
        images: samples; None before they are known.
        model: what looked at the images.
        data: where the images lie.
        val_accuracy: with `val_interval`; None without a scored val split.
        decisions: images on which a person has decided something.
    """

    path: Path
    status: str
    changed: float
    size: int
    images: int | None = None
    model: str | None = None
    data: str | None = None
    val_accuracy: float | None = None
    val_interval: tuple[float, float] | None = None
    decisions: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "run": str(self.path), "status": self.status,
            "changed": datetime.fromtimestamp(self.changed).astimezone().isoformat("T", "seconds"),
            "bytes": self.size, "images": self.images, "model": self.model, "data": self.data,
            "val_accuracy": self.val_accuracy, "val_accuracy_interval": self.val_interval,
            "decisions": self.decisions,
        }  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """Something that `prune` takes away.

    Attributes:
        path: a whole run, or a file or folder in one.
        why: in words.
        size: bytes.
        dataset: the dataset in FiftyOne that showed the run; it stays.
    """

    path: Path
    why: str
    size: int
    dataset: str | None = None


def list_runs(folder: Path) -> list[Listed]:
    """The runs in and below a folder, the latest first.

    Raises:
        RunError: there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(
            f"Expected a folder that holds runs, found none at {folder}. Name one: "
            "curate runs list FOLDER."
        )
    found = [listed(path) for path in _run_folders(folder.resolve())]
    return sorted(found, key=lambda run: (-run.changed, str(run.path)))


def listed(path: Path) -> Listed:
    """One run as a list shows it; a run that cannot be read says why in its status."""
    changed, size = (path / "run.json").stat().st_mtime, _size(path)
    try:
        run = Run(path)
        scores = run.scores().get("val", {})
        decided = len(run.table("decisions")["sample_id"].unique())
    except (CurateError, OSError, ValueError) as error:
        return Listed(path, f"unreadable: {error}", changed, size)
    status = str(run.info.get("status"))
    if status == "running":
        status = "running" if in_work(path) else "interrupted"
    settings, looked = run.info.get("settings", {}), run.info.get("inference", {})
    return Listed(
        path, status, changed, size,
        images=run.info.get("counts", {}).get("samples"),
        model=looked.get("model") or settings.get("model"),
        data=run.info.get("data"),
        val_accuracy=scores.get("accuracy"),
        val_interval=tuple(scores["accuracy_interval"]) if "accuracy_interval" in scores else None,
        decisions=decided,
    )  # fmt: skip


def superfluous(
    folder: Path,
    older_than: float,
    keep: int | None = None,
    shards: bool = False,
    with_decisions: bool = False,
) -> list[Removal]:
    """What can go: leftovers of killed processes, stale interrupted runs, and old runs.

    A run that is in work, that cannot be read, or that holds a person's decisions stays.

    Args:
        folder: where the runs are.
        older_than: interrupted runs go when nothing was written to them for so many days.
        keep: of the finished runs on the same data that hold no decision, only the latest so many
            stay; None: all.
        shards: what finished runs keep so that images added later cost a pass over those only.
        with_decisions: runs with decisions count as the others do.
    """
    now, found = time.time(), []
    finished: dict[str | None, list[Listed]] = {}
    for run in list_runs(folder):
        kept = run.decisions > 0 or (run.path / JOURNAL).exists()
        if run.status not in ("complete", "interrupted") or in_work(run.path):
            continue
        if run.status == "interrupted":
            days = (now - run.changed) / DAY
            if days >= older_than and (with_decisions or not kept):
                found.append(_whole(run, f"interrupted {days:.0f} days ago"))
            continue
        found += _leftovers(run.path, shards)
        if with_decisions or not kept:
            finished.setdefault(run.data, []).append(run)
    if keep is not None:
        gone = [_whole(run, f"older than the latest {keep} on {data}")
                for data, runs in finished.items() for run in runs[keep:]]  # fmt: skip
        whole = {removal.path for removal in gone}
        found = [one for one in found if not whole & {one.path, *one.path.parents}] + gone
    return found


def remove(removals: Iterable[Removal]) -> None:
    """Take them away.

    A run goes by a rename first, so that one that is half gone is never taken for a run.
    """
    for removal in removals:
        if not removal.path.is_dir():
            removal.path.unlink(missing_ok=True)
            continue
        aside = removal.path.with_name(f".{removal.path.name}.{os.getpid()}.gone")
        removal.path.rename(aside)
        shutil.rmtree(aside)


def _run_folders(folder: Path, depth: int = 0) -> Iterator[Path]:
    if (folder / "run.json").is_file():
        yield folder
        return
    if depth == DEEPEST:
        return
    try:
        inside = sorted(folder.iterdir())
    except PermissionError:
        return  # what may not be listed holds no run that could be shown
    for child in inside:
        if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
            yield from _run_folders(child, depth + 1)


def _whole(run: Listed, why: str) -> Removal:
    return Removal(run.path, why, run.size, Run(run.path).info.get("dataset"))


def _leftovers(path: Path, shards: bool) -> Iterator[Removal]:
    for child in sorted(path.rglob(".*.tmp")):
        yield Removal(child, "left by a process that was killed", _size(child))
    home = path / "cache" / "shards"
    if shards and home.is_dir():
        yield Removal(home, "saves a second look at images when some are added", _size(home))


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    total = 0
    for root, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - many files
            except FileNotFoundError:
                continue  # written aside by a process at work, and renamed since
    return total


__all__ = ["Listed", "Removal", "list_runs", "listed", "remove", "superfluous"]
