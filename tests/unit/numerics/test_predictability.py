"""Ranges of one number that hold a class, and places that look alike in a class."""

from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.predictability import Bounds, Ranges, balanced_accuracy
from curate.numerics.templates import templates


def folds_of(n: int) -> np.ndarray:
    return np.arange(n) // 3 % 5


def test_range_of_a_class_between_the_others_is_found() -> None:
    labels = np.repeat([0, 1, 2], 50)
    x = np.concatenate([np.arange(50), np.arange(100, 150), np.arange(200, 250)]).astype(float)
    found = Ranges.of(x, labels, folds_of(150), 3)
    assert found.low[0] == -np.inf
    # A bin holds two or three numbers: a cut may lie so many off the gap.
    assert 47 <= found.high[0] <= 102
    assert 47 <= found.low[1] <= 102
    assert 147 <= found.high[1] <= 202
    assert found.high[2] == np.inf
    # Of the middle class a few on the edge of a fold's range may be missed.
    assert (found.inside >= 46).all()
    assert (found.others_inside <= 4).all()
    assert found.holds(np.array([20.0, 125.0, 225.0]), 1).tolist() == [False, True, False]


def test_mark_has_two_ranges_and_exact_counts() -> None:
    labels = np.repeat([0, 1], 50)
    x = np.zeros(100)
    x[50:90] = 1  # 40 of the second class and none of the first
    found = Ranges.of(x, labels, folds_of(100), 2)
    assert (found.low[1], found.high[1]) == (1, np.inf)
    assert (found.low[0], found.high[0]) == (-np.inf, 1)
    assert found.inside.tolist() == [50, 40]
    assert found.others_inside.tolist() == [10, 0]


def test_number_that_says_nothing_is_worth_a_half_held_out() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 3
    found = Ranges.of(rng.normal(size=600), labels, rng.permutation(600) % 5, 3)
    own, others = found.shares(1.96, np.ones(3), 1.0)
    accuracy = balanced_accuracy(own, others)
    assert (accuracy.low < 0.5).all()
    assert (accuracy.value < 0.58).all()


def test_balanced_accuracy_adds_the_squares_of_half_the_margins() -> None:
    own = Bounds(np.array([0.9]), np.array([0.8]), np.array([0.95]))
    others = Bounds(np.array([0.1]), np.array([0.05]), np.array([0.175]))
    found = balanced_accuracy(own, others)
    assert found.value[0] == pytest.approx(0.9)
    assert found.low[0] == pytest.approx(0.9 - np.hypot(0.1, 0.075) / 2)
    assert found.high[0] == pytest.approx(0.9 + np.hypot(0.05, 0.05) / 2)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 32, 32)).astype(np.uint8)


def test_stamp_of_a_class_is_placed_and_tells_who_has_it() -> None:
    images = noise(120)
    labels = np.arange(120) % 2
    images[labels == 1, 28:, 28:] = 250
    images[1, 28:, 28:] = 0  # the counter-example
    found = templates(images, labels, np.arange(120) // 2 % 2, 2)
    assert [(one.label, one.where) for one in found] == [(1, "bottom right")]
    likeness = found[0].likeness
    assert (likeness[labels == 1][1:] == 1).all()
    assert likeness[1] == 0
    assert likeness[labels == 0].max() < 0.6


def test_backdrop_of_every_class_and_noise_are_no_template() -> None:
    images = noise(120)
    labels = np.arange(120) % 2
    assert templates(images, labels, np.arange(120) // 2 % 2, 2) == []
    images[:, :4] = 255
    assert templates(images, labels, np.arange(120) // 2 % 2, 2) == []


def test_frame_is_all_around() -> None:
    images = noise(120)
    labels = np.arange(120) % 2
    for strip in (np.s_[:, :4], np.s_[:, -4:], np.s_[:, :, :4], np.s_[:, :, -4:]):
        images[strip][labels == 0] = 0
    found = templates(images, labels, np.arange(120) // 2 % 2, 2)
    assert [(one.label, one.where) for one in found] == [(0, "edge on all sides")]
