"""What all tabs share: the run behind the dataset, and errors that a person gets to see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import fiftyone.operators.types as types

from curate.app.names import ID_FIELD
from curate.app.opened import open_run
from curate.board.opening import Board
from curate.errors import CurateError

log = logging.getLogger("curate")

DRAWN = ("heatmap", "map", "chances", "tiers", "schedule")
"""The plots, by the name of their property. FiftyOne copies what they show into the panel's state,
which goes to the server and back at every event, whenever a control reports its value; so it is
taken out of there again. The plots themselves show the panel's data, not its state."""

FULL = {"item": {"sx": {"width": "100%"}}}
"""Component properties of a stack whose children take the whole width."""


def board_of(ctx: Any) -> Board:
    """The run of the dataset in the App."""
    return open_run(ctx.dataset.info)


def pick_image(ctx: Any, name: str) -> None:
    """Keep the sample id of the image that is open or selected; without one, the last stays."""
    chosen = ctx.current_sample or (ctx.selected[0] if ctx.selected else None)
    if chosen:
        ids = ctx.dataset.select(chosen).values(ID_FIELD)
        ctx.panel.state.set(name, ids[0] if ids else None)


def told(callback: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Show and log every error of a callback; it stays on the panel until the next click.

    FiftyOne itself would show a long traceback, or nothing.
    """

    @wraps(callback)
    def call(self: Any, ctx: Any) -> Any:
        if ctx.panel.state.error:
            ctx.panel.state.error = None
        for name in DRAWN:
            if ctx.panel.state.get(name):
                ctx.panel.state.set(name, None)
        try:
            return callback(self, ctx)
        except Exception as error:
            log.exception("panel: %s", callback.__name__)
            ctx.panel.state.error = described(error)
            ctx.ops.notify(described(error), variant="error")
            return None

    return call


def described(error: Exception) -> str:
    """An error of ours in its own words; any other with its type, which often is half of it."""
    return str(error) if isinstance(error, CurateError) else f"{type(error).__name__}: {error}"


def columns(parent: types.Object, name: str, widths: str) -> types.Object:
    """A row with columns of these widths, in the words of CSS: ``200px 1fr``."""
    style = {
        "display": "grid",
        "gridTemplateColumns": widths,
        "alignItems": "center",
        "gap": "12px",
    }
    return parent.h_stack(name, componentsProps={"grid": {"sx": style}})


def dropdown(
    parent: types.Object, name: str, label: str, choices: Mapping[str, str], value: str,
    on_change: Callable[..., Any],
) -> None:  # fmt: skip
    """A list to choose from: value -> what a person reads."""
    view = types.DropdownView(label=label, on_change=on_change, compact=True)
    for one, words in choices.items():
        view.add_choice(one, label=words)
    parent.enum(name, view.values(), default=value, view=view, on_change=on_change)


def options(ctx: Any, tab: str, **changes: Any) -> dict[str, Any]:
    """What a person chose on a tab; with `changes`, these are kept as well."""
    kept = dict(ctx.panel.state.get(f"{tab}_options") or {})
    if changes:
        kept.update(changes)
        ctx.panel.state.set(f"{tab}_options", kept)
    return kept


def text(parent: types.Object, name: str, words: str, **style: Any) -> None:
    """A line of plain text: unlike Markdown, nothing in it is read as markup."""
    view = types.TextView(
        title=words, padding="0", font_size="0.9rem", color="text.secondary", **style
    )
    parent.view(name, view)


def changed(ctx: Any, tab: str, shown: Mapping[str, Any]) -> bool:
    """Keep what a person chose with a control; whether it is another choice than what is shown.

    FiftyOne's controls report their value when they appear as well, which is no choice.
    """
    name, value = str(ctx.params["path"]).rpartition(".")[2], ctx.params["value"]
    if value == shown[name]:
        return False
    options(ctx, tab, **{name: value})
    return True


def table(
    parent: types.Object, name: str, heads: Mapping[str, str], rows: list[dict[str, Any]],
    tooltips: Mapping[tuple[int, int], str] | None = None, **events: Any,
) -> None:  # fmt: skip
    """A table as narrow as its content: FiftyOne's own is at least 650 pixels wide.

    Args:
        parent: where it goes.
        name: of the property.
        heads: key -> head of each column.
        rows: with these keys, and an `id`.
        tooltips: (row, column) -> text.
        **events: ``on_click_row`` gets the number of the row in ``ctx.params["row"]``;
            ``on_click_cell`` also that of the column, and -1 as the row of a head.
    """
    narrow = {
        "table": {"sx": {"minWidth": 0}},
        "tableHeadCell": {"sx": {"fontSize": "0.85rem", "padding": "4px 6px"}},
        "tableBodyCell": {
            "sx": {
                "fontSize": "0.85rem",
                "padding": "4px 6px",
                "cursor": "pointer",
                "whiteSpace": "nowrap",
            }
        },
    }
    view = types.TableView(componentsProps=narrow, **events)
    for key, label in heads.items():
        view.add_column(key, label=label)
    for (row, column), words in (tooltips or {}).items():
        view.add_tooltip(row, column, words)
    parent.list(name, types.Object(), view=view, default=rows)
