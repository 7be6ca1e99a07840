from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.numerics.folds import assign_folds, join_pairs


def table(labels, folds):
    counts = np.zeros((folds.max() + 1, labels.max() + 1), dtype=int)
    np.add.at(counts, (folds, labels), 1)
    return counts


def test_groups_are_never_separated() -> None:
    groups = np.repeat(np.arange(30), 4)
    folds, notes = assign_folds(np.arange(120) % 3, groups, 5, np.random.default_rng(0))
    for group in range(30):
        assert len(set(folds[groups == group])) == 1
    np.testing.assert_array_equal(np.bincount(folds), 24)
    assert not notes


def test_single_images_are_spread_to_within_one() -> None:
    labels = np.repeat([0, 1, 2, 3], [50, 23, 7, 3])
    folds, _ = assign_folds(labels, np.arange(83), 5, np.random.default_rng(0))
    counts = table(labels, folds)
    assert (counts.max(axis=0) - counts.min(axis=0)).max() == 1
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_a_large_group_is_made_up_for_by_the_single_images() -> None:
    """Class 0: a burst of 20 and 80 alone; four folds share the others."""
    groups = np.concatenate([np.zeros(20, int), np.arange(1, 81)])
    labels = np.zeros(100, dtype=int)
    folds, _ = assign_folds(labels, groups, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(folds), 20)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=80),
    st.integers(2, 6),
)
def test_whole_groups_and_no_empty_fold_whatever_the_input(rows, n_folds) -> None:
    labels, groups = np.array(rows).T
    folds, notes = assign_folds(labels, groups, n_folds, np.random.default_rng(0))
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    assert set(folds) == set(range(folds.max() + 1))
    assert bool(notes) == (folds.max() + 1 < n_folds)
    again, _ = assign_folds(labels, groups, n_folds, np.random.default_rng(0))
    np.testing.assert_array_equal(folds, again)


def test_another_seed_gives_other_folds() -> None:
    labels = np.arange(60) % 3
    one, other = (assign_folds(labels, labels * 20 + np.arange(60), 5, np.random.default_rng(s))[0]
                  for s in (0, 1))  # fmt: skip
    assert (one != other).any()


@pytest.mark.parametrize(
    ("labels", "groups", "note"),
    [
        ([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5], "3 folds instead of 5: no class has more images"),
        ([0] * 9, [0, 0, 0, 1, 1, 1, 2, 2, 2], "3 folds instead of 5: there are no more groups"),
        ([0, 1, 1], [7, 7, 7], "1 fold instead of 5: there are no more groups"),
    ],
)
def test_fewer_folds_are_said(labels, groups, note) -> None:
    folds, notes = assign_folds(np.array(labels), np.array(groups), 5, np.random.default_rng(0))
    assert notes == [note]
    assert folds.max() + 1 == int(note[0])


def test_pairs_are_joined_through_each_other() -> None:
    labels = np.zeros(20, dtype=int)
    units, apart = join_pairs(np.arange(20), labels, np.ones(20, bool), [[3, 7], [7, 9]])
    assert units[3] == units[7] == units[9]
    assert len(set(units)) == 18
    assert apart == 0


def test_a_chain_of_copies_gets_no_more_than_half_of_a_class() -> None:
    """Ten frames of one film are all of class 0; class 1 is another matter."""
    labels = np.repeat([0, 1], 10)
    chain = np.column_stack([np.arange(9), np.arange(1, 10)])
    units, apart = join_pairs(np.arange(20), labels, np.ones(20, bool), chain)
    assert apart == 1
    assert sorted(np.bincount(units)[units[:10]]) == [5] * 10
    assert len(set(units[10:])) == 10


def test_chains_leave_enough_for_every_fold_but_a_small_class_keeps_its_copies() -> None:
    labels = np.repeat([0, 1], [40, 6])
    chain = np.column_stack([np.arange(39), np.arange(1, 40)])
    pairs = np.concatenate([chain, [[40, 41], [41, 42], [42, 43]]])
    units, apart = join_pairs(np.arange(46), labels, np.ones(46, bool), pairs, 5)
    assert np.bincount(units)[units[:40]].tolist() == [8] * 40
    assert units[40] == units[41] == units[42] != units[43]
    assert apart == 5


def test_the_surest_pairs_come_first_and_given_units_stay() -> None:
    labels = np.zeros(6, dtype=int)
    given = np.array([0, 0, 1, 2, 3, 4])
    units, apart = join_pairs(given, labels, np.ones(6, bool), [[1, 2], [2, 3], [4, 5]])
    assert units[0] == units[1] == units[2]
    assert len({units[0], units[3], units[4]}) == 3
    assert units[4] == units[5]
    assert apart == 1
    whole, apart = join_pairs(np.zeros(6, int), labels, np.ones(6, bool), [[0, 5]])
    assert len(set(whole)) == 1
    assert apart == 0


def test_pairs_outside_train_or_without_a_label_change_nothing() -> None:
    labels = np.array([0, 0, 0, 0, -1, 0])
    is_train = np.array([True, True, True, False, True, True])
    units, apart = join_pairs(np.arange(6), labels, is_train, [[0, 3], [1, 4]])
    assert len(set(units)) == 6
    assert apart == 0
