"""The first screen of a report: how good, where does it fail, what first."""

from __future__ import annotations

from curate.board.opening import Board
from curate.report.advice import what_first
from curate.report.failings import where_it_fails
from curate.report.scores import how_good
from curate.report.statement import Headline, Statement


def headline(board: Board) -> Headline:
    """What a person should know of a run who reads nothing else."""
    return Headline(how_good(board), where_it_fails(board), what_first(board))


__all__ = ["Headline", "Statement", "headline"]
