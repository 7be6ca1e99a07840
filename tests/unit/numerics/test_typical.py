from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.typical import Typical, surprise


def test_percentiles_by_hand() -> None:
    assert Typical.of(np.arange(101.0)) == (5.0, 20.0, 50.0, 80.0, 95.0)


def test_each_side_has_its_own_limit() -> None:
    typical = Typical(low=8.0, left=10.0, median=10.0, right=10.0, high=20.0)
    values = np.array([10.0, 5.0, 35.0, 60.0])
    np.testing.assert_allclose(typical.excess(values, True, 2.5, 0.1), [0, 0, 1, 2])
    np.testing.assert_allclose(typical.excess(values, False, 2.5, 0.1), [0, 1, 0, 0])


def test_where_nothing_varies_the_least_distance_counts() -> None:
    typical = Typical(0.0, 0.0, 0.0, 0.0, 0.0)
    assert typical.excess(np.array([0.2]), True, 2.5, 0.1) == pytest.approx([2.0])


def test_a_tail_that_ends_sooner_has_a_nearer_limit() -> None:
    typical = Typical(low=0.0, left=0.0, median=0.0, right=9.0, high=10.0)
    # From the 95th percentile on 1.5 times log 10 / log 4 times the one from the 80th.
    limit = 10 + 1.5 * np.log(10) / np.log(4)
    np.testing.assert_allclose(typical.excess(np.array([limit]), True, 2.5, 0.1), [1])
    np.testing.assert_allclose(typical.excess(np.array([10.0]), True, 1.0, 0.1), [1])


def test_how_much_of_a_tail_passes_the_limit() -> None:
    rng = np.random.default_rng(0)

    def outside(values: np.ndarray) -> int:
        return int((Typical.of(values).excess(values, True, 2.5, 1e-9) > 1).sum())

    assert 10 < outside(rng.normal(size=200_000)) < 60  # 26 are expected
    assert 250 < outside(rng.exponential(size=200_000)) < 400  # 316
    assert outside(rng.uniform(size=200_000)) == 0


def test_surprise_is_one_at_a_twentieth_and_nothing_without_the_mark() -> None:
    members = np.arange(20) == 3
    assert surprise(members)[3] == pytest.approx(1)
    assert surprise(members)[4] == 0
    assert surprise(np.ones(5, bool)).tolist() == [0.0] * 5
