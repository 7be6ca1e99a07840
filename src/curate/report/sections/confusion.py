"""What is taken for what: the matrix and its most confused pairs."""

from __future__ import annotations

from curate.board.confusion import matrix, top_pairs
from curate.board.opening import Board
from curate.report.page import Section, fragment
from curate.report.sections.scores import main_split


def confusion(board: Board) -> Section | None:
    """The heatmap of one split and the pairs of all; None where nothing is both told and known."""
    split = main_split(board)
    if split is None:
        return None
    drawn = matrix(board, split)
    where = f"Images of {split}: rows are labels, columns predictions."
    part = "" if drawn.whole else (
        f" Shown are the {len(drawn.names)} of {drawn.classes:,} classes that are mixed up most."
    )  # fmt: skip
    return Section(
        "confusion", "What is taken for what",
        fragment(
            "confusion.html", names=drawn.names, counts=drawn.counts.tolist(),
            share=drawn.share.tolist(), split=split, pairs=top_pairs(board, split),
        ),
        f"{where} Classes that are mixed up stand next to each other; the darker, the larger the "
        f"share of the row.{part}",
        "Confusion",
    )  # fmt: skip
