"""The first screen: how good, where does it fail, what should be done first."""

from __future__ import annotations

from markupsafe import Markup

from curate.board.opening import Board
from curate.board.overview import overview
from curate.report.headline import headline
from curate.report.page import fragment

MOST = 6
"""Statements below a question: more of them are no first screen. The rest is in the sections."""


def lead(board: Board) -> Markup:
    """The three questions with their answers, and every kind that was found as a link."""
    said = headline(board)
    kinds = [row for row in overview(board).kinds if row.flagged]
    # How many there are of each kind stands beside its link.
    where = [one for one in said.where_it_fails if " flagged; " not in one.text]
    return fragment(
        "lead.html", how_good=said.how_good, where=where[:MOST], first=said.what_first[:MOST],
        last=said.what_first[MOST:], kinds=kinds,
    )  # fmt: skip
