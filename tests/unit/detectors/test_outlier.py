"""Foreign images in three clusters, beside what is no outlier: label errors, small classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curate.detectors.outlier import Outlier
from curate.findings import Evidence
from curate.numerics.neighbors import knn
from made_evidence import make_evidence

N = 150


def clusters(foreign: int = 0, n: int = N) -> Evidence:
    """Three classes along their own axes, the first `foreign` rows along another, all alike."""
    rng = np.random.default_rng(0)
    evidence = make_evidence(n)
    axis = evidence.labels.copy()
    axis[:foreign] = 3
    points = (np.eye(30)[axis] + rng.normal(scale=0.1, size=(n, 30))).astype(np.float32)
    stats = evidence.image_stats.assign(**dict.fromkeys(evidence.image_stats, 0.5))
    return replace(evidence, embeddings=points, neighbors=knn(points, 20), image_stats=stats)


def test_nothing_is_flagged_where_all_lie_in_their_classes() -> None:
    found = Outlier().detect(clusters())
    assert found.flagged.empty
    assert found.info["of_no_class"] == 0


def test_foreign_images_are_found_one_or_a_group_of_more_than_k() -> None:
    for foreign in (1, 15):
        evidence = clusters(foreign)
        found = Outlier().detect(evidence)
        assert set(found.flagged["sample_id"]) == set(evidence.sample_ids[:foreign])
        assert found.info["of_no_class"] == foreign
        assert found.flagged["reason"][0].startswith("far from every class, also from the nearest")


def test_an_image_in_another_class_is_a_label_error_and_no_outlier() -> None:
    evidence = clusters()
    labels = evidence.labels.copy()
    labels[7] = (labels[7] + 1) % 3
    found = Outlier().detect(replace(evidence, labels=labels))
    assert found.flagged.empty


def test_far_from_its_class_and_at_the_edge_of_another_names_both() -> None:
    evidence = clusters()
    points = evidence.embeddings.copy()
    points[7] = np.eye(30)[2] + 0.8 * np.eye(30)[5]  # labelled class1, at the edge of class2
    found = Outlier().detect(replace(evidence, embeddings=points, neighbors=knn(points, 20)))
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[7]]
    reason = found.flagged["reason"].item()
    assert reason.startswith("far from its class class1:")
    assert "in no other (nearest class2:" in reason
    assert found.info["of_no_class"] == 0


def test_a_class_too_small_to_be_judged_is_not_foreign() -> None:
    evidence = clusters(foreign=5)
    labels = evidence.labels.copy()
    labels[:5] = 3
    names = (*evidence.class_names, "class3")
    probs = np.column_stack([evidence.pred_probs, np.zeros(N, np.float32)])
    found = Outlier().detect(replace(evidence, labels=labels, class_names=names, pred_probs=probs))
    assert found.flagged.empty


def test_without_labels_a_foreign_image_is_far_from_its_neighbours() -> None:
    evidence = clusters(foreign=1)
    found = Outlier().detect(replace(evidence, labels=np.full(N, -1)))
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[0]]
    assert "times the typical" in found.flagged["reason"][0]


def with_a_foreign_group(size: int) -> tuple[Evidence, np.ndarray]:
    """Some of class0 are alike and lack what all classes share; and their rows."""
    evidence = clusters()
    points = evidence.embeddings.copy()
    foreign = np.flatnonzero(evidence.labels == 0)[:size]
    points[:, 29] += 1
    points[foreign] += np.eye(30)[28] - np.eye(30)[29] - np.eye(30)[0]
    return replace(evidence, embeddings=points, neighbors=knn(points, 20)), foreign


def test_a_foreign_group_of_two_fifths_of_a_class_is_ranked_before_the_rest() -> None:
    evidence, foreign = with_a_foreign_group(20)
    worst = np.argsort(Outlier().detect(evidence).table["rank"])[:20]
    assert np.isin(worst, foreign).mean() >= 0.7  # 2.7 of them would be by chance


def test_what_is_far_from_the_other_classes_alone_says_so() -> None:
    evidence, foreign = with_a_foreign_group(14)
    found = Outlier().detect(evidence)
    assert set(found.flagged["sample_id"]) <= set(evidence.sample_ids[foreign])
    words = "farther from all other classes than class0 is, by 3.1 spreads"
    assert any(reason.startswith(words) for reason in found.flagged["reason"])


def test_a_class_unlike_all_others_is_not_foreign() -> None:
    evidence = clusters()
    points = evidence.embeddings.copy()
    points[:, 29] += evidence.labels != 0
    found = Outlier().detect(replace(evidence, embeddings=points, neighbors=knn(points, 20)))
    assert found.flagged.empty
