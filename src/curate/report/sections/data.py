"""Facts about the images, and what is wrong with their files."""

from __future__ import annotations

import json
from typing import Any

from curate.board.opening import Board
from curate.report.page import Section, fragment

PROBLEMS = 40
"""Files that are named."""

ODD = 10
"""Classes and splits that are named."""

MEASURES = ("width", "height", "megapixels", "aspect_ratio")
POINTS = {"min": "least", "p5": "5 %", "p50": "median", "p95": "95 %", "max": "most"}


def data(board: Board) -> Section:
    """What the dataset holds; the problems are there also where no facts were written."""
    facts = _facts(board)
    problems = board.run.table("problems")
    return Section(
        "data", "The data: facts and problems",
        fragment(
            "data.html", facts=facts, sentences=_sentences(facts) if facts else [],
            percentiles=_percentiles(facts) if facts else [], points=list(POINTS.values()), odd=ODD,
            problems=problems.head(PROBLEMS)[["filepath", "problem", "detail"]].values.tolist(),
            n_problems=len(problems), root=str(board.run.info.get("data", "")).rstrip("/") + "/",
        ),
        short="Data",
    )  # fmt: skip


def _facts(board: Board) -> dict[str, Any] | None:
    path = board.run.path / "facts.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _sentences(facts: dict[str, Any]) -> list[str]:
    """What the catalog says in sentences, groups across splits first; paths below the root."""
    groups = facts["groups"]
    said = [one["sentence"] for one in (groups["straddling"], groups["suspicion"]) if one]
    root = facts["root"].rstrip("/") + "/"
    return [text.replace(root, "") for text in [*said, *facts["notes"]] if text]


def _percentiles(facts: dict[str, Any]) -> list[tuple[str, list[str]]]:
    rows = [(name, facts["sizes"].get(name), 1.0) for name in MEASURES]
    rows.append(("kB a file", facts["sizes"].get("file_bytes"), 1e3))
    rows += [(name, about, 1.0) for name, about in facts["pixels"]["statistics"].items()]
    return [
        (name.replace("_", " "), [_short(about[point] / unit) for point in POINTS])
        for name, about, unit in rows
        if about
    ]


def _short(value: float) -> str:
    """Three digits, or the whole number where it has more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
