"""Splits that differ are told apart and named, others are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curate.detectors.split_shift import SplitShift
from curate.findings import Evidence
from made_evidence import make_evidence


def evidence() -> Evidence:
    """Six hundred images whose pixels' statistics are known by name."""
    made = make_evidence(600)
    rng = np.random.default_rng(5)
    stats = pd.DataFrame({"brightness": rng.random(600), "contrast": rng.random(600)})
    return replace(made, image_stats=stats)


def pair(info: dict, a: str, b: str) -> dict:
    return next(one for one in info["pairs"] if one["splits"] == [a, b])


def test_splits_at_random_are_left_alone() -> None:
    found = SplitShift().detect(evidence())
    assert found.info["differs"] == []
    assert not found.table["flagged"].any()
    assert (found.table["score"] == 1).all()
    assert pair(found.info, "train", "val")["says"] == "train and val: no difference found"


def test_val_from_elsewhere_is_found_with_the_images_that_show_it() -> None:
    made = evidence()
    val = np.flatnonzero(made.splits == "val")
    odd = val[::3]
    embeddings = made.embeddings.copy()
    embeddings[odd] += 6 * np.array([1, -1, 1, -1, 1, -1, 1, -1]) / np.sqrt(8)
    found = SplitShift().detect(replace(made, embeddings=embeddings))
    assert [sorted(p) for p in found.info["differs"]] == [["train", "val"], ["test", "val"]]
    told = pair(found.info, "train", "val")["embedding"]
    assert told["auc_interval"][0] < told["auc"] < told["auc_interval"][1]
    flagged = set(np.flatnonzero(found.table["flagged"]))
    assert len(flagged & set(odd)) >= 0.9 * len(odd)
    assert len(flagged - set(odd)) <= 5
    worst = found.table.nsmallest(len(odd), "rank")
    assert len(set(worst["sample_id"]) & set(made.sample_ids[odd])) >= 0.9 * len(odd)
    assert "less like train than all but 0." in worst["reason"].iloc[0]


def test_darker_test_is_said_with_both_medians() -> None:
    made = evidence()
    stats = made.image_stats.copy()
    stats.loc[made.splits == "test", "brightness"] *= 0.5
    found = SplitShift().detect(replace(made, image_stats=stats))
    told = pair(found.info, "train", "test")
    middle = stats["brightness"].groupby(made.splits).median()
    assert told["properties"][0]["property"] == "brightness"
    assert told["properties"][0]["median"] == pytest.approx([middle["train"], middle["test"]])
    words = f"test is darker: median {middle['test']:.3g} against {middle['train']:.3g}"
    assert words in told["says"]
    assert told["pixel_statistics"]["differs"]
    assert not told["embedding"]["differs"]
    flagged = found.table[found.table["flagged"]]
    assert set(made.splits[flagged.index]) <= {"test"}


def test_other_shares_of_classes_are_no_difference_within_them() -> None:
    made = evidence()
    keep = (made.splits != "val") | (made.labels != 0) | (np.arange(600) % 4 == 0)
    rows = np.flatnonzero(keep)
    some = Evidence(
        sample_ids=made.sample_ids[rows],
        labels=made.labels[rows],
        splits=made.splits[rows],
        class_names=made.class_names,
        embeddings=made.embeddings[rows],
    )
    told = pair(SplitShift().detect(some).info, "train", "val")
    assert told["shares"]["differs"]
    assert told["shares"]["class"] == "class0"
    assert told["shares"]["shares"] == pytest.approx([1 / 3, 10 / 90])
    assert not told["embedding"]["differs"]


def grouped() -> Evidence:
    """Two hundred groups of three images that are nearly alike, each in one split."""
    made = evidence()
    group = np.arange(600) // 3
    rng = np.random.default_rng(7)
    embeddings = rng.normal(size=(200, 8))[group] + 0.1 * rng.normal(size=(600, 8))
    splits = np.array(["train", "val"])[(rng.permutation(200) < 60).astype(int)][group]
    return replace(
        made,
        labels=np.zeros(600, dtype=np.int64),
        class_names=("all",),
        pred_probs=np.ones((600, 1), dtype=np.float32),
        embeddings=embeddings.astype(np.float32),
        splits=splits,
        groups=np.array([f"g{g}" for g in group]),
        copies=None,
    )


def test_groups_are_not_taken_for_a_difference() -> None:
    found = SplitShift().detect(grouped())
    told = pair(found.info, "train", "val")["embedding"]
    assert not told["differs"]
    assert told["p_value"] > 0.01


def test_small_splits_are_not_judged() -> None:
    made = make_evidence(60)
    found = SplitShift().detect(made)
    assert found.info["not_judged"] == ["val: 12 images", "test: 12 images"]
    assert found.info["pairs"] == []
