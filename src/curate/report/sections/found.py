"""What was found: a gallery of each kind with its reasons, worst first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.board.opening import Board
from curate.board.overview import KindRow, overview
from curate.report.detector_words import words_of
from curate.report.kinds import MEANS
from curate.report.page import Section, fragment
from curate.report.pictures import Picture, Pictures

SHOWN = 12
"""Images of each kind."""


@dataclass(frozen=True)
class Card:
    """One flagged image; `partner` is the other of a pair."""

    picture: Picture
    partner: Picture | None
    label: str
    predicted: str
    split: str
    file: str
    reason: str
    suggestion: str


@dataclass(frozen=True)
class Kind:
    """One kind of finding with its worst images."""

    row: KindRow
    means: str
    said: list[str]
    cards: list[Card]


def found(board: Board, pictures: Pictures) -> Section:
    """A gallery for each kind that flagged anything; the others in a line."""
    view = overview(board)
    kinds = [_kind(board, row, pictures) for row in view.kinds if row.flagged]
    silent = [row.kind for row in view.kinds if not row.flagged]
    return Section(
        "found", "What was found",
        fragment("found.html", kinds=kinds, silent=silent, skipped=view.skipped),
        f"Up to {SHOWN} images of each kind, worst first. An image can be of several kinds. A "
        "finding is a reason to look, not a verdict.",
        "Found",
    )  # fmt: skip


def file_name(path: str) -> str:
    """The last three parts of a path: enough to find it, and short."""
    return "/".join(path.rsplit("/", 3)[-3:])


def _kind(board: Board, row: KindRow, pictures: Pictures) -> Kind:
    table = board.findings[row.kind]
    flagged = np.flatnonzero(board.flagged(row.kind))
    order = np.argsort(table["rank"].to_numpy(dtype=float)[flagged], kind="stable")
    rows = _once(table, flagged[order], board)[:SHOWN]
    samples = board.samples.iloc[rows]
    said = table.iloc[rows]
    partners = [board.row_of.get(_text(one), -1) for one in said["partner_id"]]
    paths = board.samples["filepath"]
    own = pictures.of([(path, file_name(path)) for path in samples["filepath"]])
    other = pictures.of([(paths[p], file_name(paths[p])) for p in partners if p >= 0])
    left = iter(other)
    cards = [
        Card(
            picture, next(left) if partner >= 0 else None, _text(one.label), _text(one.pred_label),
            str(one.split), file_name(str(one.filepath)), _text(reason), _text(suggestion),
        )
        for picture, partner, one, reason, suggestion in zip(
            own, partners, samples.itertuples(), said["reason"], said["suggestion"], strict=True
        )
    ]  # fmt: skip
    detectors = board.run.info.get("detectors", {})
    words = words_of(detectors, row.kind)
    return Kind(row, MEANS.get(row.kind, ""), words, cards)


def _once(table: pd.DataFrame, rows: NDArray[np.int64], board: Board) -> list[int]:
    """The rows, but of two that are each other's partner the first alone."""
    shown: list[int] = []
    seen: set[str] = set()
    partners = table["partner_id"].to_numpy(dtype=object)
    for row in rows.tolist():
        if board.ids[row] not in seen:
            shown.append(row)
            seen.add(_text(partners[row]))
    return shown


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
