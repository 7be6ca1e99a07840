"""Classes with too few images and poor recall, and the learning curve behind what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.imbalance import Imbalance
from curate.findings import Evidence
from curate.numerics.learning_curve import Bench, _gain, class_curve, reduced
from curate.numerics.neighbors import knn


def evidence_of(missed: int, small: int = 30) -> Evidence:
    """Two classes of 100 images, always known, and a small one of which some are missed."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [100, 100, small])
    n = len(labels)
    points = (rng.normal(scale=0.6, size=(n, 12)) + np.eye(12)[labels]).astype(np.float32)
    probs = np.full((n, 3), 0.02)
    probs[np.arange(n), labels] = 0.96
    probs[200 : 200 + missed] = np.column_stack(
        [np.linspace(0.5, 0.6, missed), np.zeros(missed), np.linspace(0.5, 0.4, missed) - 0.01]
    )
    return Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=labels,
        splits=np.array(["train"] * n),
        class_names=("ant", "bee", "cat"),
        pred_probs=probs.astype(np.float32),
        embeddings=points,
        neighbors=knn(points, 10),
        folds=np.arange(n, dtype=np.int32) % 5,
    )


def test_names_the_small_class_with_poor_recall_and_flags_its_hardest() -> None:
    found = Imbalance().detect(evidence_of(15))
    (entry,) = found.info["classes"]
    assert (entry["class"], entry["training_images"], entry["recall"]) == ("cat", 30, 0.5)
    assert entry["others_recall"] == 1.0
    # Ten of the fifteen that are missed, from the surest mistake on.
    assert sorted(found.flagged["sample_id"]) == [f"{i:04d}" for i in range(205, 215)]
    assert found.flagged["reason"][0].startswith(
        "taken for ant; class cat: 30 training images (median 100), recall 0.50 [0.33, 0.67]"
    )
    assert (found.table["score"][:200] == 1).all()


@pytest.mark.parametrize(("missed", "small"), [(0, 30), (15, 90)])
def test_a_small_class_that_is_known_and_a_large_one_that_is_not_are_left(
    missed: int, small: int
) -> None:
    found = Imbalance().detect(evidence_of(missed, small))
    assert found.info["classes"] == []
    assert not found.table["flagged"].any()


def test_a_missed_image_that_looks_mislabelled_is_not_asked_for() -> None:
    evidence = evidence_of(15)
    probs = evidence.pred_probs.copy()
    probs[214] = [0.97, 0.02, 0.01]
    indices = evidence.neighbors.indices.copy()
    indices[214] = np.arange(10)
    near = replace(evidence.neighbors, indices=indices)
    found = Imbalance().detect(replace(evidence, pred_probs=probs, neighbors=near))
    assert found.table["rank"][214] == 1
    assert "0214" not in set(found.flagged["sample_id"])


def test_power_law_is_continued() -> None:
    sizes = np.array([400.0, 200.0, 100.0, 50.0])
    errors = 0.4 * (sizes / 50) ** -0.5
    # At 400 the error is .1414, at 800 it would be .1; half an error of 10**6 is nothing.
    assert _gain(sizes, errors, 10**6, 400) == pytest.approx(0.0414, abs=1e-3)
    assert _gain(sizes, np.full(4, 0.3), 10**6, 400) == pytest.approx(0, abs=1e-6)


def curve_of(distance: float) -> tuple[Bench, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [400, 80])
    points = rng.normal(size=(480, 60)) + distance * np.eye(60)[labels]
    folds = np.arange(480) % 5
    X = reduced(points.astype(np.float32), np.arange(480))
    return Bench.of(X, labels, folds, 2), labels


def test_more_images_help_a_class_that_is_learnt_slowly() -> None:
    bench, _ = curve_of(2.0)
    curve = class_curve(bench, 1, np.random.default_rng(0))
    assert curve.sizes == pytest.approx([64, 32, 16, 8])
    assert (np.diff(curve.recall) < 0).all()
    assert curve.known
    assert curve.interval[0] < curve.gain < curve.interval[1]


def test_says_that_it_does_not_know_where_the_curve_is_flat_or_short() -> None:
    bench, labels = curve_of(12.0)
    assert not class_curve(bench, 1, np.random.default_rng(0)).known
    folds = np.where(labels == 1, -1, bench.folds)
    folds[400:406] = np.arange(6) % 5
    few = Bench.of(bench.X, np.where((labels == 1) & (folds < 0), -1, labels), folds, 2)
    assert not class_curve(few, 1, np.random.default_rng(0)).known
