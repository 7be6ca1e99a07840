from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.intervals import wilson
from curate.numerics.pooled_shares import Pooled, difference, pooled_shares


def test_groups_that_behave_alike_teach_each_other() -> None:
    alone = pooled_shares([0], [8])[0]
    together = pooled_shares([0] * 40, [8] * 40)[0]
    assert together.high < 0.02 < 0.1 < alone.high


def test_groups_that_differ_stand_for_themselves() -> None:
    found = pooled_shares([18, 0, 0, 0], [20, 20, 20, 20])
    low, high = wilson(18, 20)
    assert found[0].low == pytest.approx(low, abs=0.08)
    assert found[0].high == pytest.approx(high, abs=0.05)
    assert found[1].high < 0.15


def test_a_group_without_images_is_expected_to_be_like_the_others_with_a_wide_interval() -> None:
    differing = pooled_shares([18, 0, 0], [20, 20, 0])[2]
    assert differing.low < 0.01
    assert differing.high > 0.9


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hits, total = 0, 0
    for _ in range(25):
        true = rng.beta(0.4, 3.0, size=12)
        counts = rng.binomial(30, true)
        for share, found in zip(true, pooled_shares(counts, np.full(12, 30)), strict=True):
            hits += found.low <= share <= found.high
            total += 1
    assert hits / total > 0.91  # 95 %, less three standard errors of 300 draws


def test_equal_counts_have_equal_shares_whatever_their_order() -> None:
    one = pooled_shares([3, 0, 3], [10, 5, 10])
    assert one[0] == one[2]
    assert pooled_shares([0, 3, 3], [5, 10, 10])[0] == one[1]


def test_the_difference_of_two_shares_has_both_their_doubts() -> None:
    gap = difference(Pooled(0.5, 0.4, 0.6), Pooled(0.2, 0.2, 0.2))
    assert (gap.mean, gap.low, gap.high) == pytest.approx((0.3, 0.2, 0.4))
    wider = difference(Pooled(0.5, 0.4, 0.6), Pooled(0.2, 0.1, 0.3))
    assert wider.low == pytest.approx(0.3 - np.hypot(0.1, 0.1))
