from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.app.opened import open_run
from curate.board.opening import Board
from curate.board.overview import KindRow, estimate, overview
from curate.errors import RunError
from made_board import made_board


def test_kinds_and_splits_of_a_tiny_run(tmp_path: Path) -> None:
    board = made_board(
        tmp_path / "run", ["a", "b", None, "a"], ["a", "a", "b", "a"],
        splits=["train", "train", "val", "test"],
        flagged={"hard": [1], "label_error": [1, 3], "orientation": []},
        metrics={"train": {"accuracy": 0.5, "accuracy_interval": [0.1, 0.9],
                           "macro_f1": 0.4, "macro_f1_interval": [0.2, 0.8]}},
        detectors={"label_error": {"precision": 0.9,
                                   "precision_interval": [0.8, 1.0]}},
        settings={"model": "hog"},
        skipped_detectors={"outlier": "needs embeddings"},
    )  # fmt: skip
    decisions = board.run.table("decisions")
    row = dict.fromkeys(decisions.columns, "") | {"sample_id": "s1", "action": "ok"}
    board.run.write_table("decisions", pd.DataFrame([row]))
    found = overview(board)
    assert (found.images, found.classes, found.model) == (4, 2, "hog")
    assert found.kinds == (
        KindRow("label_error", 2, 1, 0.9, (0.8, 1.0), "estimate"),
        KindRow("hard", 1, 1),
        KindRow("orientation", 0, 0),
    )
    assert [(row.split, row.images, row.unlabelled) for row in found.splits] == [
        ("train", 2, 0), ("val", 1, 1), ("test", 1, 0),
    ]  # fmt: skip
    assert found.splits[0].accuracy_interval == (0.1, 0.9)
    assert found.splits[1].accuracy is None
    assert found.skipped == {"outlier": "needs embeddings"}


def test_what_people_judged_goes_before_the_detectors_own_word() -> None:
    said = {"k": {"precision": 0.9, "precision_interval": [0.8, 1.0]}}
    judged = {"k": {"precision": {"value": 0.5, "low": 0.3, "high": 0.7}, "stale": False}}
    assert estimate({"detectors": said, "audits": judged}, "k") == (0.5, (0.3, 0.7), "audit")
    judged["k"]["stale"] = True
    assert estimate({"detectors": said, "audits": judged}, "k") == (0.9, (0.8, 1.0), "estimate")


def test_a_precision_without_an_interval_is_not_shown() -> None:
    assert estimate({"detectors": {"k": {"precision": 0.9}}}, "k") is None
    assert estimate({}, "k") is None


def test_a_run_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    board = made_board(tmp_path / "run", ["a"], ["a"])
    info = {"curate": {"run": str(board.run.path)}}
    first = open_run(info)
    assert open_run(info) is first
    board.run.save(dataset="renamed")
    assert open_run(info) is not first


@pytest.mark.parametrize("info", [{}, {"curate": {}}])
def test_a_dataset_of_another_program_is_told(info: dict[str, object]) -> None:
    with pytest.raises(RunError, match="Expected a dataset that `curate analyze` made"):
        open_run(info)


def test_a_run_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Expected a run directory"):
        open_run({"curate": {"run": str(tmp_path / "gone")}})


@pytest.mark.parametrize("order", ["as written", "shuffled", "with one missing"])
def test_flags_belong_to_their_images_in_whatever_order_they_lie(
    tmp_path: Path, order: str
) -> None:
    board = made_board(
        tmp_path, ["a"] * 6, ["a"] * 6, flagged={"hard": [1, 4], "outlier": [5], "copy": []}
    )
    table = board.run.table("findings")
    if order == "shuffled":
        table = table.sample(frac=1, random_state=0)
    if order == "with one missing":
        table = table[~((table["kind"] == "outlier") & (table["sample_id"] == "s0"))]
    board.run.write_table("findings", table)
    board = Board(board.run)
    assert board.kinds == ["copy", "hard", "outlier"]
    assert np.flatnonzero(board.flagged("hard")).tolist() == [1, 4]
    assert np.flatnonzero(board.flagged("outlier")).tolist() == [5]
    assert not board.flagged("copy").any()
    assert Board(made_board(tmp_path / "none", ["a"], ["a"]).run).kinds == []
