import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from curate.numerics.neighbors import knn, nearest_mean_distance, neighbor_label_share
from curate.numerics.probabilities import margin, rival, softmax


def test_equals_scikit_learn_brute_force() -> None:
    points = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)
    found = knn(points, 7)
    reference = NearestNeighbors(n_neighbors=8, metric="cosine").fit(points)
    distances, indices = reference.kneighbors(points)
    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    np.testing.assert_allclose(found.distances, distances[:, 1:], atol=1e-5)


def test_a_row_is_never_its_own_neighbour_even_among_copies() -> None:
    points = np.ones((9, 4), dtype=np.float32)
    found = knn(points, 5)
    assert not (found.indices == np.arange(9)[:, None]).any()
    assert found.indices.shape == (9, 5)
    np.testing.assert_allclose(found.distances, 0, atol=1e-6)


@pytest.mark.parametrize(("n", "width"), [(0, 0), (1, 0), (3, 2)])
def test_width_is_cut_to_what_there_is(n: int, width: int) -> None:
    assert knn(np.ones((n, 3), dtype=np.float32), 5).indices.shape == (n, width)


def test_label_share_counts_labelled_neighbours_only() -> None:
    points = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1]], dtype=np.float32)
    share = neighbor_label_share(knn(points, 2), np.array([0, 1, -1, 1]), 2, 2)
    np.testing.assert_allclose(share[0], [0, 1])
    np.testing.assert_allclose(share[1], [1, 0])


def test_mean_distance_by_hand() -> None:
    points = np.array([[0.0], [1.0], [3.0], [3.0]])
    np.testing.assert_allclose(nearest_mean_distance(points, 2), [2, 1.5, 1, 1])


def test_margin_by_hand() -> None:
    probs = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    labels = np.array([0, 1])
    np.testing.assert_allclose(margin(labels, probs), [0.5, -0.1])
    assert rival(labels, probs).tolist() == [1, 2]


def test_softmax_of_huge_logits_is_finite() -> None:
    probs = softmax(np.array([[1000.0, 999.0], [-1000.0, -1000.0]]))
    np.testing.assert_allclose(probs, [[0.731, 0.269], [0.5, 0.5]], atol=1e-3)
