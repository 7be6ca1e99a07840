"""Failures between their nearest: of the class they have, and of the one they are taken for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.board.opening import Board
from curate.board.why import Shown, Why, why
from curate.report.page import Section, fragment
from curate.report.pictures import Picture, Pictures
from curate.report.sections.found import file_name
from curate.report.sections.scores import main_split

SHOWN = 10
"""Failures drawn."""

OF_A_PAIR = 2
"""Of one label taken for one class: ten times the same mistake would show one thing only."""


@dataclass(frozen=True)
class Triptych:
    """One failure with the pictures beside it."""

    why: Why
    file: str
    image: Picture
    own: list[Picture]
    other: list[Picture]


def failures(board: Board, pictures: Pictures) -> Section | None:
    """The surest mistakes of the split that speaks for the model; None without any."""
    split = main_split(board)
    if split is None or not {"probs", "embeddings"} <= set(board.run.info["arrays"]):
        return None
    wrong = (board.labels >= 0) & (board.predicted >= 0) & (board.labels != board.predicted)
    rows = np.flatnonzero(wrong & (board.splits == split))
    if not len(rows):
        return None
    drawn = [_drawn(board, row, pictures) for row in _surest(board, rows)]
    return Section(
        "failures", "The surest mistakes, and what they look like",
        fragment("failures.html", drawn=drawn),
        f"Of {len(rows):,} mistakes on {split} those with the largest margin, at most {OF_A_PAIR} "
        "of each kind. Beside each are the nearest images of its own class and of the class it is "
        "taken for: they show whether the label, the prediction or neither is right.",
        "Mistakes",
    )  # fmt: skip


def _surest(board: Board, rows: NDArray[np.int64]) -> list[int]:
    margin = board.samples["margin"].to_numpy(dtype=float)
    taken: Counter[tuple[int, int]] = Counter()
    chosen: list[int] = []
    for row in rows[np.argsort(margin[rows], kind="stable")].tolist():
        pair = (int(board.labels[row]), int(board.predicted[row]))
        if taken[pair] < OF_A_PAIR:
            taken[pair] += 1
            chosen.append(row)
        if len(chosen) == SHOWN:
            break
    return chosen


def _drawn(board: Board, row: int, pictures: Pictures) -> Triptych:
    found = why(board, str(board.ids[row]))
    made = pictures.of([_wanted(one) for one in (found.image, *found.own, *found.other)])
    at = 1 + len(found.own)
    return Triptych(found, file_name(found.image.filepath), made[0], made[1:at], made[at:])


def _wanted(one: Shown) -> tuple[str, str]:
    return one.filepath, f"{one.label or 'no label'}, {file_name(one.filepath)}"
