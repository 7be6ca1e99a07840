from __future__ import annotations

import numpy as np

from curate.numerics import nearest as module
from curate.numerics.nearest import mean_distance, nearest


def test_the_nearest_by_hand() -> None:
    reference = np.array([[1, 0], [0, 2], [-3, 0], [1, 1]], dtype=np.float32)
    rows, distances = nearest(np.array([[2.0, 0.1]]), reference, np.array([0, 1, 2, 3]), 2)
    assert rows.tolist() == [[0, 3]]
    assert distances[0, 0] < 0.01 < distances[0, 1]
    np.testing.assert_allclose(mean_distance(distances), distances.mean(axis=1))


def test_only_the_rows_that_count_and_blocks_make_no_difference(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(300, 8)).astype(np.float32)
    reference[200] = reference[10]  # equally near
    queries = np.concatenate([rng.normal(size=(20, 8)), reference[[10]]]).astype(np.float32)
    rows = np.arange(0, 300, 2)
    whole = nearest(queries, reference, rows, 5)
    assert set(whole[0].ravel().tolist()) <= set(rows.tolist())
    similar = queries @ reference[rows].T / np.linalg.norm(reference[rows], axis=1)
    np.testing.assert_array_equal(whole[0][:20], rows[np.argsort(-similar[:20], axis=1)[:, :5]])
    assert whole[0][20, :2].tolist() == [10, 200]
    monkeypatch.setattr(module, "BLOCK", 7)
    parts = nearest(queries, reference, rows, 5)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], atol=1e-6)


def test_fewer_rows_than_wanted_and_an_empty_embedding() -> None:
    reference = np.eye(3, dtype=np.float32)
    rows, distances = nearest(np.zeros((1, 3)), reference, np.array([0, 2]), 5)
    assert rows.tolist() == [[0, 2]]
    assert distances.tolist() == [[1.0, 1.0]]
