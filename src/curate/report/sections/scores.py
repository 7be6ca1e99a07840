"""How well each split and each class is told, weakest first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from curate.board.classes import ClassRow, classes
from curate.board.opening import Board
from curate.board.overview import SPLITS, overview
from curate.report.page import Section, fragment

OPEN = 30
"""Classes that are seen at once; the others are folded away."""

MOST = 120
"""Classes drawn at all."""


@dataclass(frozen=True)
class Shown:
    """The classes of one split, weakest first: seen at once, folded away, and left out."""

    split: str
    rows: list[ClassRow]
    folded: list[ClassRow]
    more: int


def scores(board: Board) -> Section:
    """Precision, recall and F1 of every class, and the scores of the splits."""
    found = [_weakest_first(board, split) for split in _speaking(board)]
    return Section(
        "classes", "How well each class is told",
        fragment("scores.html", splits=overview(board).splits, main=found[:1], others=found[1:]),
        "Weakest first, by F1. The line across each bar is its 95 % interval: where the lines of "
        "two classes overlap, the order of the two may be chance.",
        "Classes",
    )  # fmt: skip


def main_split(board: Board) -> str | None:
    """The split that speaks for the model: test, without labels there val, then train."""
    return next(iter(_speaking(board)), None)


def _speaking(board: Board) -> list[str]:
    judged = (board.labels >= 0) & (board.predicted >= 0)
    return [split for split in reversed(SPLITS) if (judged & (board.splits == split)).any()]


def _weakest_first(board: Board, split: str) -> Shown:
    rows = [row for row in classes(board, split) if row.f1 is not None]
    rows.sort(key=lambda row: row.f1[0] if row.f1 else math.inf)
    return Shown(split, rows[:OPEN], rows[OPEN:MOST], len(rows[MOST:]))
