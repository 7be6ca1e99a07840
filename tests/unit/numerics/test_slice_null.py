"""How rarely chance puts as many mistakes into a group."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import hypergeom

from curate.numerics.slice_null import null_of, over_classes, per_class


def test_inside_one_class_the_tail_is_fishers() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(90) < 0.3
    groups = csr_matrix((rng.random((40, 90)) < rng.uniform(0.05, 0.9, (40, 1))).astype(float))
    null = null_of(groups, wrong, np.zeros(90, int), np.arange(90))
    assert null.exact.all()
    x = rng.integers(0, 30, 40).astype(float)
    expected = hypergeom.sf(x - 1, 90, wrong.sum(), null.size)
    assert null.p(np.arange(40), x) == pytest.approx(expected, rel=1e-9)


def test_over_classes_no_p_is_below_the_true_chance() -> None:
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1, 2], [30, 40, 50])
    wrong = rng.random(120) < np.array([0.1, 0.3, 0.5])[classes]
    groups = csr_matrix((rng.random((10, 120)) < 0.35).astype(float))
    null = null_of(groups, wrong, classes, np.arange(120))
    dense = groups.toarray().astype(int)
    for row, inside in enumerate(dense):
        chance = np.ones(1)
        for c in range(3):
            own = classes == c
            one = hypergeom(own.sum(), wrong[own].sum(), inside[own].sum())
            chance = np.convolve(chance, one.pmf(np.arange(inside[own].sum() + 1)))
        x = np.arange(len(chance))
        true = chance[::-1].cumsum()[::-1]
        p = null.p(np.full(len(x), row), x.astype(float))
        assert (p >= true - 1e-12).all() and (np.diff(p) <= 1e-15).all()


def test_mistakes_that_lie_there_however_they_fall_are_fixed() -> None:
    # Class 1 lies wholly inside with two mistakes; class 0 has half of its four images inside.
    classes = np.array([0, 0, 0, 0, 1, 1, 1])
    wrong = np.array([True, False, False, False, True, True, False])
    null = null_of(csr_matrix([[1.0, 1, 0, 0, 1, 1, 1]]), wrong, classes, np.arange(7))
    assert (null.size[0], null.rest_size[0], null.fixed[0]) == (5, 2, pytest.approx(2))
    assert (null.drawn[0], null.drawn_rest[0], null.faults[0]) == (2, 2, 1)
    which = np.zeros(4, dtype=int)
    assert null.p(which, np.array([1.0, 2, 3, 4])) == pytest.approx([1, 1, 0.5, 0])


def test_sums_are_kept_where_they_are_zero() -> None:
    groups, classes = csr_matrix([[1.0, 1, 0], [0, 0, 1]]), np.array([0, 1, 1])
    sums, of = per_class(groups, np.array([2.0, 0, 0]), classes)
    assert sums.data.tolist() == [2, 0, 0] and of.tolist() == [0, 1, 1]
    assert over_classes(sums, np.array([10.0, 1, 5])).tolist() == [11, 5]
