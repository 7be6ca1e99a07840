"""A person at the panel: what a click shows, and how every tab looks on two screens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect
from settling import Events

from curate.app import clicks as views
from curate.app.names import ID_FIELD, dataset_name
from curate.store.run import Run

# The first test to run also analyses the demo dataset.
pytestmark = pytest.mark.timeout(900)

SCREENS = ((1280, 800), (1920, 1080))
THUMBNAILS = "[data-cy=fo-grid] [data-cy=looker]"
COUNT = "[data-cy=entry-counts]"
BEYOND = """() => [...document.querySelectorAll(".js-plotly-plot, table, button, img")]
    .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
    .map(one => one.outerHTML.slice(0, 200))"""
"""What a person would have to scroll sideways for."""

PLOT = ".js-plotly-plot .nsewdrag"


@pytest.fixture(scope="module")
def dataset(demo: Path) -> Any:
    """The dataset of the run, through Python."""
    from curate.app.database import connect

    return connect().load_dataset(dataset_name(Run(demo)))


@pytest.fixture
def panel(page: Any, shared_app: Any, demo: Path) -> Any:
    """The page, with the first tab of the panel open."""
    page.events = Events(page)
    page.set_viewport_size(dict(zip(("width", "height"), SCREENS[0], strict=True)))
    page.goto(shared_app.wait(), wait_until="domcontentloaded")
    page.locator(COUNT).wait_for()
    page.get_by_role("tab", name="Overview").wait_for()
    page.events.settle()
    open_tab(page, "Overview")
    page.get_by_text("What was found").wait_for()
    return page


def open_tab(panel: Any, name: str) -> None:
    """Open a tab of the panel; the one of the last test is still open."""
    panel.get_by_role("tab", name=name, exact=True).click()
    panel.events.settle()


def place(thumbnail: Any) -> tuple[float, float]:
    """Where a person reads it: the page may hold thumbnails in another order."""
    box = thumbnail.bounding_box()
    return box["y"], box["x"]


def sees(panel: Any, images: int) -> None:
    """The grid shows so many images; what is clicked before it has settled is lost on the App."""
    expect(panel.locator(COUNT)).to_have_text(f"{images:,} samples")
    panel.events.settle()


def look(panel: Any, artifacts: Path, name: str) -> None:
    """Keep a picture of each screen, and see to it that nothing lies beyond the right edge."""
    for width, height in (*SCREENS[1:], SCREENS[0]):
        panel.set_viewport_size({"width": width, "height": height})
        panel.wait_for_timeout(2000)  # plots follow the size a while after it changed
        panel.screenshot(path=artifacts / f"panel_{name}_{width}.png")
        assert not panel.evaluate(BEYOND), f"{name}: lies beyond the right edge at {width}"
    for text in ("Something went wrong", "Runtime error", "no longer exists"):
        expect(panel.get_by_text(text)).to_have_count(0)


def test_a_finding_button_shows_its_images_worst_first(panel, demo, dataset, artifacts):
    findings = Run(demo).table("findings").query("kind == 'label_error' and flagged")
    button = panel.get_by_role("button", name=f"label error: {len(findings)}")
    expect(button).to_be_visible()
    look(panel, artifacts, "overview")
    button.click()
    sees(panel, len(findings))
    shown = views.found(dataset, "label_error").values(ID_FIELD)
    assert shown == findings.sort_values("rank")["sample_id"].tolist()


def test_a_cell_of_the_confusion_matrix_shows_its_images(panel, demo, dataset, artifacts):
    samples = Run(demo).table("samples")
    open_tab(panel, "Confusion")
    panel.locator(PLOT).wait_for()
    look(panel, artifacts, "confusion")
    names = [one.text_content() for one in panel.locator(".xtick text").all()]
    assert sorted(names) == sorted(Run(demo).info["classes"])
    area = panel.locator(PLOT).bounding_box()
    cell = area["width"] / len(names), area["height"] / len(names)
    panel.mouse.click(area["x"] + cell[0] / 2, area["y"] + cell[1] / 2)  # the first is right
    both = samples["label"].eq(names[0]) & samples["pred_label"].eq(names[0])
    sees(panel, int(both.sum()))
    assert len(views.taken_for(dataset, names[0], names[0])) == both.sum()

    panel.locator("tbody tr").first.click()
    a, b = panel.locator("tbody tr td").first.text_content().split(" / ")
    pair = {a, b}
    mixed = samples["label"].isin(pair) & samples["pred_label"].isin(pair)
    mixed &= samples["label"] != samples["pred_label"]
    assert mixed.sum() > 0
    sees(panel, int(mixed.sum()))
    assert len(views.mixed_up(dataset, a, b)) == mixed.sum()


def test_a_lasso_on_the_map_shows_the_images_in_it(panel, demo, dataset, artifacts):
    images = len(Run(demo).table("samples"))
    open_tab(panel, "Map")
    panel.locator(PLOT).wait_for()
    if (highlighted := panel.get_by_text("highlighted:")).count():  # by the test before
        highlighted.click()
        panel.events.settle()
    look(panel, artifacts, "map")
    area = panel.locator(PLOT).bounding_box()
    corners = [(0.02, 0.02), (0.6, 0.02), (0.6, 0.98), (0.02, 0.98), (0.02, 0.05)]
    at = [(area["x"] + area["width"] * u, area["y"] + area["height"] * v) for u, v in corners]
    panel.mouse.move(*at[0])
    panel.mouse.down()
    for corner in at[1:]:
        panel.mouse.move(*corner, steps=6)
    with panel.expect_response(re.compile("operators/execute")) as sent:
        panel.mouse.up()
    points = sent.value.request.post_data_json["params"]["data"]
    assert 0 < len(points) < images
    sees(panel, len(points))


def test_why_shows_a_planted_error_between_its_own_class_and_the_other(
    panel, demo, dataset, artifacts
):
    worst = Run(demo).table("findings").query("kind == 'label_error' and rank == 1").iloc[0]
    image = Run(demo).table("samples").set_index("sample_id").loc[worst["sample_id"]]
    panel.get_by_role("button", name=re.compile("^label error: ")).click()
    sees(panel, len(views.found(dataset, "label_error")))
    open_tab(panel, "Why")
    expect(panel.get_by_text("Select an image in the grid")).to_be_visible()
    first = min(panel.locator(THUMBNAILS).all(), key=place)
    first.hover()
    first.locator("label[data-cy^=looker-checkbox]").click()
    expect(panel.get_by_text(f"label: {image['label']}", exact=True)).to_be_visible()
    expect(panel.get_by_text(worst["reason"])).to_be_visible()
    pictures = panel.locator("img[src^='/media?filepath=']")
    panel.events.settle()
    shown = pictures.evaluate_all("all => all.map(one => [one.alt, one.src, one.naturalWidth])")
    assert all(width > 0 for _, _, width in shown), "a picture did not load"
    rows = {"image": set(), "own": set(), "other": set()}
    samples = Run(demo).table("samples").set_index("filepath")
    for alt, source, _ in shown:
        path = unquote(source.partition("filepath=")[2])
        rows[re.split("[_:]", alt)[0]].add(samples.loc[path, "label"])
    assert rows == {
        "image": {image["label"]},
        "own": {image["label"]},
        "other": {worst["suggestion"]},
    }
    look(panel, artifacts, "why")


def test_classes_are_sorted_and_shown_by_a_click(panel, demo, dataset, artifacts):
    labels = Run(demo).table("samples")["label"]
    open_tab(panel, "Classes")
    look(panel, artifacts, "classes")
    panel.locator("th", has_text="class").first.click()
    panel.events.settle()
    names = [one.text_content() for one in panel.locator("tbody tr td:first-child").all()]
    assert names == sorted(Run(demo).info["classes"])
    panel.locator("tbody tr").nth(3).click()
    sees(panel, int((labels == names[3]).sum()))


def test_the_curriculum_shows_its_tiers(panel, demo, dataset, artifacts):
    tiers = Run(demo).table("samples")["tier"]
    open_tab(panel, "Curriculum")
    expect(panel.locator(".js-plotly-plot")).to_have_count(2)
    look(panel, artifacts, "curriculum")
    hard = int((tiers == "hard").sum())
    panel.get_by_role("button", name=f"hard: {hard}").last.click()
    sees(panel, hard)
    assert len(views.of_tier(dataset, "hard")) == hard


def test_another_schedule_is_drawn_with_its_rates_and_augmentation(panel, artifacts):
    open_tab(panel, "Curriculum")
    panel.get_by_role("combobox").filter(has_text="easy-to-hard").click()
    panel.get_by_role("option", name="sketch-winner").click()
    panel.events.settle()
    expect(panel.get_by_text("no augmentation for a quarter of the epochs")).to_be_visible()
    expect(panel.locator(".js-plotly-plot").last).to_contain_text("policy stage")
    look(panel, artifacts, "curriculum_sketch_winner")


def test_an_error_is_shown_on_the_panel(panel, demo):
    hidden = demo / "run.json.hidden"
    (demo / "run.json").rename(hidden)
    try:
        panel.get_by_role("tab", name="Classes", exact=True).click()
        expect(panel.get_by_text("Expected a run directory").first).to_be_visible()
    finally:
        hidden.rename(demo / "run.json")
    open_tab(panel, "Overview")
    expect(panel.get_by_text("What was found")).to_be_visible()
    expect(panel.get_by_text("Expected a run directory")).to_have_count(0)


def test_the_report_is_written_where_it_is_due_and_opened_beside_the_app(panel, demo, artifacts):
    report = demo / "report.html"
    report.unlink(missing_ok=True)
    open_tab(panel, "Classes")
    open_tab(panel, "Overview")
    panel.get_by_role("button", name="write the report").click()
    link = panel.get_by_role("link", name="open the report")
    link.wait_for()
    assert report.is_file()
    look(panel, artifacts, "report")
    with panel.expect_popup() as opened:
        link.click()
    read(opened.value, artifacts, "report_opened")
    expect(panel.get_by_text("What was found")).to_be_visible()  # the App stays where it was

    before = report.stat().st_mtime_ns
    (demo / "metrics.json").touch()
    panel.keyboard.press("Backquote")
    panel.get_by_text("curate: open the report").click()
    dialog = panel.get_by_role("dialog")
    expect(dialog.get_by_text(str(report))).to_be_visible()
    assert report.stat().st_mtime_ns > before
    panel.screenshot(path=artifacts / "panel_report_operator.png")
    with panel.expect_popup() as opened:
        dialog.get_by_role("link", name="open the report").click()
    read(opened.value, artifacts, "report_opened_by_operator")


def read(page, artifacts, name):
    """The report is a page of its own, which the App's server hands out."""
    page.wait_for_load_state()
    expect(page.get_by_role("heading", name="What should I do first?")).to_be_visible()
    page.screenshot(path=artifacts / f"{name}.png")
    page.close()
