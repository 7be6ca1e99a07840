"""Areas under the curve within strata, their chance, and scores that tell two samples apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from curate.numerics.domain import INFLATION, Domains
from curate.numerics.two_sample import separate

ONE = np.zeros(6, dtype=int)
EACH = np.arange(6)
LATER = np.array([False, False, False, True, True, True])


def test_area_counts_pairs_and_half_of_ties() -> None:
    found = separate(np.array([1.0, 2, 4, 2, 3, 5]), LATER, ONE, EACH)
    # Of nine pairs 2 > 1, 3 > 1, 3 > 2, 5 > 1, 5 > 2, 5 > 4 are right, and 2 = 2 is half.
    assert found.auc == pytest.approx(6.5 / 9)
    assert found.counts == (3, 3)
    assert 0 < found.low < found.auc < found.high < 1


def test_test_at_one_half_is_wilcoxons_without_continuity_correction() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=60), 1)
    second = np.arange(60) % 3 == 0
    found = separate(x, second, np.zeros(60, dtype=int), np.arange(60))
    known = mannwhitneyu(
        x[second], x[~second], method="asymptotic", use_continuity=False, alternative="two-sided"
    )
    assert found.two_sided == pytest.approx(known.pvalue, rel=1e-6)


def test_another_mix_of_strata_is_no_difference() -> None:
    x = np.repeat([0.0, 10.0], 50) + np.tile([0.0, 1.0], 50)
    strata = np.repeat([0, 1], 50)
    second = (np.arange(100) % 50 >= 40) ^ (strata == 1)
    pooled = separate(x, second, np.zeros(100, dtype=int), np.arange(100))
    within = separate(x, second, strata, np.arange(100))
    assert pooled.auc > 0.75
    assert within.auc == pytest.approx(0.5)


def test_images_of_one_unit_count_as_one() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    second = np.arange(40) >= 20
    alone = separate(x, second, np.zeros(40, dtype=int), np.arange(40))
    fourfold = np.repeat(np.arange(40), 4)
    copies = separate(x[fourfold], second[fourfold], np.zeros(160, dtype=int), fourfold)
    assert copies.auc == pytest.approx(alone.auc)
    assert copies.z == pytest.approx(alone.z, rel=0.03)


def test_samples_wholly_apart_have_an_interval_still() -> None:
    found = separate(np.arange(6.0), LATER, ONE, EACH)
    assert found.auc == found.high == 1
    assert 0.4 < found.low < 0.9
    assert found.one_sided == pytest.approx(0.0248, abs=0.001)  # z = .5 / sqrt(7 / 108)


def test_nothing_to_compare_is_one_half() -> None:
    found = separate(np.arange(6.0), LATER, LATER.astype(int), EACH)
    assert (found.auc, found.low, found.high, found.z) == (0.5, 0, 1, 0)


def test_out_of_fold_scores_without_a_difference_spread_as_they_are_said_to() -> None:
    rng = np.random.default_rng(2)
    z = []
    for _ in range(150):
        X = rng.normal(size=(120, 10)).astype(np.float32)
        second, strata = np.arange(120) % 3 == 0, np.arange(120) // 3 % 2
        folds = rng.permutation(np.arange(120) % 5)
        common, _ = Domains.of(X, strata, folds, np.ones(120, bool)).scores(~second, second)
        z.append(separate(common, second, strata, np.arange(120), INFLATION).z)
    # Without the inflation the spread would be 1.4.
    assert 0.8 < np.std(z) < 1.2
    assert abs(np.mean(z)) < 0.3


def test_a_difference_of_one_class_is_seen_in_that_class() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 6)).astype(np.float32)
    second, strata = np.arange(200) % 2 == 0, np.arange(200) // 100
    X[second & (strata == 1), 0] += 3
    folds = np.arange(200) // 2 % 5
    _, own = Domains.of(X, strata, folds, np.ones(200, bool)).scores(~second, second)
    areas = [
        separate(own[strata == s], second[strata == s], np.zeros(100, int), np.arange(100)).auc
        for s in (0, 1)
    ]
    assert areas[0] < 0.7
    assert areas[1] > 0.95
