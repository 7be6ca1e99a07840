"""The tab Classes: a table of them; a click on a head sorts, one on a row shows the images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone.operators.types as types

from curate.app import clicks as views
from curate.board.classes import ClassRow, Estimate, classes
from curate.board.overview import SPLITS
from curate.report.numbers import number
from curate.store.schema import TIER_NAMES

from .common import board_of, changed, columns, dropdown, options, table, told

ALL = "all"
MOST = 200
"""Rows of the table: more are no reading matter, and a browser takes seconds for thousands."""

USUAL = {"split": ALL, "by": "f1", "down": False}
HEADS = {
    "name": "class", "images": "images", "recall": "recall %", "precision": "precision %",
    "f1": "F1 %", "errors": "label errors", "mix": "easy / medium / hard / review",
}  # fmt: skip


class ClassesTab:
    """Its events and its layout."""

    @told
    def on_classes_option(self, ctx: Any) -> None:
        """Another split was chosen."""
        changed(ctx, "classes", _chosen(ctx))

    @told
    def on_classes_cell(self, ctx: Any) -> None:
        """A head was clicked, which sorts, or a row, which shows the images of the class."""
        row, column = int(ctx.params["row"]), int(ctx.params["column"])
        chosen = _chosen(ctx)
        if row < 0:
            by = list(HEADS)[column]
            down = not chosen["down"] if by == chosen["by"] else False
            options(ctx, "classes", by=by, down=down)
            return
        name = _rows(ctx)[row].name
        ctx.ops.set_view(views.of_class(ctx.dataset, name, _split(chosen)))

    def render_classes(self, ctx: Any, panel: types.Object) -> None:
        """Lay the tab out."""
        board, chosen = board_of(ctx), _chosen(ctx)
        bar = columns(panel, "classes_bar", "150px 1fr")
        splits = {ALL: "all splits", **{name: name for name in SPLITS if name in board.splits}}
        dropdown(bar, "split", "split", splits, chosen["split"], self.on_classes_option)
        rows = _rows(ctx)
        arrow = " ▼" if chosen["down"] else " ▲"
        heads = {key: head + arrow * (key == chosen["by"]) for key, head in HEADS.items()}
        table(
            panel, "classes", heads, [_texts(row) for row in rows],
            on_click_cell=self.on_classes_cell,
        )  # fmt: skip
        said = "A click on a head sorts, a click on a row shows the images of the class. "
        if len(board.classes) > len(rows):
            said += f"The first {number(len(rows))} of {number(len(board.classes))} classes. "
        panel.md(
            f"{said}In brackets 95 % intervals. Tiers are of the training images.",
            name="classes_words",
        )


def _chosen(ctx: Any) -> dict[str, Any]:
    return USUAL | options(ctx, "classes")


def _split(chosen: dict[str, Any]) -> str | None:
    return None if chosen["split"] == ALL else str(chosen["split"])


def _rows(ctx: Any) -> list[ClassRow]:
    chosen = _chosen(ctx)
    rows = classes(board_of(ctx), _split(chosen))
    return sorted(rows, key=KEYS[chosen["by"]], reverse=chosen["down"])[:MOST]


def _value(estimate: Estimate) -> float:
    return -1.0 if estimate is None else estimate[0]


KEYS: dict[str, Callable[[ClassRow], Any]] = {
    "name": lambda row: row.name,
    "images": lambda row: row.images,
    "recall": lambda row: _value(row.recall),
    "precision": lambda row: _value(row.precision),
    "f1": lambda row: _value(row.f1),
    "errors": lambda row: -1 if row.label_errors is None else row.label_errors,
    "mix": lambda row: sum(row.tiers[2:]) / max(sum(row.tiers), 1),
}
"""What each column is sorted by; the mix by the share that is hard or under review."""


def _texts(row: ClassRow) -> dict[str, Any]:
    return {
        "id": row.name,
        "name": row.name,
        "images": number(row.images),
        "recall": _estimate(row.recall),
        "precision": _estimate(row.precision),
        "f1": _estimate(row.f1),
        "errors": "not looked for" if row.label_errors is None else number(row.label_errors),
        "mix": " / ".join(number(count) for count in row.tiers[: len(TIER_NAMES)]),
    }


def _estimate(estimate: Estimate) -> str:
    if estimate is None:
        return "no images"
    value, low, high = estimate
    return f"{100 * value:.0f} [{100 * low:.0f}, {100 * high:.0f}]"
