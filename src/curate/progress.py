"""Telling a person what is going on: the logger, and the progress bar every long step takes.

Results belong on stdout; everything here goes to stderr.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

log = logging.getLogger("curate")


class Bar(Protocol):
    """One running bar."""

    def update(self, n: int = 1) -> object:
        """Say that `n` more units are done."""


class Progress(Protocol):
    """Opens a bar for one step: ``with progress("embed", total=900, unit="image") as bar``."""

    def __call__(
        self, name: str, total: int | None = None, unit: str = "it"
    ) -> AbstractContextManager[Bar]:
        """Open the bar of one step."""


class _Silent:
    def update(self, n: int = 1) -> None:
        """Nothing to show."""


@contextmanager
def silent(name: str, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
    """A progress that shows nothing, for library use and tests."""
    yield _Silent()


@contextmanager
def bars(name: str, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
    """A tqdm bar on stderr that shows itself only when a step takes longer than a second.

    Where only warnings are wanted (``--quiet``), there is none.
    """
    from tqdm import tqdm

    with tqdm(
        total=total,
        desc=name,
        unit=unit,
        file=sys.stderr,
        delay=1,
        mininterval=0.5,
        leave=True,
        disable=log.level > logging.INFO,
        dynamic_ncols=True,
    ) as bar:
        yield bar


def show_logs(level: int = logging.INFO, write: Callable[[str], object] | None = None) -> None:
    """Send curate's log lines to stderr (or to `write`), once, without a prefix."""

    class _Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = self.format(record) + "\n"
            (write or sys.stderr.write)(line)

    log.handlers[:] = [_Handler()]
    log.setLevel(level)
    log.propagate = False
