"""The tab Map: all images by how alike they are; a lasso shows those in it."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types
import numpy as np

from curate import palette
from curate.app import clicks as views
from curate.board.opening import Board
from curate.board.points import Trace, colourings, coordinates, lassoed, traces
from curate.report.numbers import number

from .common import board_of, changed, columns, dropdown, options, told

PLOT = "map"
DEFAULT = "correct"
SMALL, LARGE = 3, 5
"""Pixels across a point, for more and for fewer than `MANY` of them."""

MANY = 5000


class MapTab:
    """Its events and its layout."""

    def load_map(self, ctx: Any) -> None:
        """Draw the points by the chosen colour."""
        board = board_of(ctx)
        xy = coordinates(board)
        if xy is not None:
            drawn = _drawn(ctx, board)
            ctx.panel.set_data(PLOT, [_trace(one, xy, len(board.ids)) for one in drawn])

    @told
    def on_map_option(self, ctx: Any) -> None:
        """Another colour was chosen."""
        if changed(ctx, "map", {"colour": _colour(ctx)}):
            self.load_map(ctx)

    @told
    def on_lasso(self, ctx: Any) -> None:
        """Show the images in the lasso; an empty one changes nothing."""
        board = board_of(ctx)
        rows = lassoed(_drawn(ctx, board), ctx.params.get("data") or [])
        if len(rows):
            ctx.ops.set_view(views.chosen(ctx.dataset, board.ids[rows].tolist()))

    @told
    def clear_highlight(self, ctx: Any) -> None:
        """Forget the cell that was clicked in the confusion matrix."""
        ctx.panel.state.set("highlight", None)
        self.load_map(ctx)

    def render_map(self, ctx: Any, panel: types.Object) -> None:
        """Lay the tab out."""
        board = board_of(ctx)
        if coordinates(board) is None:
            panel.md("This run has no map: its analysis ended before it was drawn.", name="no_map")
            return
        bar = columns(panel, "map_bar", "230px 1fr")
        dropdown(bar, "colour", "colour by", colourings(board), _colour(ctx), self.on_map_option)
        cell = ctx.panel.state.get("highlight")
        if cell:
            bar.btn(
                "clear_highlight", label=f"highlighted: {cell['label']} taken for "
                f"{cell['predicted']} (click to clear)", on_click=self.clear_highlight,
            )  # fmt: skip
        panel.plot(
            "map",
            on_selected=self.on_lasso,
            layout=_layout(),
            config={"modeBarButtonsToRemove": ["toImage", "autoScale2d"], "scrollZoom": True},
        )
        panel.md(
            f"{number(len(board.ids))} images; what looks alike to the model lies close together. "
            "Distances between far groups mean nothing. Draw around points to see their images.",
            name="map_words",
        )


def _colour(ctx: Any) -> str:
    return str(options(ctx, "map").get("colour") or DEFAULT)


def _drawn(ctx: Any, board: Board) -> list[Trace]:
    cell = ctx.panel.state.get("highlight")
    return traces(board, _colour(ctx), None if not cell else _cell(board, cell))


def _cell(board: Board, cell: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The images of a cell of the confusion matrix."""
    number_of = {name: i for i, name in enumerate(board.classes)}
    rows = board.labels == number_of.get(cell["label"], -2)
    rows &= board.predicted == number_of.get(cell["predicted"], -2)
    if cell.get("split"):
        rows &= board.splits == cell["split"]
    return rows


def _trace(one: Trace, xy: np.ndarray[Any, Any], n: int) -> dict[str, Any]:
    marker: dict[str, Any] = {"size": SMALL if n > MANY else LARGE, "symbol": one.symbol}
    if one.values is not None:
        marker |= {
            "color": one.values.round(3).tolist(), "colorscale": palette.SEQUENTIAL,
            "showscale": True, "colorbar": {"thickness": 12},
        }  # fmt: skip
    else:
        marker |= {"color": one.colour, "opacity": 0.35 if one.colour == palette.OTHER else 0.9}
    if one.name == "highlighted":
        marker |= {"size": 2 * marker["size"] + 2, "line": {"width": 1, "color": "#000000"}}
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": one.name,
        "x": xy[one.rows, 0].tolist(),
        "y": xy[one.rows, 1].tolist(),
        "marker": marker,
        "hoverinfo": "name",
    }


def _layout() -> dict[str, Any]:
    bare = {"visible": False, "showgrid": False, "zeroline": False}
    return {
        "height": 480,
        "dragmode": "lasso",
        "hovermode": "closest",
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "x": 0,
            "itemsizing": "constant",
        },
        "margin": {"l": 0, "r": 0, "t": 30, "b": 0},
        "xaxis": bare,
        "yaxis": {**bare, "scaleanchor": "x"},
        "uirevision": "map",
    }
