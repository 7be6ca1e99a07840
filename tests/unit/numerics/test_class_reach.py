"""Distances to classes by the graph, on graphs of two or three images."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.numerics.class_reach import STEEPEST, as_near_as_others, growth, reach, reaches


def test_reach_is_the_mean_of_the_nearest_with_the_edge_for_what_is_missing() -> None:
    distances = np.array([[0.1, 0.2, 0.4, 0.8]])
    assert reach(np.array([[True, False, True, True]]), distances, 2)[0] == 0.25
    np.testing.assert_allclose(reach(np.array([[False, True, False, False]]), distances, 2), 0.5)
    np.testing.assert_allclose(reach(np.zeros((1, 4), dtype=bool), distances, 2), 0.8)
    assert reach(np.zeros((1, 0), dtype=bool), np.zeros((1, 0)), 2).tolist() == [0]


@given(
    st.integers(1, 5), st.integers(0, 8), st.integers(1, 4), st.integers(1, 4), st.integers(0, 999)
)
def test_reaches_is_reach_of_every_class(
    m: int, width: int, n_classes: int, k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    found = rng.integers(-1, n_classes, (m, width))
    distances = np.sort(rng.random((m, width)), axis=1)
    every = reaches(found, distances, n_classes, k)
    assert every.shape == (m, n_classes)
    for c in range(n_classes):
        np.testing.assert_allclose(every[:, c], reach(found == c, distances, k))


def test_growth_finds_the_exponent_and_takes_copies_and_equal_distances() -> None:
    # As many neighbours within d as d^4 has: the j-th of 1000 lies at (j / 1000)^(1/4).
    distances = np.tile((np.arange(1, 1001) / 1000) ** 0.25, (5, 1))
    np.testing.assert_allclose(growth(distances), 4, rtol=0.01)
    distances[:2, 0] = 0
    np.testing.assert_allclose(growth(distances), 4, rtol=0.01)
    np.testing.assert_allclose(growth(np.ones((3, 5))), STEEPEST)
    assert growth(np.ones((3, 1))) == 1
    assert growth(np.ones((0, 5))) == 1


def test_an_image_nearer_to_its_own_than_those_of_the_other_class_does_not_fit() -> None:
    # Rows 0 and 1 are called 0 and look like 1; rows 2 to 20 are of class 1. Row 0 has images of
    # its label as far as they have, row 1 has one right beside it.
    labels = np.r_[0, 0, np.ones(19, dtype=int)]
    found = np.tile([1, 1, 0], (21, 1))
    found[1] = [0, 1, 1]
    distances = np.tile([0.1, 0.2, 0.4], (21, 1))
    distances[2:, 2] *= np.linspace(0.9, 1.1, 19)
    asked = reaches(found[:2], distances[:2], 2, 1)
    np.testing.assert_allclose(asked, [[0.4, 0.1], [0.1, 0.2]])
    fits = as_near_as_others(labels, np.array([1, 1]), asked, np.array([0, 0]), found, distances, 1)
    assert fits[0] == 1
    np.testing.assert_allclose(fits[1], -np.e / 20 * np.log(1 / 20))
