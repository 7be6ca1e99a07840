from __future__ import annotations

import numpy as np
import pytest

from curate.data.units import fold_units


def sets(units: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(units == unit).tolist()) for unit in np.unique(units)}


def test_images_on_their_own_are_units_of_their_own():
    assert sets(fold_units(["a", "b", "c"], ["", "", ""])) == {
        frozenset({0}), frozenset({1}), frozenset({2}),
    }  # fmt: skip


def test_groups_bytes_and_pairs_join_however_indirectly():
    #          0    1    2    3    4    5    6
    digests = ["a", "b", "b", "c", "d", "e", "f"]
    groups = ["g", "g", "", "h", "h", "", ""]
    found = fold_units(digests, groups, np.array([[4, 5]]))
    assert sets(found) == {frozenset({0, 1, 2}), frozenset({3, 4, 5}), frozenset({6})}


def test_a_group_named_like_a_digest_is_another_thing():
    assert sets(fold_units(["x", "y"], ["y", ""])) == {frozenset({0}), frozenset({1})}


@pytest.mark.parametrize("n", [0, 1])
def test_few_images(n):
    assert len(fold_units(["a"] * n, [""] * n)) == n
