"""A person opens the App on the demo run, tags two images, and exports what they decided."""

from __future__ import annotations

import signal
import socket

import pandas as pd
import pytest
from playwright.sync_api import expect
from settling import Events

from curate.app.names import dataset_name
from curate.remedies.formats.content import COLUMNS
from curate.store.run import Run

# The first test to run also analyses the demo dataset.
pytestmark = pytest.mark.timeout(900)

THUMBNAILS = "[data-cy=fo-grid] [data-cy=looker]"
LOADED = f"{THUMBNAILS} canvas[canvas-loaded=true]"


def open_view(page, url, run, slug=""):
    """Open the App, at a saved view if one is given, and wait until it shows images."""
    query = f"datasets/{dataset_name(Run(run))}?view={slug}" if slug else ""
    page.goto(url + query, wait_until="domcontentloaded")
    page.locator(LOADED).first.wait_for()


def in_reading_order(thumbnails):
    """The thumbnails as a person reads them: the page may hold them in another order."""
    boxes = [(one.bounding_box(), one) for one in thumbnails.all()]
    return [one for box, one in sorted(boxes, key=lambda pair: (pair[0]["y"], pair[0]["x"]))]


def test_the_app_opens_on_the_workspace(app, demo, page):
    images = len(Run(demo).table("samples"))
    events = Events(page)
    open_view(page, app.wait(), demo)
    expect(page.locator("[data-cy=entry-counts]")).to_have_text(f"{images:,} samples")
    page.get_by_text("What was found").wait_for()
    events.settle()
    expect(page.get_by_text("Unsaved", exact=True)).to_have_count(0)  # the workspace has a name
    for panel in ("samples", "curate", "embeddings", "model_evaluation_panel_builtin"):
        expect(page.locator(f"[data-cy=panel-tab-{panel}]")).to_be_visible()
    page.locator("[data-cy=panel-tab-embeddings]").click()
    page.get_by_text("pre-computed embeddings").click()
    expect(page.get_by_text(f"{images:,} points")).to_be_visible()
    page.locator("[data-cy=panel-tab-model_evaluation_panel_builtin]").click()
    events.settle()  # the panel's first answer would undo the click
    evaluations = page.locator("[data-cy=panel-content-model_evaluation_panel_builtin]")
    evaluations.get_by_text("eval", exact=True).click()
    expect(page.get_by_text("Accuracy", exact=True)).to_be_visible()
    for text in ("Something went wrong", "Runtime error"):
        expect(page.get_by_text(text)).to_have_count(0)


def test_two_images_tagged_in_the_app_are_exactly_the_persons_hard_ones(
    app, demo, page, curate, tmp_path, artifacts
):
    run = Run(demo)
    samples = run.table("samples")
    easy = samples[samples["tier"] == "easy"].sort_values("difficulty", ascending=False)
    assert easy["difficulty"].iloc[1] > easy["difficulty"].iloc[2]
    chosen = set(easy["filepath"].iloc[:2])

    # Beside the panel, FiftyOne shows its own tag menu on a wide screen only.
    page.set_viewport_size({"width": 2560, "height": 1080})
    open_view(page, app.wait(), demo, "tier-easy")
    expect(page.locator("[data-cy=entry-counts]")).to_have_text(f"{len(easy):,} samples")
    for thumbnail in in_reading_order(page.locator(THUMBNAILS))[:2]:
        thumbnail.hover()
        thumbnail.locator("label[data-cy^=looker-checkbox]").click()
    page.locator("[data-cy=action-tag-sample-labels]").click()
    box = page.locator("[data-cy=sample-tag-input]")
    expect(box).to_have_attribute("placeholder", "+ tag 2 selected samples")
    box.fill("hard")
    box.press("Enter")
    page.screenshot(path=artifacts / "tagging.png")
    with page.expect_response(lambda response: response.url.endswith("/tag")) as response:
        page.get_by_text("Apply", exact=True).click()
    assert response.value.ok
    page.locator(LOADED).first.wait_for()

    done = curate("export", demo, "--to", tmp_path / "export")
    assert done.returncode == 0, done.stderr
    hard = pd.read_csv(tmp_path / "export" / "train_hard.csv")
    assert tuple(hard) == COLUMNS
    by_person = hard[hard["reason"].str.startswith("person")]
    assert set(by_person["filepath"]) == chosen
    others = pd.read_csv(tmp_path / "export" / "train_easy.csv")
    assert not chosen & set(others["filepath"])
    decisions = Run(demo).table("decisions")
    assert set(decisions["action"]) == {"hard"}
    assert len(decisions) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_app_ends_cleanly_and_gives_its_port_back(app, number):
    assert f"ssh -N -L {app.port}:127.0.0.1:{app.port} " in app.said
    app.process.send_signal(number)
    assert app.process.wait(60) == 0, app.said
    assert "Traceback" not in app.said
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", app.port))


def test_without_a_confession_others_cannot_reach_the_app(demo, curate):
    done = curate("app", demo, "--address", "0.0.0.0")
    assert done.returncode == 2
    assert "The App has no password" in done.stderr
    assert "--i-know-the-app-has-no-password" in done.stderr


@pytest.mark.parametrize("args", [("app",), ("export", "--to", "out")])
def test_an_unreachable_database_is_told(demo, curate, args):
    name, *rest = args
    uri = "mongodb://someone:secret@127.0.0.1:1/"
    for done in (
        curate(name, demo, *rest, FIFTYONE_DATABASE_URI=uri),
        curate(name, demo, *rest, "--database-uri", uri),
    ):
        assert done.returncode == 2
        assert "Expected a MongoDB at mongodb://127.0.0.1:1, found none" in done.stderr
        assert "secret" not in done.stderr + done.stdout
    assert "secret" not in (demo / "run.json").read_text("utf-8")


def test_what_is_no_run_is_told(curate, tmp_path):
    done = curate("app", tmp_path)
    assert done.returncode == 2
    assert "Expected a run directory" in done.stderr
