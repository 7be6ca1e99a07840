import numpy as np

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
