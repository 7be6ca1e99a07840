from __future__ import annotations

import numpy as np
import pytest

from curate.board.confusion import BLOCK, LARGEST
from curate.board.difference import Cell, difference, top_cells

NAMES = ["cat", "dog", "owl"]
A = np.array([[8, 2, 0], [1, 9, 0], [0, 4, 6]])
B = np.array([[9, 1, 0], [1, 8, 1], [0, 0, 10]])


def test_the_difference_and_what_it_means() -> None:
    found = difference(A, B, NAMES)
    assert found.names == ("cat", "dog", "owl")
    assert found.whole and found.classes == 3
    assert found.change.tolist() == [[1, -1, 0], [0, -1, 1], [0, -4, 4]]
    # More on the diagonal is better, and so is less beside it.
    assert found.gain.tolist() == [[1, 1, 0], [0, -1, -1], [0, 4, 4]]
    assert (found.b - found.a).tolist() == found.change.tolist()


def test_the_cells_that_changed_most() -> None:
    assert top_cells(A, B, NAMES) == [
        Cell("owl", "dog", 4, 0), Cell("cat", "dog", 2, 1), Cell("dog", "owl", 0, 1),
    ]  # fmt: skip
    assert [cell.change for cell in top_cells(A, B, NAMES, most=1)] == [-4]
    assert top_cells(A, A, NAMES) == []


def test_many_classes_are_shown_as_the_block_that_changed() -> None:
    n = LARGEST + 5
    names = [f"class {i:02d}" for i in range(n)]
    first, second = np.eye(n, dtype=int) * 5, np.eye(n, dtype=int) * 5
    second[63, 61] = 3
    found = difference(first, second, names)
    assert not found.whole and found.classes == n and len(found.names) == BLOCK
    assert {"class 61", "class 63"} <= set(found.names)
    searched = difference(first, second, names, "CLASS 63")
    assert searched.names == ("class 61", "class 63")
    assert searched.change.tolist() == [[0, 0], [3, 0]]
    assert difference(first, second, names, "no such").names == ()


def test_matrices_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="two matrices of 3 classes"):
        difference(A, np.zeros((2, 2)), NAMES)
