from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import fisher_exact

from curate.board.weakest import held_out, held_out_counts, weakest
from made_board import made_board


def test_a_class_is_weak_by_fishers_test_corrected_for_the_number_of_classes(
    tmp_path: Path,
) -> None:
    labels, predicted = [], []
    for name, right, of in (("a", 19, 20), ("b", 10, 20), ("c", 16, 20)):
        labels += [name] * of
        predicted += [name] * right + ["a" if name != "a" else "b"] * (of - right)
    found = weakest(made_board(tmp_path, labels, predicted))
    p = [
        fisher_exact([[10, 10], [35, 5]], alternative="less").pvalue,
        fisher_exact([[16, 4], [29, 11]], alternative="less").pvalue,
        fisher_exact([[19, 1], [26, 14]], alternative="less").pvalue,
    ]
    assert 3 * p[0] < 0.05 < min(p[1:])
    assert [(one.name, one.images, one.taken_for) for one in found] == [("b", 20, ("a", 10))]
    assert found[0].recall[0] == pytest.approx(0.5)
    assert found[0].others[0] == pytest.approx(35 / 40)


def test_what_chance_makes_is_not_called_weak(tmp_path: Path) -> None:
    """Of 200 draws without a difference at most one in twenty may name a class, give or take."""
    rng = np.random.default_rng(0)
    labels = np.repeat(list("abcde"), 40)
    board = made_board(tmp_path, labels.tolist(), labels.tolist())
    named = 0
    for _ in range(200):
        wrong = rng.random(len(labels)) < 0.2
        board._answers.clear()
        board.predicted = np.where(wrong, (board.labels + 1) % 5, board.labels)
        named += bool(weakest(board))
    assert named <= 18  # 10 expected at most, of 200; 19 or more have a chance below .01


def test_only_images_that_the_model_had_not_seen_count(tmp_path: Path) -> None:
    board = made_board(
        tmp_path, ["a", "b", "a"], ["a", "a", "a"], splits=["train", "val", "val"],
        in_sample={"splits": ["train"], "why": "trained on them"},
    )  # fmt: skip
    assert held_out(board) == ("val",)
    assert held_out_counts(board).tolist() == [[1, 0], [1, 0]]
