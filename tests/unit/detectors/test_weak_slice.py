"""Slices of low accuracy, planted in made evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from curate.detectors import DETECTORS
from curate.detectors.weak_slice import WeakSlice
from curate.findings import Evidence, Findings
from made_evidence import make_evidence


def erring(evidence: Evidence, wrong: np.ndarray) -> Evidence:
    """Probabilities that are .8 for the label, or for the next class where wrong."""
    n, k = len(evidence), len(evidence.class_names)
    said = np.where(wrong, (evidence.labels + 1) % k, evidence.labels)
    probs = np.full((n, k), 0.2 / (k - 1), dtype=np.float32)
    probs[np.arange(n), said] = 0.8
    return replace(evidence, pred_probs=probs)


def detect(evidence: Evidence) -> Findings:
    return DETECTORS["weak_slice"]().detect(evidence)


def test_a_planted_value_of_a_column_is_named() -> None:
    evidence = make_evidence(600)
    assert evidence.metadata is not None
    rng = np.random.default_rng(3)
    slice_ = (evidence.metadata["source"] == "phone").to_numpy()
    wrong = rng.random(600) < np.where(slice_, 0.6, 0.05)
    findings = detect(erring(evidence, wrong))
    first = findings.info["slices"][0]
    assert first["description"] == [{"column": "source", "op": "==", "value": "phone"}]
    assert first["support"] == slice_.sum()
    assert first["n_wrong"] == wrong[slice_].sum()
    assert first["accuracy"] == 1 - wrong[slice_].mean()
    assert first["interval"][0] < first["accuracy"] < first["interval"][1] < first["rest_accuracy"]
    assert 0 < first["harm"] < first["n_wrong"]
    assert set(first["examples"]) <= set(evidence.sample_ids[wrong & slice_])
    table = findings.table
    assert table["flagged"].to_numpy()[wrong & slice_].all()
    assert not table["flagged"].to_numpy()[~wrong].any()
    reason = table["reason"][np.flatnonzero(wrong & slice_)[0]]
    assert "source phone" in reason and f"on {slice_.sum()} images" in reason


def test_a_planted_pair_inside_a_class_is_named() -> None:
    evidence = make_evidence(900)
    rng = np.random.default_rng(4)
    old = rng.random(900) < 0.35
    indoor = rng.random(900) < 0.4
    metadata = pd.DataFrame(
        {"age": np.where(old, 70, 30) + rng.integers(0, 9, 900),
         "place": np.where(indoor, "in", "out")}
    )  # fmt: skip
    slice_ = old & indoor & (evidence.labels == 1)
    wrong = rng.random(900) < np.where(slice_, 0.75, 0.04)
    first = detect(erring(replace(evidence, metadata=metadata), wrong)).info["slices"][0]
    said = {(c["column"], c["op"]) for c in first["description"]}
    assert said == {("class", "=="), ("age", ">"), ("place", "==")}
    assert first["description"][0]["value"] == "class1"
    assert first["accuracy"] < 0.5


def test_a_cut_of_a_statistic_inside_a_class_is_found() -> None:
    evidence = make_evidence(600)
    assert evidence.image_stats is not None
    rng = np.random.default_rng(5)
    dim = (evidence.image_stats["brightness"] < 0.2).to_numpy() & (evidence.labels == 2)
    wrong = rng.random(600) < np.where(dim, 0.9, 0.03)
    first = detect(erring(evidence, wrong)).info["slices"][0]
    assert [c["column"] for c in first["description"]] == ["class", "brightness"]
    assert first["description"][1]["op"] == "<="
    assert first["text"].startswith("class class2, darker (brightness at most ")
    assert first["text"].endswith(", the lowest 20% of them)")


def test_a_fault_of_the_held_out_images_alone_is_told_with_their_splits() -> None:
    # Of the dim images of a class only those in val and test err: in train they are as the others.
    evidence = make_evidence(1500)
    assert evidence.image_stats is not None
    rng = np.random.default_rng(9)
    dim = (evidence.image_stats["brightness"] < 0.2).to_numpy() & (evidence.labels == 2)
    slice_ = dim & (evidence.splits != "train")
    wrong = rng.random(1500) < np.where(slice_, 0.8, 0.05)
    first = detect(erring(evidence, wrong)).info["slices"][0]
    assert first["description"][:2] == [
        {"column": "class", "op": "==", "value": "class2"},
        {"column": "split", "op": "==", "value": "val or test"},
    ]
    assert first["text"].startswith("class class2, in val or test, darker (brightness at most ")
    inside = np.isin(evidence.sample_ids, first["members"])
    assert (inside & slice_).sum() / (inside | slice_).sum() > 0.8


def test_a_weak_split_is_a_slice() -> None:
    evidence = make_evidence(900)
    wrong = np.random.default_rng(10).random(900) < np.where(evidence.splits == "test", 0.4, 0.05)
    first = detect(erring(evidence, wrong)).info["slices"][0]
    assert first["text"] == "in test"
    assert first["support"] == (evidence.splits == "test").sum()


def test_a_cluster_is_found_and_told_by_what_its_images_share() -> None:
    evidence = make_evidence(600, d=16)
    assert evidence.embeddings is not None and evidence.image_stats is not None
    rng = np.random.default_rng(6)
    apart = (evidence.labels == 0) & (rng.random(600) < 0.15)
    embeddings = evidence.embeddings.copy()
    embeddings[apart] += np.eye(16, dtype=np.float32)[3] * 12
    wrong = rng.random(600) < np.where(apart, 0.9, 0.03)
    moved = replace(evidence, embeddings=embeddings, view_embeddings=None, view_rows=None)
    first = detect(erring(moved, wrong)).info["slices"][0]
    assert first["description"][0]["value"] == "class0"
    assert first["description"][1]["op"] == "cluster"
    inside = np.isin(evidence.sample_ids, first["members"])
    assert (inside & apart).sum() / (inside | apart).sum() > 0.7
    assert first["classes"] == {"class0": int(inside.sum())}
    assert list(first["taken_for"]) == ["class1"]


def test_mistakes_that_fall_anywhere_are_no_slice() -> None:
    evidence = make_evidence(150)
    rng = np.random.default_rng(7)
    reported = 0
    for _ in range(20):
        findings = detect(erring(evidence, rng.random(150) < 0.2))
        reported += bool(findings.info["slices"])
        assert findings.table["flagged"].any() == bool(findings.info["slices"])
    assert reported <= 1


def test_a_weak_class_is_no_slice() -> None:
    evidence = make_evidence(300)
    wrong = (evidence.labels == 1) & (np.random.default_rng(8).random(300) < 0.6)
    assert detect(erring(evidence, wrong)).info["slices"] == []


def test_without_mistakes_nothing_is_said() -> None:
    evidence = make_evidence(60)
    findings = WeakSlice().detect(erring(evidence, np.zeros(60, dtype=bool)))
    assert (findings.table["score"] == 1).all()
    assert findings.info["slices"] == []
