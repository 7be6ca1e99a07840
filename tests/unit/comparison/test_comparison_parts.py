from __future__ import annotations

import numpy as np
import pytest

from curate.comparison.change import BETTER, NOT_SHOWN
from curate.comparison.parts import Part, compare_parts, share_interval, values_of
from curate.comparison.scores import Predicted, Task
from curate.numerics.intervals import wilson
from curate.numerics.paired import mcnemar


def models(right_a: np.ndarray, right_b: np.ndarray) -> tuple[Task, Predicted, Predicted]:
    """Two models of two classes that are right on these images."""
    n = len(right_a)
    task = Task(np.zeros(n, dtype=int), ("cat", "dog"), np.arange(n))
    return task, *(
        Predicted(name, np.column_stack([right, ~right]).astype(float))
        for name, right in (("a", right_a), ("b", right_b))
    )


def test_of_31_upside_down_images_24_are_now_right() -> None:
    right_a = np.ones(100, dtype=bool)
    right_a[:26] = False
    right_b = np.ones(100, dtype=bool)
    right_b[:7] = False
    parts = [
        Part("finding", "upside-down", np.arange(31), still_found=30),
        Part("finding", "dark", np.arange(50, 60)),
        Part("finding", "hard", np.arange(26), by_mistakes=True),
    ]
    turned, dark, hard = compare_parts(*models(right_a, right_b), parts)
    assert (turned["images"], turned["right_a"], turned["right_b"]) == (31, 5, 24)
    assert turned["right_b_interval"] == pytest.approx(list(wilson(24, 31)))
    assert (turned["fixed"], turned["broken"], turned["still_found"]) == (19, 0, 30)
    assert turned["p_value"] == pytest.approx(mcnemar(19, 0))
    assert turned["p_adjusted"] == pytest.approx(2 * mcnemar(19, 0)), "of the two that are tested"
    assert (turned["verdict"], dark["verdict"]) == (BETTER, NOT_SHOWN)
    assert hard["verdict"] is None and hard["p_value"] is None and hard["right_b"] == 19
    assert hard["interval"][0] > 0


def test_the_share_of_grouped_images_knows_less() -> None:
    right = np.repeat([True, False, True, True, False], 20)
    alone = share_interval(right, np.arange(100))
    assert alone == wilson(60, 100)
    grouped = share_interval(right, np.repeat(np.arange(5), 20))
    assert grouped[0] < alone[0] - 0.1 and grouped[1] > alone[1] + 0.1
    all_right = share_interval(np.ones(100, dtype=bool), np.repeat(np.arange(5), 20))
    assert all_right == wilson(5, 5)
    assert share_interval(np.zeros(0, dtype=bool), np.zeros(0, dtype=int)) == (0.0, 1.0)


def test_parts_by_a_column() -> None:
    words = ["x"] * 6 + ["y"] * 5 + ["z"] * 4 + [None] * 3
    found = values_of("camera", words, is_number=False)
    assert [(part.name, len(part.rows)) for part in found] == [("camera x", 6), ("camera y", 5)]
    ages = list(range(30))
    thirds = values_of("age", ages, is_number=True)
    assert [part.name for part in thirds] == [
        "age up to 9.667", "age above 9.667, up to 19.33", "age above 19.33",
    ]  # fmt: skip
    assert [part.rows.tolist() for part in thirds] == [ages[:10], ages[10:20], ages[20:]]
    stages = values_of("stage", [1, 2] * 6 + [float("nan")], is_number=True)
    assert [part.name for part in stages] == ["stage 1", "stage 2"]
    assert values_of("empty", [None, None], is_number=True) == []
