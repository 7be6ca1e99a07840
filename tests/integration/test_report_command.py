"""``curate report`` on a run."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
from click.testing import CliRunner
from small_run import make_run

from curate.cli import cli
from curate.cli import run as run_cli
from curate.store.run import Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = make_run(tmp_path_factory.mktemp("small"))
    run.save(status="complete", seed=0)
    return run


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a browser of the person would have been asked to show."""
    asked: list[str] = []

    class Kept(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            asked.append(url)
            return True

    monkeypatch.setattr(webbrowser, "_tryorder", ["kept"])
    monkeypatch.setattr(webbrowser, "_browsers", {"kept": [None, Kept()]})
    yield asked


def invoke(*arguments: Any) -> Any:
    done = CliRunner(catch_exceptions=False).invoke(cli, ["report", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def test_a_page_is_written_into_the_run_and_shown(finished: Run, browser: list[str]) -> None:
    done = invoke(finished.path, "--open")
    page = finished.path / "report.html"
    assert done.stdout == f"report: {page}\n"
    assert browser == [page.as_uri()]
    html5lib.HTMLParser(strict=True).parse(page.read_text("utf-8"))


def test_markdown_and_json_are_printed_or_written(finished: Run, tmp_path: Path) -> None:
    assert invoke(finished.path, "--format", "md").stdout.startswith("## curate: ")
    printed = json.loads(invoke(finished.path, "--format", "json").stdout)
    assert printed["format"] == "curate.report"
    invoke(finished.path, "--format", "json", "--to", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == printed


def test_wrong_input_is_told(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.html").write_text("mine")
    to = ["--to", str(tmp_path / "mine.html")]
    run = str(finished.path)
    assert run_cli(cli, ["report", run, *to]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run_cli(cli, ["report", run, *to, "--overwrite"]) == 0
    assert run_cli(cli, ["report", run, "--open", "--format", "md"]) == 2
    assert run_cli(cli, ["report", str(tmp_path)]) == 2
    assert "Expected a run directory" in capsys.readouterr().err
