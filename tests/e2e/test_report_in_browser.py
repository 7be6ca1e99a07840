"""The report as a person opens it: on a desk and a phone, by night, on paper, without programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from curate.pipeline.report import write_report
from made_report import EVIL, made_report_board

# The first test to run may also analyse the demo dataset.
pytestmark = pytest.mark.timeout(900)

WIDTHS = (1280, 390)
BEYOND = """() => [...document.querySelectorAll("body *")]
    .filter(one => !one.closest(".wide, .pictures, svg, [hidden]"))
    .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
    .map(one => one.outerHTML.slice(0, 200))"""
"""What lies beyond the right edge and in no box that scrolls."""

GROUND = "getComputedStyle(document.body).backgroundColor"
WHITE = "rgb(255, 255, 255)"


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run whose names are programs, if nobody escapes them."""
    return write_report(made_report_board(tmp_path_factory.mktemp("evil")).run)


@pytest.fixture
def opened(page: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file in a browser; the end of the test insists that nothing went wrong in it."""
    wrong: list[str] = []
    asked: list[str] = []

    def watched(one: Any) -> Any:
        one.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        one.on("pageerror", lambda error: wrong.append(str(error)))
        one.on("dialog", lambda dialog: wrong.append(dialog.message))
        one.on("request", lambda request: asked.append(request.url))
        return one

    def go(path: Path, width: int, **context: Any) -> Any:
        if context:
            here = watched(page.context.browser.new_context(**context).new_page())
        else:
            here = watched(page)
        here.set_viewport_size({"width": width, "height": 900})
        here.goto(path.as_uri())
        return here

    yield go
    assert not wrong
    assert [url[:100] for url in asked if not url.startswith(("data:image/", "file://"))] == []
    assert len({url for url in asked if url.startswith("file://")}) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_the_screen(
    opened: Callable[..., Any], evil: Path, width: int, artifacts: Path
) -> None:
    here = opened(evil, width)
    explore(here)
    assert here.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert here.evaluate(BEYOND) == []
    legend = here.locator("#map-plot .legendtext")
    assert legend.all_text_contents() == list(EVIL)
    assert legend.first.evaluate("one => one.children.length") == 0
    here.screenshot(path=artifacts / f"report_evil_{width}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_demo_has_a_report_that_fits(
    opened: Callable[..., Any], demo: Path, width: int, artifacts: Path
) -> None:
    here = opened(demo / "report.html", width)
    for question in ("How good is it?", "Where does it fail?", "What should I do first?"):
        expect(here.get_by_role("heading", name=question)).to_be_visible()
    explore(here)
    assert here.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert here.evaluate(BEYOND) == []
    pictures = here.evaluate("[...document.images].filter(one => !one.naturalWidth).length")
    assert pictures == 0
    assert here.evaluate("document.images.length") > 100
    here.screenshot(path=artifacts / f"report_demo_{width}.png", full_page=True)


def explore(here: Any) -> None:
    """Wait for the map that can be explored, and colour it by something else."""
    here.locator("#map").scroll_into_view_if_needed()
    here.locator("#map-plot .main-svg").first.wait_for()
    expect(here.locator("#map-drawn")).to_be_hidden()
    before = here.locator("#map-plot .legendtext").all_text_contents()
    here.select_option("#map-colour", label="class")
    expect(here.locator("#map-plot .legendtext")).not_to_have_count(len(before))


def test_without_programs_all_text_and_tables_are_there(
    opened: Callable[..., Any], evil: Path
) -> None:
    here = opened(evil, 390, java_script_enabled=False)
    for name in ("classes", "confusion", "failures", "found", "map", "distribution", "tiers"):
        expect(here.locator(f"#{name} h2")).to_be_visible()
    expect(here.get_by_text(EVIL[0]).first).to_be_visible()
    expect(here.locator("#map-drawn svg").first).to_be_visible()
    expect(here.locator("#map-start")).to_be_hidden()
    expect(here.get_by_role("table").first).to_be_visible()


def test_night_and_day_follow_the_system_and_the_choice(
    opened: Callable[..., Any], evil: Path
) -> None:
    here = opened(evil, 1280, color_scheme="dark")
    assert here.evaluate(GROUND) != WHITE
    here.get_by_label("light", exact=True).check()
    assert here.evaluate(GROUND) == WHITE
    here.get_by_label("dark", exact=True).check()
    assert here.evaluate(GROUND) != WHITE
    # Paper is white, whatever was chosen, and has the drawn map.
    here.emulate_media(media="print")
    assert here.evaluate(GROUND) == WHITE
    expect(here.locator("#map-drawn")).to_be_visible()
    expect(here.locator(".theme")).to_be_hidden()
