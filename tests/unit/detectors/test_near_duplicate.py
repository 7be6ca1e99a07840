from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.near_duplicate import NearDuplicate
from curate.findings import Copies, Evidence
from made_evidence import make_evidence


def with_groups() -> Evidence:
    """Rows 0 (train), 1 (train) and 9 (val) are one picture, rows 3 and 4 another; 5, 6 are not."""
    evidence = make_evidence(12)
    facts = evidence.file_facts.copy()
    facts["width"] = facts["height"] = 100
    facts.loc[1, "width"] = 200  # of the two in train the larger one
    facts.loc[9, "width"] = 900  # held out
    facts["size_bytes"] = 1000
    facts.loc[4, "size_bytes"] = 2000  # as many pixels as row 3, a larger file
    return replace(
        evidence,
        file_facts=facts,
        labels=np.zeros(12, dtype=np.int64) + (np.arange(12) == 9),
        splits=np.array(["train"] * 8 + ["val"] * 2 + ["test"] * 2),
        copies=Copies(
            a=np.array([0, 0, 3, 5]),
            b=np.array([1, 9, 4, 6]),
            distances=np.array([0.02, 0.04, np.nan, 0.03]),
            residuals=np.array([0.01, 0.004, 0.02, 0.3]),
            identical=np.zeros(4, bool),
            confirmed=np.array([True, True, True, False]),
            typical=0.4,
            threshold=0.03,
        ),
    )


def test_keeps_by_split_then_pixels_then_file_size_and_says_so() -> None:
    evidence = with_groups()
    found = NearDuplicate().detect(evidence)
    ids = evidence.sample_ids
    assert set(found.flagged["sample_id"]) == set(ids[[0, 1, 3, 4, 9]])
    kept = {one["keep"] for one in found.info["largest_groups"]}
    assert kept == {ids[1], ids[4]}
    advice = found.table["suggestion"].tolist()
    assert [advice[i] for i in (0, 1, 3, 4, 9)] == ["drop", "keep", "drop", "keep", "drop"]
    assert advice[2] == ""
    reason = found.table["reason"]
    assert reason[1].startswith("keep this one, 1 of 3 copies of one picture: in train, 200 x 100")
    assert f"keep {ids[1]} instead" in reason[9]
    assert "(labelled 'class0' there and 'class1' here)" in reason[9]
    assert "99.6 % of its details are those of an image in train (distance 0.040)" in reason[9]
    assert "distance" not in reason[3]


def test_groups_are_counted_and_listed_largest_first() -> None:
    evidence = with_groups()
    info = NearDuplicate().detect(evidence).info
    assert (info["pairs"], info["groups"], info["images_to_drop"]) == (3, 2, 3)
    first = info["largest_groups"][0]
    assert first["members"] == sorted(evidence.sample_ids[[0, 1, 9]])
    assert (first["size"], first["splits"]) == (3, ["train", "val"])
    assert first["labels"] == ["class0", "class1"]


def test_the_distance_that_tells_copies_best_is_that_of_this_embedder() -> None:
    # Sorted: 0.02 copy, 0.03 not, 0.04 copy. F1 is 2/3 at the first, 4/5 at the third.
    distance = NearDuplicate().detect(with_groups()).info["distance"]
    assert distance["best_threshold"] == pytest.approx(0.04)
    assert distance["precision"] == pytest.approx(2 / 3)
    assert distance["recall"] == 1
    assert distance["median_of_copies"] == pytest.approx(0.03)


def test_without_file_facts_the_first_name_in_train_is_kept() -> None:
    evidence = replace(with_groups(), file_facts=None)
    found = NearDuplicate().detect(evidence)
    assert {one["keep"] for one in found.info["largest_groups"]} == {
        min(evidence.sample_ids[[0, 1]]), min(evidence.sample_ids[[3, 4]])
    }  # fmt: skip


def test_the_precision_is_stated_where_it_is_known() -> None:
    evidence = with_groups()
    assert "precision" not in NearDuplicate().detect(evidence).info  # one pair of two classes
    same = replace(evidence.copies, identical=evidence.copies.confirmed)
    info = NearDuplicate().detect(replace(evidence, copies=same)).info
    assert (info["precision"], info["precision_interval"]) == (1, [1, 1])
    assert info["precision_rests_on"] == "the same bytes"
