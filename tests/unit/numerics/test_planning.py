from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from curate.numerics.crossed import Crossed, crossed_difference
from curate.numerics.planning import DOUBTFUL, ENOUGH, TOO_SMALL, Components, plan


def measured(by_seeds: float, by_images: float, n_seeds: int = 3, df: int = 2) -> Crossed:
    """A difference without flips, on 1,000 images."""
    return Crossed(0.0, n_seeds, 1000, by_images, by_seeds, 0.0, df)


def test_components_by_hand() -> None:
    found = Components.of(Crossed(0.01, 4, 1000, 3e-5, 5e-5, 1e-5, 12))
    assert found.seed == pytest.approx(4 * 4e-5)
    assert found.image == pytest.approx(1000 * 2e-5)
    assert found.flip == pytest.approx(4 * 1000 * 1e-5)
    assert (found.df, found.df_a_seed) == (12, 4)
    with pytest.raises(ValueError, match="two seeds"):
        Components.of(crossed_difference(np.zeros((1, 5)), np.ones((1, 5))))


def test_what_can_be_seen_by_hand() -> None:
    # Nothing but the seeds, 0.01 a pair of runs: t and z times its standard error.
    components = Components(seed=1e-4, image=0.0, flip=0.0, df_a_seed=1, df=2)
    expected = (t.ppf(0.975, 4) + norm.ppf(0.8)) * 0.01 / np.sqrt(5)
    assert components.detectable(5, 1000) == pytest.approx(expected)
    assert components.detectable(1, 1000) == np.inf
    assert components.detectable(2, 1000) > components.detectable(3, 1000)


def test_a_difference_that_can_be_seen_is_seen_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    components = Components(seed=2e-4, image=0.05, flip=0.1, df_a_seed=1, df=4)
    least, seen = components.detectable(5, 400), 0
    for _ in range(400):
        change = least + rng.normal(0, np.sqrt(components.image), 400)
        change = change + rng.normal(0, np.sqrt(components.seed), (5, 1))
        change = change + rng.normal(0, np.sqrt(components.flip), (5, 400))
        seen += crossed_difference(np.zeros_like(change), change).interval()[0] > 0
    assert 280 <= seen <= 360  # 320 are expected; the formula of sample sizes is a rule of thumb


def test_the_seeds_and_images_that_are_needed_are_just_enough() -> None:
    components = Components(seed=1e-4, image=0.05, flip=0.1, df_a_seed=4, df=8)
    seeds = components.seeds_for(0.03, 1000)
    assert seeds is not None
    assert components.detectable(seeds, 1000) <= 0.03 < components.detectable(seeds - 1, 1000)
    clusters = components.clusters_for(0.03, 3)
    assert clusters is not None
    assert components.detectable(3, clusters) <= 0.03 < components.detectable(3, clusters - 1)
    # Neither alone can show one that the other part of chance hides.
    assert components.seeds_for(0.01, 1000) is None
    assert components.clusters_for(0.01, 3) is None


def test_a_few_seeds_leave_their_variance_wide_open() -> None:
    components = Components.of(measured(1e-4, 1e-5))
    low, high = components.between(1000)
    assert low.seed < components.seed / 3
    assert high.seed > components.seed * 30


def test_the_budget_pays_for_whole_rounds_at_the_slowest_time() -> None:
    found = plan(budget=100, rounds=[10, 20], asked=10)
    assert found.affordable == 2 + 3
    assert found.seeds == 5
    assert plan(budget=1000, rounds=[10], asked=4).seeds == 4
    # What is done stays done.
    assert plan(budget=5, rounds=[10, 10], asked=1).seeds == 2


def test_a_budget_for_one_seed_tells_nothing() -> None:
    found = plan(budget=15, rounds=[10], asked=5)
    assert found.word == TOO_SMALL
    assert "too small to tell anything" in found.text()


def test_a_least_difference_out_of_reach_is_said_before_the_time_is_spent() -> None:
    noisy = measured(by_seeds=1e-6, by_images=1e-3)  # nothing but more images would help
    found = plan(100, [10, 10, 10], asked=10, found=noisy, least=0.01)
    assert found.word == TOO_SMALL
    assert found.needed is None
    assert "more images" in found.text()
    assert plan(100, [10, 10, 10], 10, noisy, least=0.2).word == ENOUGH


def test_what_two_seeds_cannot_know_is_called_doubtful() -> None:
    found = plan(50, [10, 10], asked=5, found=measured(1e-3, 1e-6, 2, 1), least=0.05)
    assert found.word == DOUBTFUL
    assert found.detectable_range is not None
    assert found.detectable_range[0] < 0.05 < found.detectable_range[1]
    assert "may be too small" in found.text()


def test_asking_for_too_few_is_not_the_budgets_fault() -> None:
    found = plan(10000, [10, 10, 10], asked=3, found=measured(1e-4, 1e-6), least=0.02)
    assert found.word == ENOUGH
    assert "ask for as many" in found.text()


def test_no_round_is_no_plan() -> None:
    with pytest.raises(ValueError, match="seconds of one round"):
        plan(100, [], 5)
