from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from curate.numerics.crossed import Crossed, crossed_difference, pooled_spread
from curate.numerics.paired import paired_difference


def runs(
    rng: np.random.Generator, n_seeds: int, n: int, by_seed: float, by_image: float
) -> tuple[np.ndarray, np.ndarray]:
    """Two arms of equal accuracy on the same images."""
    ease = rng.normal(0.8, 1.0, n)
    found = []
    for _ in range(2):
        of_image = ease + rng.normal(0, by_image, n)
        of_run = rng.normal(0, by_seed, (n_seeds, 1))
        found.append((of_image + of_run + rng.normal(0, 1, (n_seeds, n)) > 0).astype(float))
    return found[0], found[1]


def test_variances_by_hand() -> None:
    # Three seeds whose difference is the same on every image: nothing but the seeds varies.
    a = np.zeros((3, 4))
    b = np.repeat([[0.1], [0.2], [0.6]], 4, axis=1)
    found = crossed_difference(a, b)
    assert found.estimate == pytest.approx(0.3)
    assert found.by_seeds == pytest.approx(np.var([0.1, 0.2, 0.6], ddof=1) / 3)
    assert found.by_flips == pytest.approx(0, abs=1e-12)
    assert found.df == 2


def test_runs_that_do_not_depend_on_the_seed_have_the_interval_of_their_images() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.random(200) < 0.8).astype(float), (rng.random(200) < 0.9).astype(float)
    groups = np.repeat(np.arange(50), 4)
    for of_images in (None, groups):
        found = crossed_difference(np.tile(first, (3, 1)), np.tile(second, (3, 1)), of_images)
        estimate, interval = paired_difference(first, second, of_images)
        assert found.estimate == pytest.approx(estimate)
        assert found.by_seeds == pytest.approx(0, abs=1e-12)
        assert found.interval() == pytest.approx(interval)


def test_the_seeds_alone_give_students_interval() -> None:
    # On very many images that all change alike, the interval is t's of the three seeds.
    means = np.array([0.10, 0.12, 0.17])
    found = crossed_difference(np.zeros((3, 20000)), np.repeat(means[:, None], 20000, axis=1))
    half = t.ppf(0.975, 2) * means.std(ddof=1) / np.sqrt(3)
    low, high = found.interval()
    assert (low, high) == pytest.approx((means.mean() - half, means.mean() + half), rel=2e-3)


def test_one_seed_or_one_group_says_nothing() -> None:
    ones = np.ones((1, 9))
    assert crossed_difference(0 * ones, ones).interval() == (-np.inf, np.inf)
    assert crossed_difference(0 * ones, ones).p_value == 1.0
    found = crossed_difference(np.zeros((4, 9)), np.ones((4, 9)), np.zeros(9, dtype=int))
    assert not found.known


def test_arms_that_agree_everywhere_still_have_an_interval() -> None:
    same = np.ones((2, 50))
    found = crossed_difference(same, same)
    low, high = found.interval()
    assert low < 0 < high
    assert found.p_value == 1.0


def test_the_p_value_is_the_level_at_which_the_interval_holds_zero() -> None:
    rng = np.random.default_rng(1)
    a, b = runs(rng, 4, 300, 0.1, 0.3)
    b = np.maximum(b, (rng.random(b.shape) < 0.6).astype(float))
    found = crossed_difference(a, b)
    p = found.p_value
    assert 1e-9 < p < 0.01
    assert found.interval(p)[0] == pytest.approx(0, abs=1e-6)
    assert found.interval(p * 1.1)[0] > 0 > found.interval(p * 0.9)[0]


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected two equal"):
        crossed_difference(np.zeros((2, 3)), np.zeros((2, 4)))


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
@pytest.mark.parametrize(("by_seed", "by_image"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.7), (0.2, 0.7)])
def test_the_interval_holds_the_truth(n_seeds: int, by_seed: float, by_image: float) -> None:
    rng = np.random.default_rng([n_seeds, int(10 * by_seed), int(10 * by_image)])
    missed = 0
    for _ in range(300):
        low, high = crossed_difference(*runs(rng, n_seeds, 200, by_seed, by_image)).interval()
        missed += not low <= 0 <= high
    assert missed <= 26  # 15 are expected, and 11 is three deviations


def test_other_arms_lend_their_degrees_of_freedom() -> None:
    rng = np.random.default_rng(3)
    arms = [runs(rng, 2, 500, 0.1, 0.0)[0] for _ in range(5)]
    spread, df = pooled_spread(arms)
    alone = crossed_difference(arms[0], arms[1])
    together = crossed_difference(arms[0], arms[1], pooled=(spread, df))
    assert df == 4
    assert together.df == 4
    assert together.by_seeds >= alone.by_seeds
    # With two arms it is nothing but the variance of their differences.
    own, df = pooled_spread(arms[:2])
    assert df == 1
    assert 2 * own / 2 == pytest.approx(alone.by_seeds)


def test_an_arm_that_is_less_steady_keeps_its_own_variance() -> None:
    steady = np.tile(np.linspace(0, 1, 50), (3, 1))
    wild = np.clip(steady + np.array([[0.2], [-0.2], [0.0]]), 0, 1)
    pooled = pooled_spread([steady, steady, steady, wild])
    assert crossed_difference(steady, wild, pooled=pooled) == Crossed(
        **{**crossed_difference(steady, wild).__dict__, "df": 6}
    )
