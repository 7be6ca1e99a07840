"""Words, numbers and bars for a terminal of 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

WIDTH = 100
NAME = 28


def wrapped(text: str, indent: str = "", *, whole_words: bool = False) -> list[str]:
    """Break a line at `WIDTH` columns; what no terminal can show is spelled out.

    Args:
        text: the line.
        indent: of the lines after the first.
        whole_words: let a long word stand out over the width, so that it can be copied.
    """
    return textwrap.wrap(
        printable(text), WIDTH, subsequent_indent=indent, break_on_hyphens=False,
        break_long_words=not whole_words,
    )  # fmt: skip


def printable(text: str) -> str:
    r"""Spell out control characters (``\x1b``), which a file's name may hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, width: int = NAME) -> str:
    """A name of at most so many characters."""
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def number(value: float | None) -> str:
    """Two digits or more, as a person reads them, in at most seven characters below a million."""
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"


def bar(value: float, most: float, width: int = 40) -> str:
    """A bar of ``#`` in proportion; whatever is not nothing has at least one."""
    return "#" * max(round(width * value / most), 1) if value else ""


def right(heads: Sequence[str], rows: Iterable[list[Any]], first: int) -> list[list[Any]]:
    """Pad the texts of the columns from `first` on, so that numbers stand below each other."""
    cells = [list(row) for row in rows]
    for i in range(first, len(heads)):
        width = max([len(heads[i]), *(len(row[i]) for row in cells)])
        for row in cells:
            row[i] = row[i].rjust(width)
    return cells
