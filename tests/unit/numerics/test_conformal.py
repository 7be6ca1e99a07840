from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.conformal import Conformal


def test_p_values_and_threshold_by_hand() -> None:
    ordinary = Conformal.of(np.array([3.0, 1.0, 2.0, 4.0]), 0.4)
    np.testing.assert_allclose(ordinary.p_values(np.array([0.5, 2.0, 4.0, 9.0])),
                               [1.0, 0.8, 0.4, 0.2])  # fmt: skip
    # 0.4 of 5 ranks: the two largest of five may be warned about, so one of the four known ones.
    assert ordinary.kept == 0.4
    assert ordinary.threshold == 3.0
    assert ordinary.warned(np.array([3.0, 3.5, 9.0])).tolist() == [False, True, True]


def test_too_few_images_keep_what_they_can_and_say_so() -> None:
    ordinary = Conformal.of(np.arange(9.0), 0.01)
    assert ordinary.kept == pytest.approx(0.1)
    assert ordinary.threshold == 8.0
    low, high = ordinary.interval
    assert low < 0.01 and 0.3 < high < 0.4  # of the largest of nine uniform draws


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_false_alarms_are_as_rare_as_promised_whatever_the_distribution(rate: float) -> None:
    rng = np.random.default_rng(0)
    shares, inside = [], []
    for _ in range(400):
        ordinary = Conformal.of(rng.standard_t(2, 199), rate)
        share = ordinary.warned(rng.standard_t(2, 2000)).mean()
        low, high = ordinary.interval
        shares.append(share)
        inside.append(low <= share <= high)
    assert np.mean(shares) == pytest.approx(rate, rel=0.15)
    assert np.mean(inside) > 0.9


def test_a_warning_is_a_p_value_of_at_most_the_rate() -> None:
    rng = np.random.default_rng(1)
    ordinary = Conformal.of(rng.normal(size=150), 0.05)
    asked = np.concatenate([rng.normal(size=500), ordinary.scores])
    np.testing.assert_array_equal(
        ordinary.warned(asked), ordinary.p_values(asked) <= ordinary.kept + 1e-12
    )


def test_scores_that_are_all_equal_warn_about_larger_ones_only() -> None:
    ordinary = Conformal.of(np.ones(50), 0.02)
    assert ordinary.warned(np.array([1.0, 1.1])).tolist() == [False, True]
