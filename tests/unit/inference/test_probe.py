from __future__ import annotations

import numpy as np
import pytest

from curate.inference.probe import assign_folds, fit_temperature, out_of_fold


def clusters(n: int = 120, k: int = 3, spread: float = 1.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    points = np.eye(k, 6)[labels] * 3 + rng.normal(scale=spread, size=(n, 6))
    return points.astype(np.float32), labels


def run(points, labels, is_train=None, groups=None, k=3, folds=5, seed=0):
    n = len(labels)
    is_train = np.ones(n, bool) if is_train is None else is_train
    groups = np.arange(n) if groups is None else groups
    return out_of_fold(points, labels, is_train, groups, k, folds, np.random.default_rng(seed))


def test_predicts_well_and_repeats_itself() -> None:
    points, labels = clusters()
    is_train = np.arange(120) < 90
    probe = run(points, labels, is_train)
    assert probe.pred_probs.shape == (120, 3)
    np.testing.assert_allclose(probe.pred_probs.sum(axis=1), 1, atol=1e-5)
    assert (probe.pred_probs.argmax(1) == labels).mean() > 0.9
    assert set(probe.folds[is_train]) == set(range(5))
    assert set(probe.folds[~is_train]) == {-1}
    np.testing.assert_array_equal(probe.pred_probs, run(points, labels, is_train).pred_probs)


def test_random_labels_are_not_learnt_by_heart() -> None:
    """In-sample, 120 points in 100 dimensions would be predicted perfectly."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(120, 100)).astype(np.float32)
    labels = rng.permutation(120) % 3
    assert (run(points, labels).pred_probs.argmax(1) == labels).mean() < 0.5


def test_groups_are_never_separated() -> None:
    groups = np.repeat(np.arange(30), 4)
    folds, notes = assign_folds(np.arange(120) % 3, groups, 5, np.random.default_rng(0))
    for group in range(30):
        assert len(set(folds[groups == group])) == 1
    assert len(set(folds)) == 5
    assert not notes


def test_a_copy_in_another_fold_would_leak_and_does_not() -> None:
    """Pairs of equal rows with random labels: only a leak could predict them."""
    rng = np.random.default_rng(2)
    points = np.repeat(rng.normal(size=(60, 80)), 2, axis=0).astype(np.float32)
    labels = np.repeat(rng.permutation(60) % 3, 2)
    together = run(points, labels, groups=np.repeat(np.arange(60), 2))
    apart = run(points, labels)
    assert (together.pred_probs.argmax(1) == labels).mean() < 0.55
    assert (apart.pred_probs.argmax(1) == labels).mean() > 0.8


def test_small_classes_are_named_and_fewer_folds_are_said() -> None:
    points, labels = clusters(31)
    labels = np.where(np.arange(31) == 30, 3, labels)
    probe = run(points, labels, k=4)
    assert probe.info["classes_with_fewer_images_than_folds"] == [3]
    assert probe.pred_probs[30, 3] < 0.01
    few = run(*clusters(9), folds=5)
    assert few.info["n_folds"] == 3
    assert "3 folds instead of 5" in few.info["notes"][0]


@pytest.mark.parametrize("scale", [0.2, 5.0])
def test_temperature_undoes_over_and_under_confidence(scale: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (probs.cumsum(1) > rng.random((4000, 1))).argmax(1)
    assert fit_temperature(logits * scale, labels) == pytest.approx(scale, rel=0.1)
