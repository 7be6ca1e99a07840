"""The map of all images: drawn, and to be explored where programs are allowed."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from curate import palette
from curate.board.opening import Board
from curate.board.points import GRID, Trace, colourings, coordinates, traces
from curate.report.page import Section, fragment
from curate.report.sections.found import file_name

MOST = 12_000
"""Points that can be explored: they take a megabyte."""

DRAWN = 6_000
"""Points of each drawn map: more run into each other at its size."""

NAMED = 30
"""Classes whose names have room on the map."""

SCORES = ("score:confidence", "score:difficulty")
STEPS = 100
"""Values of a score that are told apart."""

_SIDE = 400


def image_map(board: Board) -> Section | None:
    """The map; None for a run without one, or with too few images for it to mean anything."""
    xy = coordinates(board)
    if xy is None or len(xy) < 3:
        return None
    rows = sampled(board, MOST)
    few = rows if len(rows) <= DRAWN else rows[:: -(-len(rows) // DRAWN)]
    drawn = [
        (words, _drawn(traces(board, key), xy, few), _legend(traces(board, key), few))
        for key, words in (("correct", "right or wrong"), ("class", "class"))
    ]
    drawn[1] = (drawn[1][0], drawn[1][1] + _names(board, xy, few), [])
    part = "" if len(rows) == len(xy) else (
        f" Shown are {len(rows):,} of {len(xy):,} images, those that are wrong or flagged first: "
        "do not read shares from it."
    )  # fmt: skip
    return Section(
        "map", "The map of all images",
        fragment(
            "map.html", drawn=drawn, side=_SIDE, data=_data(board, xy, rows), plotly=_plotly(),
            images=len(few),
        ),
        "What looks alike to the model lies close together (UMAP of its embeddings). Distances "
        f"between far groups, and the size of a group, mean nothing.{part}",
        "Map",
    )  # fmt: skip


def sampled(board: Board, most: int) -> NDArray[np.int64]:
    """At most so many rows, in their order; up to half of them are wrong or flagged."""
    n = len(board.ids)
    if n <= most:
        return np.arange(n)
    wrong = (board.labels >= 0) & (board.predicted >= 0) & (board.labels != board.predicted)
    telling = wrong | np.any([board.flagged(kind) for kind in board.findings], axis=0)
    rng = np.random.default_rng(0)
    first = rng.permutation(np.flatnonzero(telling))[: most // 2]
    rest = rng.permutation(np.setdiff1d(np.arange(n), first))[: most - len(first)]
    return np.sort(np.concatenate([first, rest]))


def _drawn(found: list[Trace], xy: NDArray[np.int64], rows: NDArray[np.int64]) -> Markup:
    """Points as strokes without length, one path a colour: a dozen characters a point."""
    inside = np.zeros(len(xy), dtype=bool)
    inside[rows] = True
    paths = []
    for trace in found:
        own = xy[trace.rows[inside[trace.rows]]]
        if len(own):
            places = np.rint(own * (_SIDE - 20) / GRID + 10).astype(int)
            path = "".join(f"M{x} {_SIDE - y}h0" for x, y in places.tolist())
            faint = ' opacity=".45"' if trace.colour == palette.OTHER else ""
            paths.append(
                Markup('<path d="{}" stroke="{}"{}/>').format(path, trace.colour, Markup(faint))
            )
    return Markup('<g fill="none" stroke-width="4" stroke-linecap="round">{}</g>').format(
        Markup("").join(paths)
    )


def _names(board: Board, xy: NDArray[np.int64], rows: NDArray[np.int64]) -> Markup:
    """The classes' names where most of their images are; without them ten colours say little."""
    if len(board.classes) > NAMED:
        return Markup("")
    labels = board.labels[rows]
    texts = []
    for c, name in enumerate(board.classes):
        if (labels == c).any():
            x, y = np.median(xy[rows[labels == c]], axis=0) * (_SIDE - 20) / GRID + 10
            short = name if len(name) <= 18 else name[:17] + "…"
            half = 3.2 * len(short)  # half the width of its letters: it stays inside the map
            x = min(max(x, half), _SIDE - half)
            texts.append(
                Markup('<text x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>').format(
                    x, _SIDE - y + 4, short
                )
            )
    return Markup('<g class="names">{}</g>').format(Markup("").join(texts))


def _legend(found: list[Trace], rows: NDArray[np.int64]) -> list[tuple[str, str, int]]:
    """Name, colour and number of each trace that is drawn."""
    return [
        (trace.name, str(trace.colour), int(np.isin(trace.rows, rows).sum()))
        for trace in found
        if np.isin(trace.rows, rows).any()
    ]


def _data(board: Board, xy: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[str, Any]:
    """All that the program in the page needs, by point: coordinates, words, and who is coloured."""
    place = np.full(len(xy), -1)
    place[rows] = np.arange(len(rows))
    return {
        "x": xy[rows, 0].tolist(),
        "y": xy[rows, 1].tolist(),
        "most": STEPS,
        "other": palette.OTHER,
        "classes": board.classes,
        "label": board.labels[rows].tolist(),
        "predicted": board.predicted[rows].tolist(),
        "file": [file_name(path) for path in board.samples["filepath"].iloc[rows]],
        "colourings": list(_colourings(board, place)),
    }


def _colourings(board: Board, place: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    for key, words in colourings(board).items():
        if key.startswith("score:") and key not in SCORES:
            continue
        found = traces(board, key)
        # Whoever is in no other trace is in this one, so that it need not be written down.
        rest = found[0].name if found and found[0].colour == palette.OTHER else None
        yield {
            "name": words,
            "rest": rest,
            "traces": [_trace(one, place) for one in found[rest is not None :]],
        }


def _trace(one: Trace, place: NDArray[np.int64]) -> dict[str, Any]:
    points = place[one.rows]
    told: dict[str, Any] = {
        "name": one.name, "colour": one.colour, "symbol": one.symbol,
        "of": points[points >= 0].tolist(),
    }  # fmt: skip
    if one.values is not None:
        low, high = float(one.values.min()), float(one.values.max())
        steps = np.rint((one.values - low) / max(high - low, 1e-12) * STEPS).astype(int)
        told |= {"low": low, "high": high, "steps": steps[points >= 0].tolist()}
    return told


@cache
def _plotly() -> str:
    """Plotly's program, compressed: the browser unpacks it when somebody looks at the map."""
    spec = find_spec("plotly")
    assert spec is not None and spec.origin is not None, "a package that curate depends on"
    program = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    # Level 4 and no time of the day: quick, and the same bytes whenever it is written.
    return base64.b64encode(gzip.compress(program.read_bytes(), 4, mtime=0)).decode()
