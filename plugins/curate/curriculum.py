"""The tab Curriculum: tiers class by class, and what each epoch trains on."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate import palette
from curate.app.board import views
from curate.app.board.curriculum import Tiers, seen, tiers
from curate.pipeline.export import staged_schedule
from curate.store.schema import TIER_NAMES

from .common import board_of, columns, number, text, told

TIERS_PLOT, SCHEDULE_PLOT = "tiers", "schedule"
STILL = {"displayModeBar": False, "scrollZoom": False}


class CurriculumTab:
    """Its events and its layout."""

    def load_curriculum(self, ctx: Any) -> None:
        """Draw the tiers and the schedule."""
        shown = tiers(board_of(ctx))
        ctx.panel.set_data(TIERS_PLOT, _bars(shown))
        ctx.panel.set_data(SCHEDULE_PLOT, _areas(shown.totals))

    @told
    def show_tier(self, ctx: Any) -> None:
        """Show the images of a tier."""
        ctx.ops.set_view(views.of_tier(ctx.dataset, ctx.params["tier"]))

    @told
    def show_tier_of_class(self, ctx: Any) -> None:
        """Show the images of the part of a bar that was clicked."""
        tier, name = str(ctx.params["trace"]), str(ctx.params["x"])
        ctx.ops.set_view(views.of_tier(ctx.dataset, tier, name))

    def render_curriculum(self, ctx: Any, panel: types.Object) -> None:
        """Lay the tab out."""
        board = board_of(ctx)
        shown = tiers(board)
        bar = columns(panel, "tier_buttons", "repeat(4, minmax(0, 1fr))")
        for tier in TIER_NAMES:
            bar.btn(
                f"tier_{tier}", label=f"{tier}: {number(shown.totals[tier])}", variant="outlined",
                on_click=self.show_tier, params={"tier": tier}, disabled=not shown.totals[tier],
            )  # fmt: skip
        which = f", {len(shown.names)} of {number(shown.classes)} classes"
        more = which if len(shown.names) < shown.classes else ""
        text(panel, "tiers_title", f"Training images by tier{more} (a click shows them)")
        panel.plot(
            "tiers", layout=_layout("class", "category"), config=STILL,
            on_click=self.show_tier_of_class,
        )  # fmt: skip
        text(panel, "schedule_title", "Images that each epoch of the exported schedule trains on")
        panel.plot("schedule", layout=_layout("epoch", "linear"), config=STILL)
        text(panel, "review", "Images under review are in no stage until somebody has decided.")
        if not (board.run.path / "policy.json").is_file():
            text(panel, "policy", f"no policy yet: `curate policy {board.run.path}`")


def _bars(shown: Tiers) -> list[dict[str, Any]]:
    return [
        {
            "type": "bar",
            "name": tier,
            "x": list(shown.names),
            "y": shown.counts[:, i].tolist(),
            "marker": {"color": palette.TIERS[tier]},
            "hovertemplate": f"%{{x}}, {tier}: %{{y}}<extra></extra>",
        }
        for i, tier in enumerate(TIER_NAMES)
    ]


def _areas(totals: dict[str, int]) -> list[dict[str, Any]]:
    stages = staged_schedule()
    return [
        {
            "type": "bar",
            "name": tier,
            "x": list(range(len(counts))),
            "y": counts,
            "width": 1,
            "marker": {"color": palette.TIERS[tier]},
            "hovertemplate": f"epoch %{{x}}, {tier}: %{{y}}<extra></extra>",
        }
        for tier, counts in seen(stages, totals).items()
        if any(counts)
    ]


def _layout(title: str, kind: str) -> dict[str, Any]:
    return {
        "height": 250,
        "barmode": "stack",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 45, "r": 10, "t": 30, "b": 40},
        "xaxis": {"type": kind, "title": {"text": title}, "fixedrange": True, "automargin": True},
        "yaxis": {"title": {"text": "images"}, "fixedrange": True},
    }
