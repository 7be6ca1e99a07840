import warnings

import numpy as np

from curate.numerics.fuzzy import fuzzy_graph
from curate.numerics.neighbors import knn
from curate.numerics.projection import project


def test_keeps_clusters_apart_and_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    points = (np.eye(3)[labels] * 8 + rng.normal(size=(90, 3))).astype(np.float32)
    first = project(points, knn(points, 15), np.random.default_rng(1))
    second = project(points, knn(points, 15), np.random.default_rng(1))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (90, 2)
    share = labels[knn(first - first.mean(0), 1).indices[:, 0]] == labels
    centres = np.stack([first[labels == c].mean(0) for c in range(3)])
    nearest = np.linalg.norm(first[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.95
    assert share.mean() > 0.9


def test_few_or_equal_images_fall_back_to_principal_components() -> None:
    for points in (np.ones((40, 5), np.float32), np.eye(4, dtype=np.float32)):
        placed = project(points, knn(points, 15), np.random.default_rng(0))
        assert placed.shape == (len(points), 2)
        assert np.isfinite(placed).all()


def test_copies_are_placed_too() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    placed = project(points, knn(points, 15), np.random.default_rng(0))
    assert np.isfinite(placed).all()
    inside = max(np.ptp(placed[i * 20 : i * 20 + 20], axis=0).max() for i in range(3))
    centres = placed.reshape(3, 20, 2).mean(axis=1)
    apart = min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > inside / 2


def test_weights_by_hand() -> None:
    # Four rows on a line, two neighbours each: the nearer weighs 1, and the other log2(3) - 1.
    indices = np.array([[1, 2], [0, 2], [3, 1], [2, 1]])
    distances = np.array([[1.0, 3.0], [1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])
    far = np.log2(3) - 1
    one_way = np.array([[0, 1, far, 0], [1, 0, far, 0], [0, far, 0, 1], [0, far, 1, 0]])
    expected = one_way + one_way.T - one_way * one_way.T
    np.testing.assert_allclose(fuzzy_graph(indices, distances).toarray(), expected, atol=1e-6)


def test_weights_equal_those_of_umap_with_and_without_copies() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        from umap.umap_ import fuzzy_simplicial_set

    points = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    points[:30] = points[0]
    points[40:44] = points[41]
    graph = knn(points, 14)
    itself = np.arange(200)[:, None]
    reference = fuzzy_simplicial_set(
        points,
        15,
        np.random.RandomState(0),
        "cosine",
        knn_indices=np.hstack([itself, graph.indices]),
        knn_dists=np.hstack([0 * itself, graph.distances]).astype(np.float32),
    )[0]
    found = fuzzy_graph(graph.indices, graph.distances)
    np.testing.assert_allclose(found.toarray(), reference.toarray(), atol=1e-4)
