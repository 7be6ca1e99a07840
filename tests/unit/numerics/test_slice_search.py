"""Groups with more mistakes than chance would put there, and clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import binom, hypergeom

from curate.numerics.clusters import k_means, main_axes
from curate.numerics.slice_search import compare_groups, distinct


def matrix(n: int, *groups: range | list[int]) -> csr_matrix:
    dense = np.zeros((len(groups), n))
    for row, group in zip(dense, groups, strict=True):
        row[list(group)] = 1
    return csr_matrix(dense)


def test_counts_mistakes_against_the_rate_of_the_class() -> None:
    # 20 images, 5 wrong, 4 of them among the first 5: expected 5 * 5/20.
    wrong = np.isin(np.arange(20), [0, 1, 2, 3, 19])
    tested = compare_groups(matrix(20, range(5)), wrong, np.zeros(20, int), np.arange(20))
    assert tested.null.size[0] == 5 and tested.wrong[0] == 4
    assert tested.null.expected[0] == pytest.approx(1.25)
    assert tested.null.rest_size[0] == 15 and tested.rest_rate[0] == pytest.approx(1 / 15)
    assert tested.p[0] == pytest.approx(hypergeom.sf(3, 20, 5, 5))
    assert tested.least_p[0] == pytest.approx(hypergeom.sf(4, 20, 5, 5))
    assert tested.null.design[0] == 1


def test_over_several_classes_the_tail_is_bounded_by_a_binomial() -> None:
    # Two classes of twenty with five mistakes each; the group has five and five, four wrong each.
    classes = np.repeat([0, 1], 20)
    wrong = np.zeros(40, dtype=bool)
    wrong[[0, 1, 2, 3, 19, 20, 21, 22, 23, 39]] = True
    group = [*range(5), *range(20, 25)]
    tested = compare_groups(matrix(40, group), wrong, classes, np.arange(40))
    assert (tested.null.size[0], tested.wrong[0], tested.null.expected[0]) == (
        10,
        8,
        pytest.approx(2.5),
    )
    bound = min(binom.sf(7, 10, 0.25), binom.cdf(2, 30, 0.25))
    assert tested.p[0] == pytest.approx(bound)
    one = hypergeom.pmf(range(6), 20, 5, 5)
    assert tested.p[0] >= np.convolve(one, one)[8:].sum()


def test_a_group_of_a_weak_class_is_not_weak() -> None:
    # Class 1 errs half the time, the group has ten of it and errs half the time.
    classes = np.repeat([0, 1], [80, 40])
    wrong = np.zeros(120, dtype=bool)
    wrong[80::2] = True
    tested = compare_groups(matrix(120, range(80, 90)), wrong, classes, np.arange(120))
    assert tested.null.expected[0] == 5 and tested.wrong[0] == 5
    assert tested.p[0] == pytest.approx(hypergeom.sf(4, 40, 20, 10)) and tested.p[0] > 0.5


def test_copies_count_as_one() -> None:
    # Ten copies of one image err together: a design effect of ten, two images' worth left.
    classes, units = np.zeros(100, int), np.arange(100) // 10
    wrong = units < 2
    alone = compare_groups(matrix(100, range(20)), wrong, classes, np.arange(100))
    tested = compare_groups(matrix(100, range(20)), wrong, classes, units)
    assert tested.null.design[0] == pytest.approx(10)
    assert alone.p[0] < 1e-10 and tested.p[0] > 0.03


def test_a_broad_group_falls_to_its_weak_corner_and_a_twin_is_told_with_it() -> None:
    # All mistakes lie in the first 20 of 200; the other groups hold them and more, or most of them.
    wrong = np.arange(200) < 20
    groups = matrix(200, range(100), range(20), range(18), range(100, 150))
    kept = distinct(
        groups, wrong, np.zeros(200, int), np.arange(200), np.full(groups.shape[0], 1e-3), 0.05, 5
    )
    assert kept == [(1, [2])]


def test_two_weak_groups_are_both_kept() -> None:
    wrong = (np.arange(300) < 20) | (np.arange(300) >= 270)
    groups = matrix(300, range(20), range(270, 300))
    kept = distinct(
        groups, wrong, np.zeros(300, int), np.arange(300), np.full(groups.shape[0], 1e-3), 0.05, 5
    )
    assert sorted(one for one, _ in kept) == [0, 1]


def test_a_weak_group_that_overlaps_a_weaker_one_is_kept() -> None:
    # The weaker one holds 10 of the 60 images of the broad one, which errs half the time outside.
    n = np.arange(400)
    weakest, broad = n < 40, (n >= 30) & (n < 90)
    wrong = weakest | (broad & (n % 2 == 0))
    groups = matrix(400, range(40), range(30, 90))
    limits = np.full(2, 1e-9)
    kept = distinct(groups, wrong, np.zeros(400, int), n, limits, 0.05, 5)
    assert kept == [(0, []), (1, [])]


def test_of_families_the_least_corrected_p_is_first() -> None:
    # The smaller p is that of the second group, but ten times as many like it were looked at.
    wrong = (np.arange(200) < 10) | (np.arange(200) >= 189)
    groups = matrix(200, range(10), range(189, 200))
    raw = compare_groups(groups, wrong, np.zeros(200, int), np.arange(200)).p
    assert raw[1] < raw[0] < 100 * raw[1]
    limits = np.array([1e-3, 1e-5])
    kept = distinct(groups, wrong, np.zeros(200, int), np.arange(200), limits, 0.05, 1)
    assert kept == [(0, [])]


def test_a_class_in_which_nothing_is_left_to_chance_does_not_count() -> None:
    # Class 1 lies wholly inside, class 2 has no mistakes: only class 0 is drawn from.
    classes = np.repeat([0, 1, 2], [20, 5, 10])
    wrong = np.isin(np.arange(35), [0, 1, 2, 3, 19, 20, 21])
    tested = compare_groups(matrix(35, [*range(5), *range(20, 30)]), wrong, classes, np.arange(35))
    assert tested.wrong[0] == 6 and tested.null.expected[0] == pytest.approx(1.25 + 2)
    assert tested.p[0] == pytest.approx(hypergeom.sf(3, 20, 5, 5))


def test_clusters_are_those_that_lie_apart() -> None:
    rng = np.random.default_rng(1)
    place = np.arange(90) % 3
    X = np.eye(8)[place] * 5 + rng.normal(size=(90, 8)) * 0.1
    axes = main_axes(X.astype(np.float32))
    assert axes.shape == (90, 8)
    found = k_means(axes, 3, np.random.default_rng(2))
    assert len({(a, b) for a, b in zip(place, found, strict=True)}) == 3


def test_equal_rows_make_one_cluster() -> None:
    axes = main_axes(np.ones((12, 4), np.float32))
    assert k_means(axes, 5, np.random.default_rng(0)).tolist() == [0] * 12
