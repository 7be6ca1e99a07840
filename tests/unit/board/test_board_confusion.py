from __future__ import annotations

from pathlib import Path

import pytest

from curate.board.confusion import BLOCK, matrix, top_pairs
from made_board import made_board


def test_counts_of_all_splits_and_of_one(tmp_path: Path) -> None:
    board = made_board(
        tmp_path / "run", ["a", "a", "b", None, "c"], ["a", "b", "b", "a", "c"],
        splits=["train", "test", "train", "train", "test"],
    )  # fmt: skip
    shown = matrix(board)
    at = {name: i for i, name in enumerate(shown.names)}
    assert shown.whole
    assert shown.counts.sum() == 4  # the image without a label counts nowhere
    assert shown.counts[at["a"], at["b"]] == 1
    assert shown.share[at["a"], at["b"]] == 0.5
    assert matrix(board, "train").counts.sum() == 2


def test_classes_that_are_mixed_up_stand_next_to_each_other(tmp_path: Path) -> None:
    labels = ["a", "b", "c", "d"] * 4
    predicted = list(labels)
    predicted[0], predicted[1] = "d", "c"  # a is taken for d, b for c
    names = matrix(made_board(tmp_path / "run", labels, predicted)).names
    places = [names.index(name) for name in "adbc"]
    assert abs(places[0] - places[1]) == 1
    assert abs(places[2] - places[3]) == 1


def test_pairs_come_with_both_directions_an_interval_and_the_verdict(tmp_path: Path) -> None:
    board = made_board(
        tmp_path / "run", ["a"] * 4 + ["b"] * 4 + ["c"], ["a", "a", "b", "b", *"bbba", "c"],
        detectors={"confusable": {"pairs": [
            {"class_a": "b", "class_b": "a", "verdict": "fixable", "causes": ["one-sided"]}
        ]}},
    )  # fmt: skip
    (pair,) = top_pairs(board)
    assert (pair.a, pair.b, pair.a_as_b, pair.b_as_a) == ("a", "b", 2, 1)
    assert pair.rate == pytest.approx(3 / 8)
    assert pair.interval[0] < 3 / 8 < pair.interval[1]
    assert (pair.verdict, pair.causes) == ("fixable", ("one-sided",))


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({}, "not looked for"),
        ({"confusable": {"pairs": [], "pairs_found": 0}}, "within chance"),
        ({"confusable": {"pairs": [], "pairs_found": 9}}, "not among the first"),
    ],
)
def test_a_pair_that_the_detector_does_not_name_says_why(tmp_path: Path, said, verdict) -> None:
    (pair,) = top_pairs(made_board(tmp_path / "run", ["a", "b"], ["b", "b"], detectors=said))
    assert pair.verdict == verdict


def test_of_many_classes_the_most_confused_block_is_drawn_or_those_searched(tmp_path: Path) -> None:
    classes = [f"class {i:03d}" for i in range(100)]
    predicted = list(classes)
    predicted[90], predicted[91] = classes[95], classes[7]
    board = made_board(tmp_path / "run", classes, predicted, classes=classes)
    shown = matrix(board)
    assert not shown.whole
    assert len(shown.names) == BLOCK
    assert {"class 090", "class 095", "class 091", "class 007"} <= set(shown.names)
    found = matrix(board, search=" CLASS 09 ".strip())
    assert {f"class 09{i}" for i in range(10)} | {"class 007"} == set(found.names)
    assert matrix(board, search="no such").names == ()


def test_a_run_without_mistakes_or_labels_draws_and_lists_nothing_wrong(tmp_path: Path) -> None:
    board = made_board(tmp_path / "run", ["a", None], ["a", "b"])
    assert matrix(board).counts.sum() == 1
    assert top_pairs(board) == []
