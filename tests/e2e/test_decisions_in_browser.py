"""A person judges in the App: by the toolbar, by the panel, in bulk, and undoes; nothing is lost.

Each act is looked at in the run's journal and in the database by Python, and kept as a picture.
"""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest
from playwright.sync_api import expect

from curate.app.database import connect
from curate.app.names import dataset_name
from curate.store.journal import Journal
from curate.store.run import Run

# The first test to run also analyses the demo dataset.
pytestmark = pytest.mark.timeout(900)

GRID = "[data-cy=fo-grid]"
LOADED = f"{GRID} [data-cy=looker] canvas[canvas-loaded=true]"


@pytest.fixture
def own(demo, tmp_path, database):
    """A copy of the demo run with a dataset of its own, so that decisions stay in this test."""
    run = Run(shutil.copytree(demo, tmp_path / "own"))
    for name in ("decisions.jsonl", "decisions.parquet"):  # of the tests before this one
        (run.path / name).unlink(missing_ok=True)
    yield run
    fo = connect()
    if fo.dataset_exists(dataset_name(Run(run.path))):
        fo.delete_dataset(dataset_name(Run(run.path)))


def panel_button(page, words):
    """A button of the panel; its text begins with the name of its icon."""
    return page.locator("button").filter(has_text=re.compile(words + "$")).last


def select(page, count):
    for at in range(count):
        thumbnail = page.locator(f"{GRID} [data-cy=looker]").nth(at)
        thumbnail.hover()
        thumbnail.locator("label[data-cy^=looker-checkbox]").click()
    expect(page.locator("[data-cy=panel-tab-samples]")).to_contain_text(str(count))


def said(page, words):
    """A notification, which is then closed, so that the next one is not taken for it."""
    note = page.get_by_text(re.compile(words))
    expect(note.first).to_be_visible()
    return note.first.inner_text()


def decided(run):
    table = run.table("decisions")
    return [tuple(row) for row in table[["sample_id", "action", "value"]].itertuples(index=False)]


def shown_in_database(run):
    """Sample id -> decision tags and label, as the database has them now."""
    dataset = connect().load_dataset(dataset_name(Run(run.path)))
    dataset.reload()
    columns = dataset.values(["curate_id", "tags", "ground_truth.label"])
    return {
        one: ({tag for tag in tags if tag in ("hard", "ok", "exclude", "easy")}, label)
        for one, tags, label in zip(*columns, strict=True)
    }


def test_accept_undo_mark_reject_in_bulk_and_export(own, serve, page, artifacts, tmp_path):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(serve(own.path).wait(), wait_until="domcontentloaded")
    page.locator(LOADED).first.wait_for()
    findings = own.table("findings")
    errors = findings[(findings["kind"] == "label_error") & findings["flagged"]]
    errors = errors.sort_values("rank").set_index("sample_id")
    labels = own.table("samples").set_index("sample_id")["label"]

    # The suggested label of the worst label error, and back.
    page.get_by_role("button", name=re.compile("^label error")).click()
    expect(page.locator("[data-cy=entry-counts]")).to_have_text(f"{len(errors)} samples")
    page.locator(LOADED).first.wait_for()
    select(page, 1)
    panel_button(page, "suggested label").click()
    said(page, "^1 image relabelled as suggested$")
    page.screenshot(path=artifacts / "label-accepted.png")
    [(worst, action, value)] = decided(own)
    assert (action, value) == ("relabel", errors["suggestion"][worst])
    assert worst == errors.index[0]
    assert shown_in_database(own)[worst][1] == value
    event = Journal(own).events()[-1]
    assert (event.finding, event.old, event.new) == ("label_error", None, value)
    panel_button(page, "undo").click()
    said(page, "^taken back on 1 image: relabel$")
    assert decided(own) == []
    assert shown_in_database(own)[worst][1] == labels[worst]

    # Hard, by the panel; the image is still selected.
    panel_button(page, "hard").click()
    said(page, "^1 image marked hard$")
    assert decided(own) == [(worst, "hard", "")]
    assert shown_in_database(own)[worst][0] == {"hard"}

    # A whole finding is rejected, after a question, and taken back at once.
    page.keyboard.press("Escape")
    hard = findings[(findings["kind"] == "hard") & findings["flagged"]]
    assert len(hard) > 100
    page.get_by_role("button", name=re.compile("^hard: ")).click()
    expect(page.locator("[data-cy=entry-counts]")).to_have_text(f"{len(hard)} samples")
    panel_button(page, "reject finding").click()
    question = page.get_by_text(f"Yes, change all {len(hard)} images of the view")
    expect(question).to_be_visible()
    page.screenshot(path=artifacts / "bulk-question.png")
    assert len(decided(own)) == 1  # nothing before the answer
    question.click()
    page.get_by_role("button", name="Execute").click()
    said(page, f"^{len(hard)} images said to be ok$")
    expect(page.get_by_text(f"{len(hard)} of {len(hard)} judged")).to_be_visible()
    page.screenshot(path=artifacts / "bulk-rejected.png")
    table = own.table("decisions")
    rejected = table[(table["action"] == "ok") & (table["finding"] == "hard")]
    assert set(rejected["sample_id"]) == set(hard["sample_id"])
    panel_button(page, "undo").click()
    said(page, f"^taken back on {len(hard)} images: ")
    assert decided(own) == [(worst, "hard", "")]

    # The export has what was decided.
    panel_button(page, "export").click()
    # The default is a directory beside the run; its label is not tied to it.
    page.locator(f"input[value='{own.path}-splits']").fill(str(tmp_path / "splits"))
    page.screenshot(path=artifacts / "export.png")
    page.get_by_role("button", name="Execute").click()
    said(page, "1 decisions? carried out$")
    image = own.table("samples").set_index("sample_id").loc[worst]
    table = pd.read_csv(tmp_path / "splits" / f"{image['split']}.csv")
    by_person = table[table["reason"].fillna("").str.startswith("person: called hard in the App")]
    assert by_person["filepath"].tolist() == [image["filepath"]]
    assert by_person["tier"].tolist() == ["hard"]


def test_by_the_toolbar_and_back_in_an_empty_database(own, serve, page, artifacts):
    page.goto(serve(own.path).wait(), wait_until="domcontentloaded")
    page.locator(LOADED).first.wait_for()
    # Beside the panel the grid is too narrow for a toolbar: the panels are closed.
    for tab in ("model_evaluation_panel_builtin", "embeddings", "curate"):
        page.locator(f"[data-cy=panel-tab-{tab}] button").first.click()
    page.locator(LOADED).first.wait_for()
    select(page, 2)
    page.locator('[data-item-id="@curate/curate/mark_exclude"]').click()
    said(page, "^2 images excluded$")
    page.screenshot(path=artifacts / "toolbar.png")
    before = decided(own)
    assert [row[1] for row in before] == ["exclude", "exclude"]
    name = dataset_name(Run(own.path))
    connect().delete_dataset(name)
    page.goto(serve(own.path).wait(), wait_until="domcontentloaded")
    page.locator(LOADED).first.wait_for()
    shown = shown_in_database(own)
    assert {one for one, (tags, _) in shown.items() if tags} == {row[0] for row in before}
    assert all(shown[row[0]][0] == {"exclude"} for row in before)
    assert decided(own) == before
    page.screenshot(path=artifacts / "restored.png")
