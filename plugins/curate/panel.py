"""The panel "Curate": its tabs, and what happens when something changes around it."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from .action_bar import ActionBar
from .classes import ClassesTab
from .common import described, log, told
from .confusion import ConfusionTab
from .curriculum import CurriculumTab
from .map import MapTab
from .overview import OverviewTab
from .why import WhyTab

TABS = {
    "overview": "Overview", "confusion": "Confusion", "map": "Map", "why": "Why",
    "classes": "Classes", "curriculum": "Curriculum",
}  # fmt: skip
"""Name -> label, in their order; `render_NAME` lays one out; `load_NAME`, if any, prepares it, and
`pick_NAME`, if any, is told that another image was selected."""

FIRST = next(iter(TABS))
SLIM = {"tab": {"sx": {"minWidth": 0, "minHeight": 40, "padding": "8px 10px"}}}
"""All tabs beside each other on a screen of 1280 pixels."""

NARROW = {"grid": {"sx": {"gridTemplateColumns": "minmax(0, 1fr)"}}}
"""As wide as the panel: else a plot that was wide once would keep its column wide."""


class Curate(
    ActionBar, OverviewTab, ConfusionTab, MapTab, WhyTab, ClassesTab, CurriculumTab, foo.Panel
):
    """The workbench beside the samples."""

    @property
    def config(self) -> foo.PanelConfig:
        """How the App lists it."""
        return foo.PanelConfig(
            name="curate",
            label="Curate",
            icon="fact_check",
            surfaces="grid",
        )

    @told
    def on_load(self, ctx: Any) -> None:
        """Show the first tab, or the one that was open."""
        self._load(ctx)

    @told
    def on_tab(self, ctx: Any) -> None:
        """Another tab was chosen; the tabs also report the one that is open when they appear."""
        if ctx.params["value"] != ctx.panel.state.loaded:
            ctx.panel.state.tab = ctx.params["value"]
            self._load(ctx)

    @told
    def on_change_selected(self, ctx: Any) -> None:
        """Another image was selected in the grid."""
        self._pick(ctx)

    @told
    def on_change_current_sample(self, ctx: Any) -> None:
        """Another image was opened."""
        self._pick(ctx)

    def render(self, ctx: Any) -> types.Property:
        """Lay out the tab that is open."""
        panel = types.Object()
        tab = ctx.panel.state.tab or FIRST
        choices = types.TabsView(componentsProps=SLIM)
        for name, label in TABS.items():
            choices.add_choice(name, label=label)
        panel.str("tab", view=choices, default=tab, on_change=self.on_tab)
        error = ctx.panel.state.error
        try:
            content = types.Object()
            getattr(self, f"render_{tab}")(ctx, content)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is told and logged in full
            log.exception("panel: %s", tab)
            content, error = types.Object(), error or described(problem)
        if error:
            panel.view("error", types.AlertView(severity="error", label=error))
        self.render_actions(panel)
        # Beside the tabs and not below a name of their own: what shares an object with a control is
        # sent to the server and back at every event, the points of the map as well.
        for name, part in content.properties.items():
            panel.add_property(name, part)
        view = types.GridView(gap=1, pad=1, orientation="vertical", componentsProps=NARROW)
        return types.Property(panel, view=view)

    def _load(self, ctx: Any) -> None:
        tab = ctx.panel.state.tab or FIRST
        ctx.panel.state.loaded = tab
        load = getattr(self, f"load_{tab}", None)
        if load is not None:
            load(ctx)

    def _pick(self, ctx: Any) -> None:
        pick = getattr(self, f"pick_{ctx.panel.state.tab or FIRST}", None)
        if pick is not None:
            pick(ctx)


PANELS: list[type[Any]] = [Curate]
