"""The tab Curriculum: tiers class by class, and what each epoch trains on."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate import palette
from curate.app import clicks as views
from curate.board.curriculum import Tiers, tiers, trained
from curate.board.opening import Board
from curate.pipeline.curriculum import PRESET, Plan, make_plan, seen
from curate.recipe.schedule import EVIDENCE, PRESETS
from curate.report.numbers import number
from curate.store.schema import TIER_NAMES

from .common import board_of, changed, columns, dropdown, options, text, told
from .policy import PolicyPart

TIERS_PLOT, SCHEDULE_PLOT = "tiers", "schedule"
USUAL = {"preset": PRESET, "pacing": "step"}
PACINGS = {"step": "a tier after the other", "linear": "evenly", "root": "fast, then slower"}
STILL = {"displayModeBar": False, "scrollZoom": False}


class CurriculumTab(PolicyPart):
    """Its events and its layout."""

    def load_curriculum(self, ctx: Any) -> None:
        """Draw the tiers and the schedule."""
        board = board_of(ctx)
        self.pick_curriculum(ctx)
        ctx.panel.set_data(TIERS_PLOT, _bars(tiers(board)))
        ctx.panel.set_data(SCHEDULE_PLOT, _epochs(board, _plan(ctx, board)))

    @told
    def on_schedule_option(self, ctx: Any) -> None:
        """Another preset or pacing was chosen."""
        if changed(ctx, "schedule", _chosen(ctx)):
            self.load_curriculum(ctx)

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
        chosen = _chosen(ctx)
        bar = columns(panel, "schedule_bar", "200px 230px 1fr")
        change = self.on_schedule_option
        dropdown(bar, "preset", "schedule", {name: name for name in PRESETS}, chosen["preset"],
                 change)  # fmt: skip
        if PRESETS[chosen["preset"]].paced:
            dropdown(bar, "pacing", "pacing", PACINGS, chosen["pacing"], change)
        said = f"Images that each epoch trains on: {PRESETS[chosen['preset']].summary}"
        text(panel, "schedule_title", said)
        panel.plot("schedule", layout=_two_axes(), config=STILL)
        text(panel, "evidence", EVIDENCE, variant="caption")
        text(panel, "review", "Images under review are in no stage until somebody has decided.")
        self.render_policy(ctx, panel)


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


def _chosen(ctx: Any) -> dict[str, Any]:
    return USUAL | options(ctx, "schedule")


def _plan(ctx: Any, board: Board) -> Plan:
    """The chosen schedule for the run, with its policy."""
    chosen = _chosen(ctx)
    return make_plan(board.run, chosen["preset"], pacing=chosen["pacing"])


def _epochs(board: Board, plan: Plan) -> list[dict[str, Any]]:
    """Bars of the images of each epoch, and lines of what else changes over them."""
    schedule = plan.schedule
    counts = seen(trained(board), schedule, int(board.run.info.get("seed", 0)))
    epochs = list(range(schedule.epochs))
    drawn: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": name,
            "x": epochs,
            "y": values,
            "width": 1,
            "marker": {"color": palette.TIERS.get(name, palette.OTHER)},
            "hovertemplate": f"epoch %{{x}}, {name}: %{{y}}<extra></extra>",
        }
        for name, values in counts.items()
        if any(values)
    ]
    rates = [schedule.lr_scale(epoch) for epoch in epochs]
    drawn.append(_line("learning rate, x", rates, palette.CATEGORIES[2], "solid"))
    stages = [schedule.stage_at(epoch).policy_stage for epoch in epochs]
    if any(stage is not None for stage in stages):
        drawn.append(_line("policy stage", stages, palette.CATEGORIES[0], "dot"))
    return drawn


def _line(name: str, values: list[Any], colour: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(range(len(values))),
        "y": values,
        "yaxis": "y2",
        "line": {"color": colour, "dash": dash, "shape": "hvh", "width": 2},
        "hovertemplate": f"epoch %{{x}}, {name}: %{{y:.3g}}<extra></extra>",
    }


def _two_axes() -> dict[str, Any]:
    """The layout of the schedule: images to the left, what changes with them to the right."""
    return _layout("epoch", "linear") | {
        "margin": {"l": 45, "r": 45, "t": 30, "b": 40},
        "yaxis2": {
            "overlaying": "y", "side": "right", "rangemode": "tozero", "fixedrange": True,
            "showgrid": False, "title": {"text": "rate, stage"},
        },
    }  # fmt: skip


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
