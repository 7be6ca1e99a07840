"""The tab Why: the selected image between those it should and those it does look like."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate import palette
from curate.app.names import ID_FIELD
from curate.board.opening import Board
from curate.board.why import Shown, Why, address, why
from curate.report.numbers import percent

from .common import board_of, columns, pick_image, text, told

PLOT = "chances"
HINT = "Select an image in the grid, or open one, to see what it looks like to the model."
TURNS = {
    "rot90": "rotate(-90deg)", "rot180": "rotate(180deg)", "rot270": "rotate(90deg)",
    "vflip": "scaleY(-1)", "hflip": "scaleX(-1)",
}  # fmt: skip
"""What sets an image upright, as the browser does it; rotations of a run are counter-clockwise."""


class WhyTab:
    """Its events and its layout."""

    def load_why(self, ctx: Any) -> None:
        """Look at the image that is open or selected; without one, stay with the last."""
        pick_image(ctx, "why_image")
        found = _found(ctx, board_of(ctx))
        if found is not None:
            ctx.panel.set_data(PLOT, [_bars(found)])

    def pick_why(self, ctx: Any) -> None:
        """Another image was selected in the grid, or opened."""
        self.load_why(ctx)

    @told
    def open_image(self, ctx: Any) -> None:
        """Open one of the pictures of the tab."""
        found = ctx.dataset.match({ID_FIELD: ctx.params["sample_id"]}).values("id")
        if found:
            ctx.ops.open_sample(id=found[0])

    def render_why(self, ctx: Any, panel: types.Object) -> None:
        """Lay the tab out."""
        found = _found(ctx, board_of(ctx))
        if found is None:
            text(panel, "hint", HINT)
            return
        self._head(panel, found)
        own = found.image.label
        self._row(panel, "own", f"nearest of its own class, {own}" if own else "", found.own)
        self._row(panel, "other", f"nearest of {found.other_name}", found.other)
        if found.chances:
            text(panel, "chances_title", "probability of each class, out of fold")
            panel.plot("chances", layout=_layout(found), config={"displayModeBar": False})

    def _head(self, panel: types.Object, found: Why) -> None:
        images = 2 if found.turn in TURNS else 1
        head = columns(panel, "head", "130px " * images + "1fr")
        self._picture(head, "image", found.image, "as it is" if images > 1 else "")
        if images > 1:
            self._picture(head, "upright", found.image, f"set upright ({found.turn})", found.turn)
        words = head.v_stack("words", gap=0.5)
        sure = "" if found.confidence is None else f" ({percent(found.confidence)})"
        text(words, "label", f"label: {found.image.label or 'none'}")
        text(words, "predicted", f"predicted: {found.image.predicted or 'nothing'}{sure}")
        text(words, "split", f"split: {found.image.split}")
        if found.neighbours:
            near = ", ".join(f"{name} ({count})" for name, count in found.neighbours)
            text(words, "neighbours", f"nearest images: {near}")
        if not found.reasons:
            text(words, "no_reasons", "nothing was found about it")
        for reason in found.reasons:
            suggested = f" → {reason.suggestion}" if reason.suggestion else ""
            kind = reason.kind.replace("_", " ")
            text(panel, f"reason_{reason.kind}", f"{kind}{suggested}: {reason.reason}")

    def _row(self, panel: types.Object, name: str, title: str, pictures: tuple[Shown, ...]) -> None:
        if not title:
            return
        text(panel, f"{name}_title", title if pictures else f"{title}: none")
        if pictures:
            row = columns(panel, f"{name}_row", "130px " * len(pictures))
            for i, one in enumerate(pictures):
                said = one.predicted if one.predicted == one.label else f"taken for {one.predicted}"
                self._picture(row, f"{name}_{i}", one, f"{one.split}, {said}")

    def _picture(
        self, parent: types.Object, name: str, one: Shown, caption: str, turn: str = ""
    ) -> None:
        style = {
            "width": "120px", "height": "120px", "objectFit": "contain", "cursor": "pointer",
            "imageRendering": "auto", "transform": TURNS.get(turn, "none"),
        }  # fmt: skip
        cell = parent.v_stack(f"cell_{name}", gap=0)
        view = types.ImageView(
            operator=self.open_image, params={"sample_id": one.sample_id}, alt=f"{name}: {caption}",
            componentsProps={"image": {"style": style}},
        )  # fmt: skip
        cell.str(f"img_{name}", default=address(one.filepath), view=view)
        if caption:
            text(cell, f"caption_{name}", caption)


def _found(ctx: Any, board: Board) -> Why | None:
    sample_id = ctx.panel.state.get("why_image")
    return None if not sample_id else board.once(("why", sample_id), lambda: why(board, sample_id))


def _bars(found: Why) -> dict[str, Any]:
    names = [name for name, _ in found.chances]
    colours = {found.image.label: palette.RIGHT, found.image.predicted: palette.WRONG}
    if found.image.label == found.image.predicted:
        colours = {found.image.label: palette.RIGHT}
    return {
        "type": "bar",
        "orientation": "h",
        "x": [round(chance, 4) for _, chance in found.chances],
        "y": names,
        "text": [percent(chance, 1) for _, chance in found.chances],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [colours.get(name, palette.OTHER) for name in names]},
        "hoverinfo": "skip",
    }


def _layout(found: Why) -> dict[str, Any]:
    return {
        "height": 40 + 22 * len(found.chances),
        "xaxis": {"range": [0, 1.15], "visible": False, "fixedrange": True},
        "yaxis": {
            "type": "category", "autorange": "reversed", "automargin": True, "fixedrange": True,
        },
        "margin": {"l": 10, "r": 10, "t": 5, "b": 5},
        "bargap": 0.3,
    }  # fmt: skip
