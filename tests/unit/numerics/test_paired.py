from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from curate.numerics.paired import (
    cluster_weights,
    clusters_of,
    holm,
    mcnemar,
    paired_difference,
    paired_p_value,
    sign_flip_p_value,
    standard_interval,
)


def coin(n: int, fixed: int, broken: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models on n images, of which the second fixes and breaks so many."""
    a = np.ones(n, dtype=bool)
    a[:fixed] = False
    b = np.ones(n, dtype=bool)
    b[fixed : fixed + broken] = False
    return a, b


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (1, 0), (4, 0), (6, 0), (9, 2), (30, 41)])
def test_mcnemar_is_the_binomial_test_and_groups_of_one_change_nothing(
    fixed: int, broken: int
) -> None:
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert mcnemar(fixed, broken) == pytest.approx(expected)
    a, b = coin(100, fixed, broken)
    assert paired_p_value(a, b) == pytest.approx(expected)
    assert paired_p_value(b, a) == pytest.approx(expected)


def test_sign_flips_by_hand() -> None:
    # 3 +- 1 +- 1 with equal chances: 5, 3, 3, 1, -1, -3, -3, -5; as far from 0 as 3: six of eight.
    assert sign_flip_p_value(np.array([3, 1, -1])) == pytest.approx(6 / 8)
    assert sign_flip_p_value(np.array([3, 1, 1])) == pytest.approx(2 / 8)
    assert sign_flip_p_value(np.array([0, 0])) == 1.0


def test_ten_photographs_of_one_person_are_no_ten_proofs() -> None:
    a, b = coin(40, 10, 0)
    alone = np.array([f"p{i}" for i in range(40)])
    one_person = np.array(["x"] * 10 + [f"p{i}" for i in range(30)])
    assert paired_p_value(a, b, alone) == pytest.approx(mcnemar(10, 0))
    assert paired_p_value(a, b, one_person) == 1.0
    _, (low, high) = paired_difference(a, b, one_person)
    assert low < 0 < high
    assert paired_difference(a, b, alone)[1][0] > 0


def test_the_interval_by_hand_is_that_of_bonett_and_price() -> None:
    n, fixed, broken = 412, 21, 7
    a, b = coin(n, fixed, broken)
    estimate, (low, high) = paired_difference(a, b)
    p12, p21 = (fixed + 1) / (n + 2), (broken + 1) / (n + 2)
    half = 1.96 * np.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    assert estimate == pytest.approx((fixed - broken) / n)
    assert low == pytest.approx(p12 - p21 - half, abs=3e-4)
    assert high == pytest.approx(p12 - p21 + half, abs=3e-4)


@pytest.mark.parametrize("broken", [0, 1, 3])
def test_few_images_say_the_same_by_interval_and_by_test(broken: int) -> None:
    for fixed in range(15):
        a, b = coin(400, fixed, broken)
        _, (low, high) = paired_difference(a, b)
        p = mcnemar(fixed, broken)
        at_the_edge = 0.04 < p < 0.06  # p comes in steps: one image more or less
        assert at_the_edge or (low > 0 or high < 0) == (p < 0.05), (fixed, broken)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for n, p_fixed, p_broken in ((60, 0.1, 0.1), (200, 0.08, 0.03), (400, 0.02, 0.02)):
        missed = 0
        for _ in range(1000):
            draw = rng.random(n)
            fixed, broken = draw < p_fixed, draw > 1 - p_broken
            a = ~fixed
            _, (low, high) = paired_difference(a, ~broken)
            missed += not low <= p_fixed - p_broken <= high
        assert missed <= 70, (n, missed)  # 50 are expected, and 21 is three deviations


def test_the_interval_of_grouped_images_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 7)
    missed = 0
    for _ in range(500):
        lean = np.repeat(rng.normal(0, 0.1, 40), 7)  # a whole person is fixed or broken
        draw = rng.random(280)
        a = draw >= np.clip(0.1 + lean, 0, 0.5)
        b = draw <= 1 - np.clip(0.1 - lean, 0, 0.5)
        _, (low, high) = paired_difference(a, b, groups)
        missed += not low <= 0 <= high
    assert missed <= 40


def test_a_statistic_is_resampled_and_the_mean_agrees_with_it() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random(80), rng.random(80)
    groups = np.repeat(np.arange(20), 4).astype(str)

    def mean(values: np.ndarray, weights: np.ndarray) -> float:
        return float((values * weights).sum() / weights.sum())

    closed = paired_difference(a, b, groups)
    drawn = paired_difference(a, b, groups, np.random.default_rng(3), mean)
    assert drawn[0] == pytest.approx(closed[0])
    np.testing.assert_allclose(drawn[1], closed[1], atol=0.02)
    with pytest.raises(ValueError, match="Expected rng"):
        paired_difference(a, b, groups, None, mean)


def test_what_cannot_be_known_is_said_so() -> None:
    estimate, interval = paired_difference([], [])
    assert np.isnan(estimate) and interval == (-1.0, 1.0)
    assert paired_difference([1, 0], [1, 1], np.array(["x", "x"]))[1] == (-1.0, 1.0)
    assert standard_interval(0.1, 0.0, 1, 1) == (-np.inf, np.inf)
    assert paired_p_value([], []) == 1.0
    with pytest.raises(ValueError, match="one length"):
        paired_difference([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="Expected 2 groups"):
        paired_difference([1, 0], [1, 1], np.array(["x"]))


def test_equal_predictions_do_not_make_an_interval_without_width() -> None:
    _, (low, high) = paired_difference(np.ones(100), np.ones(100))
    assert low == pytest.approx(-high)
    assert 0.02 < high < 0.04


def test_clusters() -> None:
    assert clusters_of(None, 3).tolist() == [0, 1, 2]
    assert clusters_of(np.array(["b", "", "a", "b", ""]), 5).tolist() == [1, 2, 0, 1, 3]
    assert clusters_of(np.array([7, 3, 7]), 3).tolist() == [1, 0, 1]
    for weights in cluster_weights(np.array([0, 1, 0, 2]), np.random.default_rng(0), 20):
        assert weights[0] == weights[2]
        assert weights[0] + weights[1] + weights[3] == 3


def test_holm_by_hand() -> None:
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])
    with_gap = holm([0.01, np.nan, 0.04])
    assert np.isnan(with_gap[1])
    np.testing.assert_allclose(with_gap[[0, 2]], [0.02, 0.04])
    assert len(holm([])) == 0
