"""The panel without a browser: every tab is laid out, and no error is swallowed."""

from __future__ import annotations

import base64
import io
import logging
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_run import CLASSES, make_run

from curate.app.plugin import install
from curate.app.workspace import OPENED
from curate.board.policy import policy_path
from curate.recipe.policy import Policy, Step, write_policy

TABS = ("overview", "confusion", "map", "why", "classes", "curriculum")
URI = "@curate/curate/curate"


@pytest.fixture
def run(tmp_path) -> Any:
    made = make_run(tmp_path)
    made.save(detectors={"orientation": {"flagged": 2}}, skipped_detectors={"outlier": "has none"})
    return made


@pytest.fixture
def ask(run, published) -> Any:
    """Sends an event to the panel and returns what it asks the App to do, by name."""
    dataset = published(run)
    install()
    import fiftyone.operators as foo

    def go(method: str, tab: str = "overview", **params: Any) -> dict[str, list[Any]]:
        selected = params.pop("selected", [])
        state = params.pop("state", {}) | {"tab": tab}
        event = {"panel_id": "p", "__method__": method, "panel_state": state, **params}
        done = foo.execute_operator(
            URI, ctx={"dataset": dataset, "selected": selected, "params": event}
        )
        assert done.error is None, done.error
        asked: dict[str, list[Any]] = {}
        for one in done.executor.to_json()["requests"]:
            name = one["operator_uri"].rpartition("/")[2]
            asked.setdefault(name, []).append(one["params"])
        return asked

    go.dataset = dataset
    return go


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_laid_out(ask, tab) -> None:
    selected = [ask.dataset.first().id] if tab == "why" else []
    asked = ask("on_load", tab, selected=selected)
    assert "notify" not in asked
    (shown,) = asked["show_panel_output"]
    parts = shown["output"]["type"]["properties"]
    assert "error" not in parts
    assert len(parts) > 5
    drawn = {name for one in asked.get("patch_panel_data", []) for name in one["data"]}
    plots = {name for name, part in parts.items() if part["view"]["name"] == "PlotlyView"}
    assert drawn == plots


def test_a_kind_sets_the_view(ask) -> None:
    (asked,) = ask("show_kind", kind="orientation")["set_view"]
    match, sort = (dict(stage["kwargs"]) for stage in asked["view"])
    assert match["filter"] == {"orientation_flagged": True}
    assert sort["field_or_expr"] == "orientation_score"


def test_a_control_that_only_reports_itself_changes_nothing(ask) -> None:
    asked = ask("on_map_option", "map", path="map_bar.colour", value="correct")
    assert set(asked) == {"show_panel_output"}
    asked = ask("on_map_option", "map", path="map_bar.colour", value="class")
    assert {"patch_panel_state", "patch_panel_data"} <= set(asked)


def test_what_is_drawn_does_not_stay_in_the_state(ask) -> None:
    asked = ask("show_kind", kind="orientation", state={"map": [{"x": [1, 2]}]})
    assert {"map": None} in [one["state"] for one in asked["patch_panel_state"]]


@pytest.mark.parametrize(
    ("method", "tab"), [("on_load", "overview"), ("on_load", "map"), ("show_split", "overview")]
)
def test_an_error_is_shown_and_logged(ask, run, caplog, method, tab) -> None:
    (run.path / "run.json").rename(run.path / "hidden")
    with caplog.at_level(logging.ERROR, logger="curate"):
        logging.getLogger("curate").propagate = True
        asked = ask(method, tab, row=0)
    (shown,) = asked["show_panel_output"]
    error = shown["output"]["type"]["properties"]["error"]["view"]["label"]
    assert error.startswith("Expected a run directory")
    assert any("RunError" in (record.exc_text or "") for record in caplog.records)


def test_another_run_beside_this_one(ask, run, published, tmp_path) -> None:
    other = make_run(tmp_path / "b")
    for one in (run, other):
        one.save(status="complete", seed=0)
    probs = np.array(other.array("probs"))
    probs[3] = [0.1, 0.1, 0.8]  # a cat of test that only the other takes for an owl
    ids = other.table("samples")["sample_id"]
    other.write_array("probs", probs, ids)
    published(other)
    state = {"confusion_options": {"other": str(other.path)}}
    asked = ask("on_load", "confusion", state=state)
    (shown,) = asked["show_panel_output"]
    parts = shown["output"]["type"]["properties"]
    assert "error" not in parts, parts["error"]
    assert str(other.path) in parts["other"]["type"]["values"]
    said = parts["both"]["view"]["title"]
    assert "test images in both runs: this one has 5 right, the other 4" in said
    (drawn,) = [one["data"]["heatmap"] for one in asked["patch_panel_data"]]
    assert drawn[0]["text"] == [["-1", "", "+1"], ["", "", ""], ["", "", ""]]
    assert drawn[0]["z"] == [[-1, 0, -1], [0, 0, 0], [0, 0, 0]]
    asked = ask("show_moved_pair", "confusion", state=state, row=0)
    (view,) = asked["set_view"]
    match = dict(view["view"][0]["kwargs"])
    assert match["filter"]["curate_id"]["$in"] == ["s003"]
    asked = ask("show_moved", "confusion", state=state, y="dog", x="owl")
    assert "Both runs" in asked["notify"][0]["message"]


def test_the_policy_and_what_it_makes_of_an_image(ask, run) -> None:
    flip = Step("vertical_flip", 1.0, excluded_classes=("owl",), reason="3 of 9 are upside-down")
    write_policy(Policy(stages=((), (flip,)), classes=tuple(CLASSES)), policy_path(run))
    dog = ask.dataset.match({"curate_id": "s001"}).first()
    asked = ask("on_load", "curriculum", selected=[dog.id])
    (shown,) = asked["show_panel_output"]
    parts = shown["output"]["type"]["properties"]
    assert "error" not in parts, parts["error"]
    assert parts["step_0"]["view"]["title"] == "vertical flip, p 1; not for owl"
    assert parts["step_0_why"]["view"]["title"].endswith("3 of 9 are upside-down")
    pictures = parts["examples"]["type"]["properties"]
    assert len(pictures) == 6
    shown = Image.open(
        io.BytesIO(base64.b64decode(pictures["example_0"]["default"].partition(",")[2]))
    )
    upside_down = np.asarray(Image.open(dog.filepath).convert("L"))[::-1]
    assert np.abs(np.asarray(shown.convert("L"), dtype=int) - upside_down).mean() < 10

    asked = ask("on_load", "curriculum", state={"policy_options": {"stage": "0"}})
    parts = asked["show_panel_output"][0]["output"]["type"]["properties"]
    assert "no_steps" in parts
    assert "examples_hint" in parts


def test_the_saved_workspace_holds_what_the_panel_keeps_at_first_sight(ask) -> None:
    import curate_plugin.panel

    kept = OPENED["state"]
    assert kept["tab"] == curate_plugin.panel.FIRST
    asked = ask("on_load", state=kept)
    assert all(one["state"].items() <= kept.items() for one in asked.get("patch_panel_state", []))
