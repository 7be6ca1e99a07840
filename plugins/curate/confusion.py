"""The tab Confusion: the matrix as a heatmap, and the pairs of classes that are mixed up."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate import palette
from curate.app import clicks as views
from curate.board.confusion import Matrix, Pair, matrix, top_pairs
from curate.board.difference import Difference
from curate.board.overview import SPLITS
from curate.report.numbers import number, percent

from .common import board_of, changed, columns, dropdown, options, table, told
from .difference import (
    ALONE,
    DifferencePart,
    beside_of,
    choose_other,
    difference_of,
    other_run,
    trace,
)

HEATMAP = "heatmap"
SHOWN = {"counts": "images", "share": "share of the row"}
ALL = "all"
CELL_TEXT_UP_TO = 15
"""Classes up to which each cell has room for its number."""


class ConfusionTab(DifferencePart):
    """Its events and its layout."""

    def load_confusion(self, ctx: Any) -> None:
        """Draw the matrix as the options say."""
        chosen = _options(ctx)
        if other_run(ctx) is not None:
            two = difference_of(beside_of(ctx), chosen["search"])
            ctx.panel.set_data(HEATMAP, [trace(two)])
            return
        shown = matrix(board_of(ctx), chosen["split"], chosen["search"])
        ctx.panel.set_data(HEATMAP, [_trace(shown, chosen)])

    @told
    def on_confusion_option(self, ctx: Any) -> None:
        """An option was changed: its name is the last part of the path."""
        if changed(ctx, "confusion", _chosen(ctx)):
            self.load_confusion(ctx)

    @told
    def show_cell(self, ctx: Any) -> None:
        """Show the images of the cell that was clicked."""
        label, predicted = str(ctx.params["y"]), str(ctx.params["x"])
        split = _options(ctx)["split"]
        if not ctx.params.get("z"):
            ctx.ops.notify(f"No image of {label} is taken for {predicted}.")
            return
        cell = {"label": label, "predicted": predicted, "split": split}
        ctx.panel.state.set("highlight", cell)  # the map draws its points on top
        ctx.ops.set_view(views.taken_for(ctx.dataset, label, predicted, split))

    @told
    def show_pair(self, ctx: Any) -> None:
        """Show the images of the pair in the row that was clicked."""
        split, row = _options(ctx)["split"], int(ctx.params["row"])
        pair = top_pairs(board_of(ctx), split)[row]
        ctx.ops.set_view(views.mixed_up(ctx.dataset, pair.a, pair.b, split))

    def render_confusion(self, ctx: Any, panel: types.Object) -> None:
        """Lay the tab out."""
        board, chosen = board_of(ctx), _options(ctx)
        choose_other(ctx, panel, self.on_confusion_option)
        two = None if other_run(ctx) is None else difference_of(beside_of(ctx), chosen["search"])
        shown = two or matrix(board, chosen["split"], chosen["search"])
        bar = columns(panel, "bar", "150px 190px 1fr")
        splits = {name: name for name in SPLITS if name in board.splits}
        change = self.on_confusion_option
        if two is None:
            splits = {ALL: "all splits", **splits}
            dropdown(bar, "split", "split", splits, chosen["split"] or ALL, change)
            dropdown(bar, "shown", "numbers", SHOWN, chosen["shown"], change)
            bar.bool(
                "mistakes", label="mistakes only", default=bool(chosen["mistakes"]),
                view=types.SwitchView(), on_change=change,
            )  # fmt: skip
        else:
            dropdown(bar, "split", "split", splits, beside_of(ctx).split, change)
        if not shown.whole or chosen["search"]:
            panel.str(
                "search", label="classes with this in their name", default=chosen["search"],
                on_change=change,
            )  # fmt: skip
            panel.md(_which(shown, chosen["search"]), name="which")
        if two is not None:
            self.render_difference(ctx, panel, _layout(shown))
            return
        if shown.names:
            panel.plot(
                "heatmap", on_click=self.show_cell, layout=_layout(shown),
                config={"displayModeBar": False, "scrollZoom": False},
            )  # fmt: skip
        self._pairs(panel, top_pairs(board, chosen["split"]))

    def _pairs(self, panel: types.Object, pairs: list[Pair]) -> None:
        if not pairs:
            panel.md("No two classes are mixed up.", name="no_pairs")
            return
        panel.md("**Most mixed up** (a click shows the images)", name="pairs_title")
        heads = {
            "pair": "classes", "images": "there / back", "rate": "of both (95 %)",
            "verdict": "verdict",
        }  # fmt: skip
        why = {(row, 3): "; ".join(pair.causes) for row, pair in enumerate(pairs) if pair.causes}
        rows = [
            {
                "id": f"{pair.a}/{pair.b}",
                "pair": f"{pair.a} / {pair.b}",
                "images": f"{number(pair.a_as_b)} / {number(pair.b_as_a)}",
                "rate": f"{percent(pair.rate, 1)} [{percent(pair.interval[0], 1)}, "
                f"{percent(pair.interval[1], 1)}]",
                "verdict": pair.verdict,
            }
            for pair in pairs
        ]
        table(panel, "pairs", heads, rows, why, on_click_row=self.show_pair)


def _chosen(ctx: Any) -> dict[str, Any]:
    """The options as the controls have them."""
    usual = {"split": ALL, "shown": "counts", "mistakes": False, "search": "", "other": ALONE}
    return usual | options(ctx, "confusion")


def _options(ctx: Any) -> dict[str, Any]:
    """The options as the board wants them."""
    chosen = _chosen(ctx)
    split = None if chosen["split"] == ALL else chosen["split"]
    return {**chosen, "split": split, "search": chosen["search"] or ""}


def _trace(shown: Matrix, chosen: dict[str, Any]) -> dict[str, Any]:
    as_share = chosen["shown"] == "share"
    values = (shown.share.round(4) if as_share else shown.counts).tolist()
    if chosen["mistakes"]:
        for i, row in enumerate(values):
            row[i] = None
    trace = {
        "type": "heatmap",
        "z": values,
        "x": list(shown.names),
        "y": list(shown.names),
        "colorscale": palette.SEQUENTIAL,
        "hoverongaps": False,
        "hovertemplate": "%{y} taken for %{x}: %{z}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 12},
    }
    if len(shown.names) <= CELL_TEXT_UP_TO:
        trace["texttemplate"] = "%{z:.0%}" if as_share else "%{z}"
    return trace


def _layout(shown: Matrix | Difference) -> dict[str, Any]:
    ticks = {"type": "category", "automargin": True, "tickmode": "linear", "showgrid": False}
    return {
        "height": min(max(320, 90 + 24 * len(shown.names)), 700),
        "xaxis": {**ticks, "title": {"text": "predicted"}, "side": "bottom"},
        "yaxis": {**ticks, "title": {"text": "label", "standoff": 8}, "autorange": "reversed"},
    }


def _which(shown: Matrix | Difference, search: str) -> str:
    if not shown.names:
        return f"No class has {search!r} in its name."
    what = "those found and what they are taken for" if search else "the most confused"
    return f"{len(shown.names)} of {number(shown.classes)} classes: {what}"
