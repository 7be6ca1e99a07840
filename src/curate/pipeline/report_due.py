"""The report that lies in a run, written anew where the run says something else by now."""

from __future__ import annotations

from pathlib import Path

from curate.board.policy import policy_path
from curate.store.run import Run

REPORT = "report.html"
"""Where `curate.pipeline.report.write_report` puts it, below the run."""

SHOWN = ("samples", "findings", "tiers", "decided", "audits")
"""Tables that a report shows. run.json is none: it is also written by what changes nothing."""


def report_path(run: Run) -> Path:
    """Where the report of a run lies, whether there is one or not."""
    return run.path / REPORT


def is_due(run: Run) -> bool:
    """Whether there is no report, or one that is older than something that it shows.

    By the times of the files: a decision that was taken and undone counts as a change.
    """
    path = report_path(run)
    if not path.is_file():
        return True
    sources = [run.table_path(name) for name in SHOWN]
    sources += [run.path / "metrics.json", run.path / "decisions.jsonl", policy_path(run)]
    written = path.stat().st_mtime_ns
    return any(one.stat().st_mtime_ns > written for one in sources if one.is_file())


def current_report(run: Run) -> tuple[Path, bool]:
    """The report as of now, and whether it had to be written.

    Raises:
        ReportError: another file lies in its place.
        RunError: the run is not finished.
    """
    from curate.pipeline.report import write_report

    due = is_due(run)
    if due:
        write_report(run)
    return report_path(run), due
