"""The operators as buttons of the panel: in a narrow grid the App hides its own toolbar."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate.app.plugin import PLUGIN

from .acts import ACTS
from .common import told

ROWS = (
    ("mark_hard", "mark_easy", "mark_exclude", "mark_ok", "undo", "find_similar"),
    ("accept_label", "set_label", "turn_upright"),
    ("accept_finding", "reject_finding", "retier", "reanalyze", "export"),
)
OTHERS = {
    "undo": ("undo", "undo"),
    "find_similar": ("similar", "image_search"),
    "retier": ("recompute tiers", "layers"),
    "reanalyze": ("analyse again", "replay"),
    "export": ("export", "save_alt"),
}
"""Label and icon of the operators that are no decisions."""

SHORT = {
    "accept_label": "suggested label",
    "accept_finding": "accept finding",
    "reject_finding": "reject finding",
}
_SMALL = {"sx": {"textTransform": "none", "minWidth": 0, "padding": "2px 8px", "color": "inherit"}}


class ActionBar:
    """Rows of buttons that run the operators on the open or the selected images."""

    @told
    def on_act(self, ctx: Any) -> None:
        """Run an operator, with its form if it has one, and come back to draw the panel anew."""
        name = ctx.params["name"]
        asks = name in {act.name for act in ACTS if act.ask is not None} | {"export"}
        ctx.prompt(f"{PLUGIN}/{name}", on_success=self.on_acted, skip_prompt=not asks)

    @told
    def on_acted(self, ctx: Any) -> None:
        """An operator is done: what the panel counts may be other numbers now."""
        ctx.panel.state.acted = (ctx.panel.state.acted or 0) + 1

    def render_actions(self, panel: types.Object) -> None:
        """Lay the buttons out."""
        shown = {act.name: (SHORT.get(act.name, act.label), act.icon) for act in ACTS} | OTHERS
        for at, names in enumerate(ROWS):
            row = panel.grid(f"acts_{at}", gap=1)  # wraps
            for name in names:
                label, icon = shown[name]
                row.btn(
                    f"do_{name}",
                    label=label,
                    icon=icon,
                    variant="outlined",
                    on_click=self.on_act,
                    params={"name": name},
                    componentsProps={"button": _SMALL, "item": {"sx": {"width": "auto"}}},
                )
