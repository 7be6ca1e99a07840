"""The tab Overview: scores of the splits, and a button for every kind of finding."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate.app import clicks as views
from curate.board.overview import KindRow, Overview, overview
from curate.pipeline.report_due import current_report
from curate.report.detector_words import found_words
from curate.report.numbers import number, with_interval

from .common import FULL, board_of, columns, table, text, told
from .report import ReportLine

BUTTON = {"button": {"sx": {"width": "190px", "justifyContent": "flex-start"}}}


class OverviewTab(ReportLine):
    """Its events and its layout."""

    @told
    def show_kind(self, ctx: Any) -> None:
        """Show the images of one kind, worst first."""
        ctx.ops.set_view(views.found(ctx.dataset, ctx.params["kind"]))

    @told
    def show_split(self, ctx: Any) -> None:
        """Show the images of the split in the row that was clicked."""
        row = int(ctx.params["row"])
        ctx.ops.set_view(views.of_split(ctx.dataset, overview(board_of(ctx)).splits[row].split))

    @told
    def show_all(self, ctx: Any) -> None:
        """Show all images again."""
        ctx.ops.clear_view()

    @told
    def write_report(self, ctx: Any) -> None:
        """Bring the report up to date; the panel then has its link."""
        path, _ = current_report(board_of(ctx).run)
        ctx.ops.notify(f"report written: {path}", variant="success")

    def render_overview(self, ctx: Any, panel: types.Object) -> None:
        """Lay the tab out."""
        found = overview(board_of(ctx))
        panel.md(_headline(found), name="headline")
        self._splits(panel, found)
        self.render_report(panel, board_of(ctx).run, self.write_report)
        panel.md("**What was found** (a click shows the images, worst first)", name="found_title")
        stack = panel.v_stack("found", gap=1, componentsProps=FULL)
        for row in found.kinds:
            self._kind(stack, row)
        if found.skipped:
            lines = "\n".join(f"- {kind}: it {why}" for kind, why in found.skipped.items())
            panel.md(f"**Not looked for**\n\n{lines}", name="skipped")

    def _splits(self, panel: types.Object, found: Overview) -> None:
        heads = {
            "split": "split", "images": "images", "accuracy": "accuracy (95 %)",
            "macro_f1": "macro F1 (95 %)",
        }  # fmt: skip
        rows = [
            {
                "id": row.split,
                "split": row.split,
                "images": number(row.images)
                + (f", {number(row.unlabelled)} unlabelled" if row.unlabelled else ""),
                "accuracy": _score(row.accuracy, row.accuracy_interval),
                "macro_f1": _score(row.macro_f1, row.macro_f1_interval),
            }
            for row in found.splits
        ]
        table(panel, "splits", heads, rows, on_click_row=self.show_split)

    def _kind(self, stack: types.Object, row: KindRow) -> None:
        line = columns(stack, f"line_{row.kind}", "200px 1fr")
        line.btn(
            f"kind_{row.kind}",
            label=f"{row.kind.replace('_', ' ')}: {number(row.flagged)}",
            on_click=self.show_kind,
            params={"kind": row.kind},
            disabled=row.flagged == 0,
            variant="contained" if row.flagged else "outlined",
            componentsProps=BUTTON,
        )
        text(line, f"said_{row.kind}", found_words(row))


def _headline(found: Overview) -> str:
    model = f", model {found.model}" if found.model else ""
    lines = [f"**{number(found.images)} images, {number(found.classes)} classes{model}**"]
    return "\n\n".join([*lines, *found.notes])


def _score(value: float | None, interval: tuple[float, float] | None) -> str:
    return "no labels" if value is None else with_interval(value, interval)
