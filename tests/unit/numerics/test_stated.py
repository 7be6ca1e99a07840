"""Stated precision, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curate.findings import Copies
from curate.numerics.intervals import wilson
from curate.numerics.stated import mean_chance, of_copies

LABELS = np.array([0, 0, 1, -1])


def pairs(unlike: int, alike: int, confirmed: int, taken: int = 0) -> Copies:
    """Pairs of two classes, `taken` of them confirmed, then pairs of one class."""
    m = unlike + alike
    b = np.where(np.arange(m) < unlike, 2, 1)
    sure = np.zeros(m, dtype=bool)
    sure[:taken] = sure[unlike : unlike + confirmed] = True
    return Copies(
        np.zeros(m, dtype=int), b, np.full(m, 0.1), np.full(m, 0.5), np.zeros(m, dtype=bool), sure,
        typical=0.4, threshold=0.03,
    )  # fmt: skip


def everywhere(copies: Copies) -> np.ndarray:
    return np.ones(len(copies.a), dtype=bool)


def test_the_mean_chance_of_the_flagged_and_its_two_doubts() -> None:
    chances = np.array([0.9, 0.8, 1.0])
    found = mean_chance(chances, of=300, expected=6.0, rests_on="a model")
    assert found["precision"] == pytest.approx(0.9)
    luck = (0.5 + 1.959964 * np.sqrt(0.09 + 0.16)) / 3
    end = wilson(6, 300)[0]
    odds = end / (1 - end) * 0.98 / 0.02
    least = np.mean(chances * odds / (chances * odds + 1 - chances))
    assert found["precision_interval"] == pytest.approx([0.9 - np.hypot(0.9 - least, luck), 1])
    assert found["precision_rests_on"] == "a model"


def test_many_sure_chances_have_a_narrow_interval() -> None:
    found = mean_chance(np.full(1000, 0.99), of=10_000, expected=1000.0, rests_on="a model")
    low, high = found["precision_interval"]
    assert 0.98 < low < 0.99 < high < 1


def test_nothing_is_stated_where_nothing_is_flagged() -> None:
    assert mean_chance(np.zeros(0), of=10, expected=0.1, rests_on="a model") == {}
    copies = pairs(unlike=100, alike=10, confirmed=0)
    assert of_copies(copies, LABELS, everywhere(copies)) == {}


def test_the_bound_of_the_null_rate_bounds_the_precision() -> None:
    copies = pairs(unlike=200, alike=60, confirmed=50)
    found = of_copies(copies, LABELS, everywhere(copies))
    rate = wilson(0, 200)[1]
    false = rate * (260 - 50) / (1 - rate)
    assert found["precision"] == 1
    assert found["precision_interval"] == pytest.approx([1 - false / 50, 1])
    assert str(found["precision_rests_on"]).startswith("0 of 200 pairs of two classes")


def test_confirmed_pairs_of_two_classes_lower_it() -> None:
    copies = pairs(unlike=100, alike=60, confirmed=50, taken=2)
    found = of_copies(copies, LABELS, everywhere(copies))
    assert found["precision"] == pytest.approx(1 - 0.02 * (160 - 52) / 0.98 / 52)


def test_unlabelled_images_and_few_pairs_of_two_classes_say_nothing() -> None:
    copies = pairs(unlike=100, alike=60, confirmed=50)
    assert of_copies(copies, np.array([0, 0, -1, -1]), everywhere(copies)) == {}
    few = pairs(unlike=29, alike=60, confirmed=50)
    assert of_copies(few, LABELS, everywhere(few)) == {}


def test_an_interval_from_nothing_to_all_is_not_stated() -> None:
    copies = pairs(unlike=60, alike=60, confirmed=5)
    rate = wilson(0, 60)[1]
    assert rate * (120 - 5) / (1 - rate) > 5
    assert of_copies(copies, LABELS, everywhere(copies)) == {}


def test_files_of_the_same_bytes_are_copies_for_certain() -> None:
    copies = pairs(unlike=5, alike=3, confirmed=3)
    copies.identical[5:] = True
    found = of_copies(copies, LABELS, everywhere(copies))
    assert found["precision_interval"] == [1, 1]


def test_the_pairs_wanted_alone_are_judged_by_the_rate_of_all() -> None:
    copies = pairs(unlike=200, alike=60, confirmed=50)
    among = everywhere(copies)
    among[:200] = False
    among[210:] = False
    found = of_copies(copies, LABELS, among)
    assert found["precision_interval"] == [1, 1]  # all that were looked at are confirmed
