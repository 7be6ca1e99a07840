from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate import palette
from curate.board.points import GRID, colourings, coordinates, lassoed, traces
from made_board import made_board


@pytest.fixture
def board(tmp_path: Path):
    return made_board(
        tmp_path / "run", ["a", "b", None, "a"], ["a", "a", "b", "a"],
        splits=["train", "train", "val", "test"],
        flagged={"hard": [1], "orientation": []},
        columns={"difficulty": [0.1, 0.9, np.nan, 0.2], "tier": ["easy", "hard", None, None]},
        arrays={"projection": np.array([[0, 0], [2, 0], [2, 1], [1, 1]], dtype="f4")},
    )  # fmt: skip


def names(found) -> dict[str, list[int]]:
    return {trace.name: trace.rows.tolist() for trace in found}


def test_coordinates_are_whole_numbers_in_one_scale(board) -> None:
    assert coordinates(board).tolist() == [
        [0, 0], [GRID, 0], [GRID, round(GRID / 2)], [round(GRID / 2), round(GRID / 2)],
    ]  # fmt: skip


def test_a_run_without_a_projection_has_no_map(tmp_path: Path) -> None:
    assert coordinates(made_board(tmp_path / "run", ["a"], ["a"])) is None


def test_every_image_is_drawn_once_whatever_the_colour(board) -> None:
    for key in colourings(board):
        rows = np.concatenate([trace.rows for trace in traces(board, key)])
        assert sorted(rows.tolist()) == [0, 1, 2, 3], key


def test_what_matters_lies_on_top(board) -> None:
    assert names(traces(board, "correct")) == {"no label": [2], "right": [0, 3], "wrong": [1]}
    assert names(traces(board, "found:hard")) == {"not flagged": [0, 2, 3], "hard": [1]}
    assert names(traces(board, "tier")) == {"in no tier": [2, 3], "easy": [0], "hard": [1]}
    assert names(traces(board, "split")) == {"train": [0, 1], "val": [2], "test": [3]}
    assert names(traces(board, "class")) == {"other or no class": [2], "a": [0, 3], "b": [1]}


def test_scores_bring_their_values(board) -> None:
    rest, shown = traces(board, "score:difficulty")
    assert rest.rows.tolist() == [2]
    assert shown.values.tolist() == [0.1, 0.9, 0.2]


def test_kinds_without_findings_are_no_colour(board) -> None:
    assert "found:hard" in colourings(board)
    assert "found:orientation" not in colourings(board)


def test_a_lasso_names_each_image_once(board) -> None:
    drawn = traces(board, "correct", highlight=np.array([False, True, False, False]))
    assert drawn[-1].name == "highlighted"
    points = [{"trace_idx": 1, "idx": 1}, {"trace_idx": 2, "idx": 0}, {"trace_idx": 3, "idx": 0}]
    assert lassoed(drawn, points).tolist() == [1, 3]
    assert lassoed(drawn, []).tolist() == []


def test_many_classes_get_a_form_beside_the_colour(tmp_path: Path) -> None:
    classes = [f"{i:02d}" for i in range(30)]
    drawn = traces(made_board(tmp_path / "run", classes, classes), "class")
    marks = [(trace.colour, trace.symbol) for trace in drawn[1:]]
    assert len(set(marks)) == len(marks) == 28
    assert len(drawn[0].rows) == 2
    assert drawn[0].colour == palette.OTHER
