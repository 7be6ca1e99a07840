"""The report for programs, as text."""

from __future__ import annotations

import json

from curate.board.opening import Board
from curate.report.facts import facts


def as_json(board: Board) -> str:
    """`curate.report.facts.facts` as a JSON document."""
    return json.dumps(facts(board), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
