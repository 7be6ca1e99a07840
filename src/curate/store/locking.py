"""One process at a time works on a run; another is told who has it, and does not wait.

The lock is the operating system's own, on a file in the run: it ends with its process, however that
ends, so nothing is left that stops the next start. Readers need no lock, since every file of a run
is written whole.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.errors import RunError

FILE = ".working.lock"
NOTE = ".working.json"


@contextmanager
def working(path: Path, command: str) -> Iterator[None]:
    """Have the run at `path` to oneself while the block lasts; may be nested in one process.

    Args:
        path: the run directory, which is there.
        command: what works on it, for the message that others get.

    Raises:
        RunError: another process has it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path / FILE, blocking=False, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(
            f"Expected {path} for this command alone, found {_holder(path)} at work on it. "
            "Wait until that has ended, or choose another run."
        ) from None
    try:
        if lock.lock_counter == 1:
            who = {"pid": os.getpid(), "command": command, "since": time.strftime("%H:%M")}
            (path / NOTE).write_text(json.dumps(who), encoding="utf-8")
        yield
    finally:
        if lock.lock_counter == 1:
            (path / NOTE).unlink(missing_ok=True)
        lock.release()


def in_work(path: Path) -> bool:
    """Whether a process, this one or another, works on the run at `path` now.

    A run that may not be written is taken as one on which nobody works.
    """
    from filelock import FileLock, Timeout

    if not (path / FILE).exists() or not os.access(path / FILE, os.W_OK):
        return False
    probe = FileLock(path / FILE, blocking=False)
    try:
        with probe:
            return False
    except Timeout:
        return True


def _holder(path: Path) -> str:
    try:
        note = json.loads((path / NOTE).read_text("utf-8"))
        return f"{note['command']} (process {note['pid']}, since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # it has the lock and has not said its name yet


__all__ = ["in_work", "working"]
