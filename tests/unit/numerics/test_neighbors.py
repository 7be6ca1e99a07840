from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from curate.numerics.neighbors import knn, nearest_mean_distance, neighbor_label_share, normalized
from curate.numerics.probabilities import margin, rival, softmax


def test_equals_scikit_learn_brute_force() -> None:
    points = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)
    found = knn(points, 7)
    reference = NearestNeighbors(n_neighbors=8, metric="cosine").fit(points)
    distances, indices = reference.kneighbors(points)
    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    np.testing.assert_allclose(found.distances, distances[:, 1:], atol=1e-5)
    assert found.recall == 1
    assert found.recall_interval == (1, 1)


def clustered(n: int, seed: int = 0) -> np.ndarray:
    """Forty clusters, which inverted lists cut in two here and there."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, 16)) * 2
    return (centres[rng.integers(40, size=n)] + rng.normal(size=(n, 16))).astype(np.float32)


def test_beyond_the_limit_the_graph_is_approximate_and_says_how_good_it_is() -> None:
    points = clustered(4000)
    exact, found = knn(points, 10), knn(points, 10, exact_up_to=100)
    pairs = zip(exact.indices, found.indices, strict=True)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in pairs])
    assert not np.array_equal(exact.indices, found.indices)
    low, high = found.recall_interval
    assert 0.97 < low <= found.recall <= high <= 1
    assert low - 0.005 <= recall <= high + 0.005
    assert not (found.indices == np.arange(4000)[:, None]).any()
    assert (np.diff(found.distances, axis=1) >= -1e-6).all()


def test_the_approximate_graph_is_the_same_every_time() -> None:
    points = clustered(2000)
    first, second = (knn(points, 10, exact_up_to=100) for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.distances, second.distances)
    assert first.recall == second.recall


def test_rows_are_filled_where_the_lists_searched_hold_too_few() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 2)).astype(np.float32)
    found = knn(points, 250, exact_up_to=100)
    assert found.indices.min() >= 0
    assert all(len(set(row)) == 250 for row in found.indices)


@pytest.mark.parametrize("limit", [10**6, 100])
def test_reads_embeddings_from_a_file_and_leaves_them_alone(tmp_path: Path, limit: int) -> None:
    points = clustered(500).astype(np.float16)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    found = knn(mapped, 5, exact_up_to=limit)
    np.testing.assert_array_equal(found.indices, knn(points, 5, exact_up_to=limit).indices)
    np.testing.assert_array_equal(mapped, points)


def test_normalizing_leaves_its_input_and_rows_of_zeros_alone() -> None:
    points = np.array([[3, 4], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(normalized(points), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert points[0, 0] == 3


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
