"""The operators as buttons of the panel: in a narrow grid the App hides its own toolbar."""

from __future__ import annotations

import fiftyone.operators.types as types

from .acts import ACTS

PLUGIN = "@curate/curate"
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


def action_bar(panel: types.Object) -> None:
    """Rows of buttons that run the operators on the open or the selected images."""
    shown = {act.name: (SHORT.get(act.name, act.label), act.icon) for act in ACTS} | OTHERS
    prompts = {act.name for act in ACTS if act.ask is not None} | {"export"}
    for at, names in enumerate(ROWS):
        row = panel.grid(f"acts_{at}", gap=1)  # wraps
        for name in names:
            label, icon = shown[name]
            row.btn(
                f"do_{name}",
                label=label,
                icon=icon,
                variant="outlined",
                on_click=f"{PLUGIN}/{name}",
                prompt=name in prompts,
                componentsProps={"button": _SMALL, "item": {"sx": {"width": "auto"}}},
            )
