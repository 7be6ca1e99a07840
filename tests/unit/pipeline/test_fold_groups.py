from __future__ import annotations

import numpy as np
import pandas as pd

from curate.findings import Copies
from curate.pipeline.stages import fold_groups

TABLE = pd.DataFrame(
    {
        "sample_id": [f"s{i}" for i in range(10)],
        "split": ["train"] * 9 + ["val"],
        "content_digest": ["x", "x", *"abcdefgh"],
        "group": ["", "", "film", "film", *[""] * 6],
    }
)


def copies(*pairs: tuple[int, int], residuals, confirmed) -> Copies:
    a, b = np.array(pairs).T
    zero = np.zeros(len(pairs))
    return Copies(a, b, zero, np.array(residuals), zero.astype(bool), np.array(confirmed), 1.0, 0.1)


def test_groups_bytes_and_confirmed_copies_are_joined() -> None:
    found = copies((1, 4), (5, 6), (7, 9), residuals=[0.01, 0.5, 0], confirmed=[True, False, True])
    units, apart = fold_groups(TABLE, np.zeros(10, int), found)
    assert units[0] == units[1] == units[4]
    assert units[2] == units[3]
    # 5 and 6 are not confirmed; 9 is not in train.
    assert len(set(units)) == 7
    assert apart == 0


def test_of_too_many_copies_the_surest_are_joined() -> None:
    """Nine training images of one class: no unit may hold five."""
    found = copies(
        (0, 4), (4, 5), (5, 6), residuals=[0.03, 0.01, 0.02], confirmed=[True, True, True]
    )
    units, apart = fold_groups(TABLE, np.zeros(10, int), found)
    assert units[4] == units[5] == units[6] != units[0]
    assert apart == 1


def test_without_copies_nothing_else_is_joined() -> None:
    units, apart = fold_groups(TABLE, np.zeros(10, int))
    assert len(set(units)) == 8
    assert apart == 0
