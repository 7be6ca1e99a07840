"""Groups and copies are joined, whatever the order of the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.findings import Copies
from curate.numerics.kin import design_effect, kin
from made_evidence import make_evidence


def copies(pairs: list[tuple[int, int]], confirmed: list[bool]) -> Copies:
    a, b = np.array(pairs).T
    zero = np.zeros(len(pairs))
    return Copies(a, b, zero, zero, zero > 0, np.array(confirmed), 1.0, 0.01)


def test_groups_and_confirmed_copies_are_joined() -> None:
    groups = np.array(["a", "a", "", "", "b", "b", "", "", "", "", "", ""])
    made = replace(
        make_evidence(12),
        groups=groups,
        copies=copies([(1, 2), (3, 4), (6, 7)], [True, True, False]),
    )
    units = kin(made, np.zeros(12, dtype=int))
    assert units[0] == units[1] == units[2]
    assert units[3] == units[4] == units[5]
    assert len(np.unique(units)) == 8  # of six single ones two are a pair that was not confirmed


def test_without_groups_and_copies_each_is_alone() -> None:
    made = replace(make_evidence(5), groups=None, copies=None)
    assert len(np.unique(kin(made, np.zeros(5, dtype=int)))) == 5


def test_chain_of_copies_does_not_swallow_a_part() -> None:
    made = replace(make_evidence(8), copies=copies([(i, i + 1) for i in range(7)], [True] * 7))
    sizes = np.unique(kin(made, np.zeros(8, dtype=int)), return_counts=True)[1]
    assert sizes.max() <= 4


def test_design_effect_is_one_alone_and_the_size_of_equal_units() -> None:
    assert design_effect(np.arange(10)) == 1
    assert design_effect(np.repeat(np.arange(4), 3)) == pytest.approx(3)
    assert design_effect(np.array([0, 0, 0, 1])) == pytest.approx(10 / 4)
    assert design_effect(np.array([], dtype=int)) == 1
