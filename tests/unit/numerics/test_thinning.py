import numpy as np

from curate.findings import Neighbors
from curate.numerics.neighbors import knn
from curate.numerics.thinning import across_splits, thin


def on_a_circle(degrees: list[float]) -> Neighbors:
    angle = np.deg2rad(degrees)
    points = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    return knn(points, len(degrees) - 1)


STEP = 1 - np.cos(np.deg2rad(11))
"""A threshold of eleven degrees."""


def test_the_first_of_a_heap_is_kept_and_a_removed_row_removes_none() -> None:
    # 10 goes because of 0; 20 is near 10 only, so it stays; 30 goes because of 20.
    found = thin(on_a_circle([0, 10, 20, 30, 90]), STEP)
    assert found.kept.tolist() == [True, False, True, False, True]
    # 10 lies as near to 0 as to 20, to within rounding.
    assert found.kin[1] in (0, 2)
    assert found.kin[[0, 2, 3, 4]].tolist() == [0, 2, 2, 4]
    ten = 1 - np.cos(np.deg2rad(10))
    np.testing.assert_allclose(found.distances, [0, ten, 0, ten, 0], atol=1e-6)
    assert found.cut_off == 0


def test_copies_at_distance_0_are_found() -> None:
    found = thin(Neighbors(np.array([[1], [0], [0]]), np.array([[0.0], [0.0], [1.0]])), 0.2)
    assert found.kept.tolist() == [True, False, True]
    assert found.kin.tolist() == [0, 0, 2]


def test_a_pair_that_only_one_of_the_two_knows_of_counts() -> None:
    found = thin(Neighbors(np.array([[2], [2], [1]]), np.array([[0.1], [0.5], [0.4]])), 0.2)
    assert found.kept.tolist() == [True, True, False]
    assert found.kin[2] == 0


def test_says_when_the_graph_is_too_narrow() -> None:
    points = np.ones((9, 4), dtype=np.float32)
    assert thin(knn(points, 3), 0.2).cut_off == 9
    assert thin(knn(points, 8), 0.2).cut_off == 0


def test_nothing_to_thin() -> None:
    found = thin(knn(np.ones((0, 4), dtype=np.float32), 5), 0.2)
    assert found.kept.tolist() == []
    assert across_splits(found, np.array([], dtype=str)).tolist() == []
    assert thin(knn(np.ones((1, 4), dtype=np.float32), 5), 0.2).kept.tolist() == [True]


def test_leaks_are_both_ends_of_a_pair_across_splits() -> None:
    found = thin(on_a_circle([0, 1, 90, 91, 180]), STEP)
    splits = np.array(["train", "test", "val", "val", "test"])
    assert across_splits(found, splits).tolist() == [True, True, False, False, False]
