from __future__ import annotations

import os
from pathlib import Path

from curate.pipeline.report import FORMATS
from curate.pipeline.report_due import REPORT, is_due, report_path
from made_board import made_board


def test_a_report_is_due_where_there_is_none_and_where_it_is_older_than_what_it_shows(
    tmp_path: Path,
) -> None:
    run = made_board(tmp_path, ["a"], ["a"], metrics={}, flagged={"hard": [0]}).run
    assert is_due(run)
    report_path(run).write_text("<html>", "utf-8")
    later = (run.path / "samples.parquet").stat().st_mtime + 10
    os.utime(report_path(run), (later, later))
    assert not is_due(run)
    os.utime(run.path / "run.json", (later + 10, later + 10))
    assert not is_due(run), "run.json is also written by what changes nothing"
    for name in ("decisions.jsonl", "policy/policy.json", "findings.parquet"):
        path = run.path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (later + 10, later + 10))
        assert is_due(run), name
        os.utime(path, (later, later))
        assert not is_due(run), name


def test_it_lies_where_the_command_writes_it() -> None:
    assert FORMATS["html"] == REPORT
