"""Each detector on a few rows with one planted culprit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curate.detectors.hard import Hard
from curate.detectors.label_conflict import LabelConflict
from curate.detectors.label_error import LabelError
from curate.detectors.near_duplicate import NearDuplicate
from curate.detectors.outlier import Outlier
from curate.detectors.split_leak import SplitLeak
from curate.findings import Copies, Evidence, Findings
from curate.numerics.neighbors import knn
from made_evidence import make_evidence


def confident(labels: np.ndarray, k: int = 3, p: float = 0.9) -> np.ndarray:
    probs = np.full((len(labels), k), (1 - p) / (k - 1))
    probs[np.arange(len(labels)), labels] = p
    return probs


def row(findings: Findings, i: int) -> pd.Series:
    return findings.table.iloc[i]


def test_hard_flags_what_is_missed_and_names_the_rival() -> None:
    evidence = make_evidence(9)
    probs = confident(evidence.labels)
    probs[4] = [0.7, 0.2, 0.1]  # labelled class1
    found = Hard().detect(replace(evidence, pred_probs=probs))
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[4]]
    assert row(found, 4)["score"] == pytest.approx((0.2 - 0.7 + 1) / 2)
    assert row(found, 4)["suggestion"] == "class0"
    assert "p(class1)=0.20" in row(found, 4)["reason"]
    assert "margin -0.50" in row(found, 4)["reason"]


def mislabelled() -> Evidence:
    """Sixty images in three clusters; row 7 is labelled class2 and lies among class1."""
    evidence = make_evidence(60)
    probs = confident(evidence.labels)
    probs[7] = [0.01, 0.98, 0.01]
    labels = evidence.labels.copy()
    labels[7] = 2
    return replace(evidence, labels=labels, pred_probs=probs)


def test_label_error_flags_the_planted_one_alone_and_suggests_its_class() -> None:
    evidence = mislabelled()
    found = LabelError().detect(evidence)
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[7]]
    assert row(found, 7)["rank"] == 1
    assert row(found, 7)["suggestion"] == "class1"
    assert "10 of 10 neighbours are class1" in row(found, 7)["reason"]


def test_label_error_scores_unlabelled_images_as_fine() -> None:
    evidence = mislabelled()
    labels = evidence.labels.copy()
    labels[3] = -1
    found = LabelError().detect(replace(evidence, labels=labels))
    assert row(found, 3)["score"] == 1
    assert not row(found, 3)["flagged"]


def test_label_error_takes_classes_that_have_no_images() -> None:
    evidence = mislabelled()
    probs = np.column_stack([evidence.pred_probs, np.full(60, 1e-3)])
    names = (*evidence.class_names, "class9")
    found = LabelError().detect(replace(evidence, pred_probs=probs, class_names=names))
    assert found.flagged["suggestion"].tolist() == ["class1"]


def test_outlier_flags_the_image_far_from_all_others() -> None:
    rng = np.random.default_rng(0)
    points = (np.eye(1, 30) + rng.normal(scale=0.05, size=(60, 30))).astype(np.float32)
    points[11] = -points[11]
    evidence = replace(make_evidence(60), embeddings=points, neighbors=knn(points, 20))
    found = Outlier().detect(evidence)
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[11]]
    assert "far from every class" in row(found, 11)["reason"]


def test_outlier_flags_strange_statistics_that_the_embedding_does_not_see() -> None:
    evidence = make_evidence(60)
    stats = evidence.image_stats.copy()
    stats["saturation"] = 0.0
    stats.loc[5, "saturation"] = 0.4
    found = Outlier().detect(replace(evidence, image_stats=stats))
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[5]]
    assert "saturation" in row(found, 5)["reason"]


def with_copies() -> Evidence:
    """Rows 0 (train) and 9 (val) are copies; 1 and 2 (both train) are; 3 and 4 only look alike."""
    evidence = make_evidence(12)
    splits = np.array(["train"] * 8 + ["val"] * 2 + ["test"] * 2)
    copies = Copies(
        a=np.array([0, 1, 3]),
        b=np.array([9, 2, 4]),
        distances=np.array([0.01, 0.0, 0.05]),
        residuals=np.array([0.004, 0.0, 0.3]),
        identical=np.array([False, True, False]),
        confirmed=np.array([True, True, False]),
        typical=0.4,
        threshold=0.01,
    )
    return replace(evidence, splits=splits, copies=copies)


def test_near_duplicate_flags_both_of_a_pair_and_names_the_partner() -> None:
    evidence = with_copies()
    found = NearDuplicate().detect(evidence)
    assert set(found.flagged["sample_id"]) == set(evidence.sample_ids[[0, 9, 1, 2]])
    assert row(found, 0)["partner_id"] == evidence.sample_ids[9]
    assert row(found, 1)["score"] == 0
    assert "same bytes" in row(found, 1)["reason"]
    assert not row(found, 3)["flagged"]
    assert row(found, 3)["score"] == pytest.approx(0.3 / 0.7)
    assert row(found, 5)["score"] == 1


def test_split_leak_flags_the_held_out_copy_alone() -> None:
    evidence = with_copies()
    found = SplitLeak().detect(evidence)
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[9]]
    assert row(found, 9)["partner_id"] == evidence.sample_ids[0]
    assert row(found, 0)["score"] == 1


def test_findings_refuse_a_flag_without_a_reason_and_scores_out_of_bounds() -> None:
    evidence = make_evidence(2)
    with pytest.raises(ValueError, match="needs a reason"):
        Findings.build("x", evidence, np.zeros(2), np.array([True, False]))
    with pytest.raises(ValueError, match=r"finite scores in \[0, 1\]"):
        Findings.build("x", evidence, np.array([0, 1.5]), np.zeros(2, bool))
    with pytest.raises(ValueError, match="expected 2 values of score, found 3"):
        Findings.build("x", evidence, np.zeros(3), np.zeros(2, bool))


def test_label_conflict_flags_the_same_bytes_in_two_classes_and_only_those() -> None:
    evidence = make_evidence(12)
    digests = np.array([f"d{i}" for i in range(12)], dtype=str)
    digests[4] = digests[2]  # class1 and class2
    digests[9] = digests[3]  # both class0: a copy, no conflict
    probs = confident(evidence.labels)
    probs[[2, 4]] = [0.1, 0.2, 0.7]
    found = LabelConflict().detect(replace(evidence, digests=digests, pred_probs=probs))
    assert set(found.flagged["sample_id"]) == set(evidence.sample_ids[[2, 4]])
    assert row(found, 4)["suggestion"] == "class2"
    assert row(found, 2)["suggestion"] == ""
    assert row(found, 4)["partner_id"] == evidence.sample_ids[2]
    assert row(found, 4)["reason"].startswith("labelled 'class1', and the same bytes are labelled")
    assert found.info == {"conflicts": 1}


def test_label_conflict_says_nothing_of_unlabelled_images() -> None:
    evidence = make_evidence(6)
    labels = evidence.labels.copy()
    labels[4] = -1
    digests = np.array(["same" if i in (2, 4) else f"d{i}" for i in range(6)], dtype=str)
    found = LabelConflict().detect(replace(evidence, digests=digests, labels=labels))
    assert found.flagged.empty
