"""How small the smallest of many p is when there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import binom

from curate.numerics.slice_chance import below, corrected, dealt_anew, looked_at, smallest_p
from curate.numerics.slice_search import compare_groups


def test_groups_that_cannot_be_found_are_not_counted() -> None:
    # .05 / 2 is within reach of two groups, .05 / 1 of two: two tests are counted.
    assert looked_at(np.array([0.001, 0.02, 0.3, 0.4, 0.5]), 0.05) == 2
    assert looked_at(np.array([0.3, 0.4]), 0.05) == 1
    assert looked_at(np.zeros(7), 0.05) == 7
    assert looked_at(np.zeros(0), 0.05) == 1


def test_each_class_keeps_its_mistakes() -> None:
    classes = np.array([0, 1] * 30)
    wrong = np.arange(60) % 6 == 0  # ten of class 0
    dealt = dealt_anew(wrong, classes, np.arange(60), 50, np.random.default_rng(0))
    assert dealt.shape == (60, 50) and set(np.unique(dealt)) == {0, 1}
    assert (dealt[classes == 0].sum(axis=0) == 10).all() and not dealt[classes == 1].any()
    assert np.ptp(dealt[0]) == 1  # an image is wrong in some rounds only


def test_units_are_dealt_whole_and_in_the_order_of_their_classes() -> None:
    # Five pairs of an image of either class, of which the second is wrong; one unit of three.
    classes = np.array([0, 1] * 5 + [0, 0, 0])
    units = np.append(np.repeat(np.arange(5), 2), [5, 5, 5])
    wrong = np.zeros(13, dtype=bool)
    wrong[[1, 5, 10]] = True
    dealt = dealt_anew(wrong, classes, units, 40, np.random.default_rng(0))
    assert not dealt[0:10:2].any()
    assert (dealt[1:10:2].sum(axis=0) == 2).all() and np.ptp(dealt[1]) == 1
    assert (dealt[10] == 1).all() and not dealt[11:].any()  # the only one of its sort


def test_the_limit_is_a_low_quantile_of_the_rounds_with_room_for_their_number() -> None:
    rounds = np.arange(1, 1000) / 1000
    limit = below(rounds, 0.05)
    allowed = round(1000 * limit) - 1
    # Were the chance a little over .05, so few rounds below would be seen in one of 100.
    assert binom.cdf(allowed - 1, 999, 0.05) <= 0.01 < binom.cdf(allowed + 1, 999, 0.05)
    assert below(rounds[:50], 0.05) == 0


def test_equal_groups_count_as_one() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(200) < 0.3
    one = rng.random(200) < 0.4
    groups = csr_matrix(np.tile(one, (40, 1)).astype(float))
    classes, units = np.zeros(200, int), np.arange(200)
    tested = compare_groups(groups, wrong, classes, units)
    limit = corrected(groups, tested, np.zeros(40, int), wrong, classes, units, 0.05, rng).highest
    assert (limit == limit[0]).all()
    assert 0.05 / looked_at(tested.least_p, 0.05) == pytest.approx(0.05 / 40)
    assert 0.02 < limit[0] <= 0.05


def test_families_are_corrected_for_apart() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(300) < 0.3
    groups = csr_matrix((rng.random((101, 300)) < 0.2).astype(float))
    families = np.arange(101) // 100
    classes, units = np.zeros(300, int), np.arange(300)
    tested = compare_groups(groups, wrong, classes, units)
    limit = corrected(groups, tested, families, wrong, classes, units, 0.05, rng).highest
    assert limit[0] < 0.002 and 0.01 < limit[100] < 0.05


def test_a_corrected_p_is_that_of_the_rounds_or_far_below_them_that_of_the_number() -> None:
    rng = np.random.default_rng(0)
    wrong = np.arange(200) < 20
    groups = np.zeros((50, 200))
    groups[:49] = rng.random((49, 200)) < 0.2
    groups[49, :20] = 1
    matrix, classes, units = csr_matrix(groups), np.zeros(200, int), np.arange(200)
    tested = compare_groups(matrix, wrong, classes, units)
    found = corrected(matrix, tested, np.zeros(50, int), wrong, classes, units, 0.05, rng)
    assert found.p[49] == pytest.approx(tested.p[49] * looked_at(tested.least_p, 0.05))
    assert found.p[49] < 1e-20
    assert found.p[:49] * 1000 == pytest.approx(np.round(found.p[:49] * 1000))
    assert (found.p >= tested.p).all()


def test_mistakes_dealt_anew_are_found_in_at_most_five_percent() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], [60, 40])
    groups = csr_matrix((rng.random((300, 100)) < rng.uniform(0.1, 0.4, (300, 1))).astype(float))
    wrong, units = rng.random(100) < 0.2, np.arange(100)
    tested = compare_groups(groups, wrong, classes, units)
    limit = corrected(groups, tested, np.zeros(300, int), wrong, classes, units, 0.05, rng).highest
    assert (limit > 0.05 / looked_at(tested.least_p, 0.05)).all()
    dealt = dealt_anew(wrong, classes, units, 400, rng) > 0
    found = [(compare_groups(groups, d, classes, units).p <= limit).any() for d in dealt.T]
    assert np.mean(found) <= 0.05


def test_the_rounds_have_the_p_that_the_groups_would_have() -> None:
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1, 2], 40)
    wrong, units = rng.random(120) < 0.25, np.arange(120)
    groups = csr_matrix((rng.random((30, 120)) < 0.3).astype(float))
    null = compare_groups(groups, wrong, classes, units).null
    families = np.zeros(30, int)
    found = smallest_p(groups, null, families, wrong, classes, units, np.random.default_rng(2))[0]
    dealt = dealt_anew(wrong, classes, units, len(found), np.random.default_rng(2)) > 0
    for some in range(5):
        expected = compare_groups(groups, dealt[:, some], classes, units).p.min()
        assert found[some] == pytest.approx(expected)
