from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest

from curate.errors import ReportError, RunError
from curate.pipeline import report
from curate.pipeline.report import is_report, write_report, written_or_told
from curate.store.run import Run
from made_board import made_board


@pytest.fixture
def run(tmp_path: Path) -> Run:
    labels = ["a", "b"] * 4
    return made_board(
        tmp_path / "run", labels, [*labels[1:], "b"], splits=["train", "test"] * 4,
        arrays={"probs": [[0.6, 0.4]] * 8},
        columns={"tier": ["easy", None] * 4, "difficulty": [0.1, None] * 4}, seed=0,
    ).run  # fmt: skip


@pytest.mark.parametrize("format", ["html", "md", "json"])
def test_a_report_lies_in_the_run_and_may_be_written_again(run: Run, format: str) -> None:
    path = write_report(run, format=format)
    assert path == run.path / f"report.{format}"
    assert is_report(path)
    assert write_report(run.path, format=format) == path


def test_json_is_json(run: Run, tmp_path: Path) -> None:
    path = write_report(run, tmp_path / "deep" / "out.json", "json")
    assert json.loads(path.read_text("utf-8"))["run"] == str(run.path)


def test_what_is_no_report_is_replaced_only_when_asked(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "page.html"
    other.write_text("<html>mine</html>")
    with pytest.raises(ReportError, match="another file"):
        write_report(run, other)
    assert other.read_text() == "<html>mine</html>"
    write_report(run, other, overwrite=True)
    assert is_report(other)
    with pytest.raises(ReportError, match="folder"):
        write_report(run, tmp_path)
    with pytest.raises(ReportError, match="html, md, json"):
        write_report(run, format="pdf")


def test_an_unfinished_run_has_none(run: Run) -> None:
    run.save(status="running")
    with pytest.raises(RunError, match="finished"):
        write_report(run)


def test_what_goes_wrong_is_told_and_takes_the_old_report_away(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    written_or_told(run)
    page = run.path / "report.html"
    assert page.is_file()
    run.table_path("samples").write_bytes(b"not a table")
    with caplog.at_level(logging.ERROR, "curate"):
        written_or_told(Run(run.path))
    assert "its report could not be written" in caplog.text and "ArrowInvalid" in caplog.text
    assert not page.exists()


def test_a_page_of_the_persons_own_stays(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    page = run.path / "report.html"
    page.write_text("mine")
    with caplog.at_level(logging.ERROR, "curate"):
        written_or_told(run)
    assert "ReportError" in caplog.text
    assert page.read_text() == "mine"


def test_a_policy_that_cannot_be_read_is_said_so(run: Run) -> None:
    (run.path / "policy").mkdir()
    (run.path / "policy" / "policy.json").write_text("{}")
    text = report.report_text(run, "html")
    assert "Expected a policy" in text.partition('id="augmentation"')[2]
    assert "recommends no augmentation" not in text


def test_the_history_beside_a_run_is_that_of_its_own_training(run: Run, tmp_path: Path) -> None:
    pd.DataFrame({"epoch": [0]}).to_parquet(tmp_path / "history.parquet")
    assert report._history(run) is None
    run.save(settings={"checkpoint": "/elsewhere/best.safetensors"})
    assert report._history(run) is None
    run.save(settings={"checkpoint": str(tmp_path / "best.safetensors")})
    found = report._history(run)
    assert found is not None and found["epoch"].tolist() == [0]
