from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from curate.board.classes import classes
from curate.board.curriculum import MOST_CLASSES, tiers, trained
from curate.board.opening import open_path
from made_board import made_board


@pytest.fixture
def board(tmp_path: Path):
    return made_board(
        tmp_path / "run", ["a", "a", "a", "b", "b", None], ["a", "a", "b", "b", "b", "a"],
        splits=["train"] * 4 + ["test"] * 2,
        classes=["a", "b", "c"],
        flagged={"label_error": [2]},
        columns={"tier": ["easy", "medium", "review", "hard", None, None]},
    )  # fmt: skip


def test_scores_and_findings_of_each_class(board) -> None:
    a, b, c = classes(board)
    assert (a.name, a.images, a.label_errors, a.tiers) == ("a", 3, 1, (1, 1, 0, 1))
    assert a.recall[0] == pytest.approx(2 / 3)
    assert a.precision[0] == 1
    assert a.f1[0] == pytest.approx(2 * (2 / 3) / (1 + 2 / 3))
    for value, low, high in (a.recall, a.precision, a.f1, b.precision):
        assert 0 <= low <= value <= high <= 1
    assert b.tiers == (0, 0, 1, 0)
    assert (c.images, c.recall, c.precision, c.f1, c.label_errors) == (0, None, None, None, 0)


def test_of_one_split(board) -> None:
    a, b, _ = classes(board, "test")
    assert (a.images, a.recall) == (0, None)
    assert (b.images, b.recall[0], b.label_errors) == (1, 1.0, 0)
    assert a.tiers == (1, 1, 0, 1)


def test_nobody_looked_for_label_errors(tmp_path: Path) -> None:
    assert classes(made_board(tmp_path / "run", ["a"], ["a"]))[0].label_errors is None


def test_tiers_and_who_is_trained_on(board) -> None:
    shown = tiers(board)
    assert shown.totals == {"easy": 1, "medium": 1, "hard": 1, "review": 1}
    assert shown.counts.tolist() == [[1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]
    table = trained(board)
    assert table["tier"].tolist() == ["easy", "medium", "hard"]
    assert table["target"].tolist() == [0, 0, 1]
    assert len(table["difficulty"]) == 3


def test_tiers_are_those_that_decisions_came_to(board) -> None:
    decided = board.run.table("decided")
    rows = {name: [None] * 6 for name in decided.columns} | {
        "sample_id": board.ids, "tier": ["hard", *[None] * 5],
    }  # fmt: skip
    board.run.write_table("decided", pd.DataFrame(rows))
    assert tiers(open_path(board.run.path)).totals == {
        "easy": 0,
        "medium": 0,
        "hard": 1,
        "review": 0,
    }


def test_of_many_classes_those_with_most_hard_images_are_drawn(tmp_path: Path) -> None:
    names = [f"{i:03d}" for i in range(MOST_CLASSES + 5)]
    tier = ["easy"] * len(names)
    tier[-1] = "hard"
    shown = tiers(made_board(tmp_path / "run", names, names, columns={"tier": tier}))
    assert len(shown.names) == MOST_CLASSES
    assert names[-1] in shown.names
    assert shown.classes == len(names)
