"""The map of all images: the run's own UMAP, in as few bytes as a screen can tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate import palette
from curate.board.opening import Board
from curate.store.schema import TIER_NAMES

GRID = 4095
"""Coordinates are whole numbers from 0 to this: finer than any screen, and short as text."""

NONE = "none"
_OWN_MARKS = len(palette.CATEGORIES) * len(palette.SYMBOLS)


@dataclass(frozen=True)
class Trace:
    """Points that are drawn alike.

    Attributes:
        name: for the legend.
        rows: (m,) rows of the board.
        colour: of all of them, or None where `values` give it.
        symbol: Plotly's name of their form.
        values: (m,) a score each, or None.
    """

    name: str
    rows: NDArray[np.int64]
    colour: str | None
    symbol: str = "circle"
    values: NDArray[np.float64] | None = None


def coordinates(board: Board) -> NDArray[np.int64] | None:
    """(n, 2) whole numbers from 0 to `GRID`; None for a run without a projection."""

    def scaled() -> NDArray[np.int64] | None:
        if "projection" not in board.run.info["arrays"]:
            return None
        xy = np.asarray(board.run.array("projection", board.ids.tolist()), dtype=float)
        low = xy.min(axis=0)
        # One scale for both axes: a UMAP's axes have the same unit.
        span = max(float((xy.max(axis=0) - low).max()), 1e-12) if len(xy) else 1.0
        grid: NDArray[np.int64] = np.rint((xy - low) / span * GRID).astype(np.int64)
        return grid

    found: NDArray[np.int64] | None = board.once("coordinates", scaled)
    return found


def colourings(board: Board) -> dict[str, str]:
    """What the points can be coloured by: key -> words."""
    kinds = [kind for kind in board.findings if board.flagged(kind).any()]
    return {
        "correct": "right or wrong",
        "class": "class",
        "predicted": "predicted class",
        "split": "split",
        "tier": "tier",
        **{f"found:{kind}": f"found: {kind.replace('_', ' ')}" for kind in kinds},
        **{f"score:{name}": f"score: {name.replace('_', ' ')}" for name in _scores(board)},
    }


def traces(board: Board, key: str, highlight: NDArray[np.bool_] | None = None) -> list[Trace]:
    """The points by colour, those that matter last, so that they lie on top.

    Args:
        board: the run.
        key: one of `colourings`.
        highlight: (n,) images to be drawn once more, on top of all.
    """
    found: list[Trace] = board.once(("traces", key), lambda: _traces(board, key))
    if highlight is None:
        return found
    return [*found, Trace("highlighted", np.flatnonzero(highlight), palette.CATEGORIES[6])]


def lassoed(drawn: list[Trace], points: Iterable[Mapping[str, Any]]) -> NDArray[np.int64]:
    """The rows behind points that Plotly names by trace and place; each row once."""
    places = [(int(one["trace_idx"]), int(one["idx"])) for one in points]
    rows = np.array([drawn[trace].rows[place] for trace, place in places], dtype=np.int64)
    return np.unique(rows)


def _scores(board: Board) -> dict[str, NDArray[np.float64]]:
    def find() -> dict[str, NDArray[np.float64]]:
        table = board.samples
        names = [
            name
            for name in table.columns
            if pd.api.types.is_float_dtype(table[name]) and table[name].notna().any()
        ]
        found = {name: table[name].to_numpy(dtype=float) for name in names}
        for kind, rows in board.findings.items():
            found[f"{kind}_score"] = rows["score"].to_numpy(dtype=float)
        return found

    scores: dict[str, NDArray[np.float64]] = board.once("scores", find)
    return scores


def _traces(board: Board, key: str) -> list[Trace]:
    what, _, name = key.partition(":")
    n = len(board.ids)
    if what == "score":
        values = _scores(board)[name]
        known = np.flatnonzero(np.isfinite(values))
        shown = [Trace(name.replace("_", " "), known, None, values=values[known])]
        return _with_rest(shown, n, "without")
    if what == "found":
        flags = np.flatnonzero(board.flagged(name))
        return _with_rest([Trace(name.replace("_", " "), flags, palette.WRONG)], n, "not flagged")
    if what == "correct":
        judged = (board.labels >= 0) & (board.predicted >= 0)
        right = judged & (board.labels == board.predicted)
        wrong = judged & ~right
        shown = [
            Trace("right", np.flatnonzero(right), palette.RIGHT),
            Trace("wrong", np.flatnonzero(wrong), palette.WRONG, "diamond"),
        ]
        return _with_rest(shown, n, "no label")
    if what == "tier":
        shown = [
            Trace(tier, np.flatnonzero(board.tiers == tier), palette.TIERS[tier])
            for tier in TIER_NAMES
        ]
        return _with_rest(shown, n, "in no tier")
    if what == "split":
        names = [split for split in ("train", "val", "test") if (board.splits == split).any()]
        return [
            Trace(split, np.flatnonzero(board.splits == split), palette.CATEGORIES[i])
            for i, split in enumerate(names)
        ]
    numbers = board.labels if what == "class" else board.predicted
    return _with_rest(_classes(board.classes, numbers), n, "other or no class")


def _classes(names: list[str], numbers: NDArray[np.int64]) -> list[Trace]:
    """A trace for each of the largest classes, as many as there are marks to tell apart."""
    sizes = np.bincount(numbers[numbers >= 0], minlength=len(names))
    largest = np.sort(np.argsort(-sizes, kind="stable")[:_OWN_MARKS])
    found = []
    for place, c in enumerate(largest[sizes[largest] > 0].tolist()):
        colour, symbol = palette.mark_of(place)
        found.append(Trace(names[c], np.flatnonzero(numbers == c), colour, symbol))
    return found


def _with_rest(shown: list[Trace], n: int, name: str) -> list[Trace]:
    """Put all others below, in grey."""
    rest = np.ones(n, dtype=bool)
    for trace in shown:
        rest[trace.rows] = False
    below = [Trace(name, np.flatnonzero(rest), palette.OTHER)] if rest.any() else []
    return [*below, *(trace for trace in shown if len(trace.rows))]
