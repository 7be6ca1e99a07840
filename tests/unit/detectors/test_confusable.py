"""Class pairs that are ambiguous, fixable, or neither, on clusters made for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.confusable import Confusable
from curate.findings import Evidence
from curate.numerics.class_pairs import clusters, mixed_pairs
from curate.numerics.neighbors import knn
from curate.numerics.separability import auc, auc_interval, even_chances
from curate.numerics.triptych import triptych


def evidence_of(points: np.ndarray, labels: np.ndarray, probs: np.ndarray) -> Evidence:
    n = len(labels)
    return Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=labels,
        splits=np.array(["train"] * n),
        class_names=("ant", "bee", "cat"),
        pred_probs=probs.astype(np.float32),
        embeddings=points.astype(np.float32),
        neighbors=knn(points.astype(np.float32), 20),
        folds=np.arange(n, dtype=np.int32) % 5,
    )


def merged() -> Evidence:
    """Ants and bees are one cluster, labelled and predicted by a coin; cats are another."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    points = rng.normal(scale=0.3, size=(180, 8)) + np.eye(8)[np.repeat([0, 0, 1], 60)]
    p = rng.uniform(0.35, 0.65, 180)
    probs = np.column_stack([p, 1 - p, np.zeros(180)]) * 0.98 + 0.02 / 3
    probs[labels == 2] = [0.02, 0.02, 0.96]
    return evidence_of(points, labels, probs)


def one_sided() -> Evidence:
    """Bees lie apart from ants, but twelve of twenty are taken for ants."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [80, 20, 80])
    points = rng.normal(scale=0.2, size=(180, 8)) + np.eye(8)[labels]
    probs = np.full((180, 3), 0.01)
    probs[np.arange(180), labels] = 0.98
    probs[80:92] = [0.7, 0.28, 0.02]
    return evidence_of(points, labels, probs)


def test_a_merged_pair_is_ambiguous_and_its_images_lie_between() -> None:
    evidence = merged()
    found = Confusable().detect(evidence)
    (pair,) = found.info["pairs"]
    assert (pair["class_a"], pair["class_b"], pair["verdict"]) == ("ant", "bee", "ambiguous")
    flagged = found.table["flagged"].to_numpy()
    assert flagged[:120].mean() > 0.7
    assert not flagged[120:].any()
    assert found.info["flagged_share"] == pytest.approx(flagged.mean())


def test_a_separable_pair_of_which_the_small_class_loses_is_fixable() -> None:
    found = Confusable().detect(one_sided())
    (pair,) = found.info["pairs"]
    assert (pair["a_as_b"], pair["b_as_a"]) == (0, 12)
    assert pair["verdict"] == "fixable"
    assert pair["causes"] == ["bee is under-represented: 20 training images against 80"]
    # Their neighbours are all bees: mixed up, but not between.
    assert not found.table["flagged"].any()


def test_says_nothing_where_nothing_is_mixed_up() -> None:
    evidence = one_sided()
    probs = np.full((180, 3), 0.01, dtype=np.float32)
    probs[np.arange(180), evidence.labels] = 0.98
    found = Confusable().detect(replace(evidence, pred_probs=probs))
    assert found.info["pairs"] == []
    assert not found.table["flagged"].any()


def test_reason_names_probabilities_neighbours_and_verdict() -> None:
    found = Confusable().detect(merged())
    reason = found.flagged["reason"][0]
    assert reason.startswith("between ")
    assert "of 20 neighbours" in reason
    assert reason.endswith("ambiguous")


def test_many_pairs_make_a_few_mistakes_less_remarkable() -> None:
    few = np.diag([100, 100])
    few[0, 1] = 5
    assert mixed_pairs(few, 0.01, 3).a.tolist() == [0]
    many = np.diag(np.full(200, 100))
    many[0, 1] = 5
    assert mixed_pairs(many, 0.01, 3).a.tolist() == []
    many[0, 1] = many[1, 0] = 30
    assert (mixed_pairs(many, 0.01, 3).a.tolist(), mixed_pairs(many, 0.01, 3).tested) == (
        [0],
        19900,
    )


def test_a_chain_is_no_cluster_but_a_triangle_is() -> None:
    assert clusters(np.array([0, 1, 0]), np.array([1, 2, 2])) == [[0, 1, 2]]
    chain = clusters(np.arange(0, 7), np.arange(1, 8))
    assert all(len(group) < 5 for group in chain)


def test_auc_by_hand() -> None:
    score, positive = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True])
    assert auc(score, positive) == pytest.approx(3.5 / 4)  # one tie of four pairs
    low, high = auc_interval(1.0, 10, 10)
    assert high == 1.0
    assert 0.6 < low < 0.9


def test_even_chances_ignore_class_sizes_and_useless_scores() -> None:
    rng = np.random.default_rng(0)
    positive = np.repeat([False, True], [9000, 1000])
    assert even_chances(-positive.astype(float), positive).tolist() == [0.5] * 10000
    score = np.where(positive, 1.0, -1.0) + rng.normal(size=10000)
    chance = even_chances(score, positive)
    # The densities are equal at 0, whatever the sizes.
    assert chance[np.abs(score).argmin()] == pytest.approx(0.5, abs=0.05)


def test_triptych_shows_the_nearest_three_of_both_classes() -> None:
    angle = np.deg2rad([0, 10, 20, 30, 40, -5, -15, -25, -35, 90])
    points = np.column_stack([np.cos(angle), np.sin(angle)])
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2])
    probs = np.tile([0.2, 0.7, 0.1], (10, 1))
    shown = triptych(evidence_of(points, labels, probs), 0)
    assert shown == {
        "sample_id": "0000",
        "label": "ant",
        "predicted": "bee",
        "true": ["0001", "0002", "0003"],
        "other": ["0005", "0006", "0007"],
    }
