"""Part of the tab Confusion: what another run takes for what, beside this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone.operators.types as types

from curate import palette
from curate.app import clicks as views
from curate.app.others import other_runs
from curate.board.difference import Cell, Difference, difference, top_cells
from curate.pipeline.beside import Beside, beside
from curate.report.numbers import number

from .common import board_of, dropdown, options, table, text, told

ALONE = "none"
SCALE = [[0, palette.WRONG], [0.5, "#F4F4F4"], [1, palette.RIGHT]]
"""Worse, as it was, better."""


class DifferencePart:
    """Its events and its layout."""

    @told
    def show_moved(self, ctx: Any) -> None:
        """Show the images that only one of the two runs has in the cell that was clicked."""
        _show(ctx, beside_of(ctx), str(ctx.params["y"]), str(ctx.params["x"]))

    @told
    def show_moved_pair(self, ctx: Any) -> None:
        """The same for a row of the table."""
        two = beside_of(ctx)
        cell = _cells(two)[int(ctx.params["row"])]
        _show(ctx, two, cell.label, cell.predicted)

    def render_difference(self, ctx: Any, panel: types.Object, layout: dict[str, Any]) -> None:
        """Lay the difference out in place of the matrix."""
        two = beside_of(ctx)
        right_a, right_b = int((two.a == two.labels).sum()), int((two.b == two.labels).sum())
        text(
            panel, "both",
            f"{number(len(two.ids))} labelled {two.split} images in both runs: this one has "
            f"{number(right_a)} right, the other {number(right_b)}. Whether that is more "
            f"than chance is said by: curate compare {board_of(ctx).run.path} {two.other}",
        )  # fmt: skip
        panel.plot(
            "heatmap", on_click=self.show_moved, layout=layout,
            config={"displayModeBar": False, "scrollZoom": False},
        )  # fmt: skip
        cells = _cells(two)
        if not cells:
            text(panel, "no_cells", "Both runs make the same mistakes.")
            return
        text(panel, "cells_title", "Mistakes that changed most (a click shows the images)")
        heads = {"cell": "taken for", "a": "this run", "b": "the other", "change": "change"}
        rows = [
            {
                "id": f"{cell.label}/{cell.predicted}",
                "cell": f"{cell.label} for {cell.predicted}",
                "a": number(cell.a),
                "b": number(cell.b),
                "change": f"{cell.change:+,}",
            }
            for cell in cells
        ]
        table(panel, "cells", heads, rows, on_click_row=self.show_moved_pair)


def choose_other(ctx: Any, parent: types.Object, on_change: Callable[..., Any]) -> None:
    """A list of the other runs of these classes; nothing where there is none."""
    others = other_runs(ctx.dataset)
    if others:
        choices = {ALONE: "no other run beside this one"}
        choices |= {path: f"difference to {name}" for path, name in others.items()}
        dropdown(parent, "other", "another run", choices, other_run(ctx) or ALONE, on_change)


def other_run(ctx: Any) -> str | None:
    """The run that a person chose to see beside this one."""
    chosen = str(options(ctx, "confusion").get("other", ALONE))
    return None if chosen == ALONE else chosen


def beside_of(ctx: Any) -> Beside:
    """The two runs of the tab, read once while neither changes."""
    board, other = board_of(ctx), other_run(ctx)
    assert other is not None
    chosen = options(ctx, "confusion").get("split", "all")
    split = None if chosen == "all" else str(chosen)
    changed = (Path(other) / "run.json").stat().st_mtime_ns
    two: Beside = board.once(
        ("beside", other, changed, split), lambda: beside(board.run, other, split)
    )
    return two


def _cells(two: Beside) -> list[Cell]:
    return top_cells(two.confusion(two.a), two.confusion(two.b), two.names)


def _show(ctx: Any, two: Beside, label: str, predicted: str) -> None:
    ids = two.moved(label, predicted)
    if ids:
        ctx.ops.set_view(views.chosen(ctx.dataset, ids))
    else:
        ctx.ops.notify(f"Both runs take the same images of {label} for {predicted}.")


def difference_of(two: Beside, search: str) -> Difference:
    """The difference as it is drawn."""
    return difference(two.confusion(two.a), two.confusion(two.b), two.names, search)


def trace(shown: Difference) -> dict[str, Any]:
    """The heatmap: blue where the other run is better, with the change in images."""
    most = max(int(abs(shown.gain).max(initial=0)), 1)
    return {
        "type": "heatmap",
        "z": shown.gain.tolist(),
        "x": list(shown.names),
        "y": list(shown.names),
        "text": [[f"{one:+d}" if one else "" for one in row] for row in shown.change.tolist()],
        "texttemplate": "%{text}",
        "colorscale": SCALE,
        "zmin": -most,
        "zmax": most,
        "hovertemplate": "%{y} taken for %{x}: %{text} images<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 12},
    }
