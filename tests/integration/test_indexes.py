"""A click on the panel reads the images it shows, and not all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from small_run import make_run, publish_again

from curate.app import clicks as views

KIND = "orientation_flagged_1_orientation_score_1"


def stages(dataset: Any, view: Any) -> str:
    """How MongoDB says that it goes about a view."""
    import fiftyone.core.odm as odm

    command = {
        "aggregate": dataset._sample_collection_name,
        "pipeline": view._pipeline(),
        "cursor": {},
    }
    return str(odm.get_db_conn().command("explain", command)["queryPlanner"]["winningPlan"])


@pytest.fixture
def dataset(tmp_path, published) -> Any:
    return published(make_run(tmp_path))


@pytest.mark.parametrize(
    "click",
    [
        lambda dataset: views.found(dataset, "orientation"),
        lambda dataset: views.taken_for(dataset, "dog", "owl"),
        lambda dataset: views.taken_for(dataset, "dog", "owl", "train"),
        lambda dataset: views.mixed_up(dataset, "dog", "owl"),
        lambda dataset: views.of_class(dataset, "dog"),
        lambda dataset: views.of_split(dataset, "val"),
        lambda dataset: views.of_tier(dataset, "hard"),
        lambda dataset: views.of_tier(dataset, "hard", "dog"),
        lambda dataset: views.chosen(dataset, ["s001", "s002"]),
    ],
)
def test_every_click_finds_an_index(dataset: Any, click: Callable[[Any], Any]) -> None:
    view = click(dataset)
    assert len(view) > 0
    plan = stages(dataset, view)
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


def test_the_index_of_a_kind_goes_with_its_findings(tmp_path, published) -> None:
    run = make_run(tmp_path)
    assert KIND in published(run).list_indexes()
    dataset = publish_again(run, published, hard=[1])
    assert KIND not in dataset.list_indexes()
    assert "hard_flagged_1_hard_score_1" in dataset.list_indexes()
