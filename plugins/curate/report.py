"""The report of the run: a file of its own, opened beside the App."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from curate.board.why import address
from curate.pipeline.report_due import current_report, is_due, report_path
from curate.store.run import Run

from .common import board_of, columns
from .telling import done, told

WORDS = "open the report"
NEW_TAB = {"markdown": {"linkTarget": "_blank"}}
"""Component properties of Markdown whose links leave the App where it is."""


class OpenReport(foo.Operator):
    """Write the report where that is due, and say where it is.

    The file lies on the machine that serves the App, which may be another one than the browser's;
    so it is opened through the App's own server, by a link: a window that opens by itself, some
    seconds after a click, is what browsers block.
    """

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name="open_report", label="curate: open the report", icon="summarize",
            view_target=False,
        )  # fmt: skip

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Bring the report up to date."""
        with told(ctx):
            path, written = current_report(board_of(ctx).run)
            done(ctx, f"report {'written' if written else 'is up to date'}: {path}", 0)
            return {"path": str(path), "link": link(board_of(ctx).run)}

    def resolve_output(self, ctx: Any) -> types.Property:
        """The link, and the path for whoever wants the file itself."""
        form = types.Object()
        form.md(ctx.results["link"], name="open", componentsProps=NEW_TAB)
        form.str("path", label="the file, on the machine that serves the App")
        return types.Property(form, view=types.View(label="The report of this run"))


class ReportLine:
    """A line of the tab Overview."""

    def render_report(self, panel: types.Object, run: Run, on_write: Any) -> None:
        """The link to the report that is there; a button where one is to be written."""
        line = columns(panel, "report", "max-content 1fr")
        due = is_due(run)
        if due:
            there = report_path(run).is_file()
            line.btn(
                "write_report",
                label="renew the report" if there else "write the report",
                icon="summarize",
                on_click=on_write,
                variant="outlined",
            )
        if report_path(run).is_file():
            said = " (from before the last change)" if due else ""
            line.md(link(run) + said, name="link", componentsProps=NEW_TAB)


def link(run: Run) -> str:
    """A link to the report, in Markdown; what is in a path does not end it."""
    return f"[{WORDS}]({address(str(report_path(run)))})"
