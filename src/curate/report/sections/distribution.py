"""How many images of each class each split has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from curate.board.opening import Board
from curate.board.overview import SPLITS
from curate.report.page import Section, fragment

MOST = 100
"""Classes drawn one by one: the largest and, of more, the smallest."""

COLOURS = {"train": "c0", "val": "c1", "test": "c2"}


def distribution(board: Board) -> Section:
    """Bars of the images of each class, by split."""
    splits = [name for name in SPLITS if (board.splits == name).any()]
    k = len(board.classes)
    counts = {
        name: np.bincount(board.labels[(board.splits == name) & (board.labels >= 0)], minlength=k)
        for name in splits
    }
    total = sum(counts.values(), np.zeros(k, dtype=np.int64))
    order = np.argsort(-total, kind="stable").tolist()
    shown = order if k <= MOST else [*order[: MOST // 2], *order[-MOST // 2 :]]
    most = max(int(total.max(initial=0)), 1)
    rows: list[Mapping[str, Any]] = [
        {
            "name": board.classes[c],
            "counts": [int(counts[name][c]) for name in splits],
            "total": int(total[c]),
            "parts": [(COLOURS[name], counts[name][c] / most) for name in splits],
        }
        for c in shown
    ]
    left = k - len(shown)
    said = (
        f"The {MOST // 2} largest and the {MOST // 2} smallest of {k:,} classes."
        if left
        else "Largest first."
    )
    return Section(
        "distribution", "Images of each class in each split",
        fragment(
            "distribution.html", rows=rows, splits=splits, left=left,
            colours=[(name, COLOURS[name]) for name in splits],
            unlabelled=int((board.labels < 0).sum()),
        ),
        said, "Class sizes",
    )  # fmt: skip
