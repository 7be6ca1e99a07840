from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.split_leak import SplitLeak, compared
from curate.findings import Copies, Evidence
from curate.numerics.intervals import wilson
from made_evidence import make_evidence


def leaking() -> Evidence:
    """Row 0 is in train; its copy 10 is in test, and 11, in test too, is a copy of 10 alone."""
    evidence = make_evidence(14)
    probs = np.full((14, 3), 0.1)
    probs[np.arange(14), evidence.labels] = 0.8
    probs[12] = np.roll(probs[12], 1)  # a clean test image that is missed
    return replace(
        evidence,
        pred_probs=probs,
        splits=np.array(["train"] * 8 + ["val"] * 2 + ["test"] * 4),
        copies=Copies(
            a=np.array([0, 10, 1]),
            b=np.array([10, 11, 8]),
            distances=np.array([0.02, 0.01, 0.3]),
            residuals=np.array([0.01, 0.004, 0.2]),
            identical=np.zeros(3, bool),
            confirmed=np.array([True, True, False]),
            typical=0.4,
            threshold=0.03,
        ),
    )


def test_flags_every_later_image_of_a_picture_and_no_look_alike() -> None:
    evidence = leaking()
    found = SplitLeak().detect(evidence)
    assert set(found.flagged["sample_id"]) == set(evidence.sample_ids[[10, 11]])
    assert found.table["partner_id"][[10, 11]].tolist() == [evidence.sample_ids[0]] * 2
    assert found.table["reason"][11].startswith("a copy of its copy is in train; take this one out")
    assert found.table["score"][10] == pytest.approx(0.01 / 0.41)
    assert found.info["leaked"] == {"val": 0, "test": 2}


def test_the_corrected_score_leaves_the_leaked_images_out() -> None:
    scores = SplitLeak().detect(leaking()).info["scores"]
    assert [one["split"] for one in scores] == ["test"]
    test = scores[0]
    assert test["all"]["accuracy"] == pytest.approx(3 / 4)
    assert (test["leaked"]["images"], test["leaked"]["accuracy"]) == (2, 1)
    assert test["corrected"] == test["clean"]["accuracy"] == pytest.approx(1 / 2)
    assert test["added"] == pytest.approx(3 / 4 - 1 / 2)


def test_the_interval_of_what_copies_add_is_newcombes() -> None:
    right = np.array([True] * 9 + [False] + [True] * 10 + [False] * 10)
    leaked = np.arange(30) < 10
    found = compared(right, leaked)
    (a, b), (c, d) = wilson(9, 10), wilson(10, 20)
    low = 0.4 - np.hypot(0.9 - a, d - 0.5)
    high = 0.4 + np.hypot(b - 0.9, 0.5 - c)
    assert found["added"] == pytest.approx(19 / 30 - 0.5)
    assert found["added_interval"] == pytest.approx([low / 3, high / 3])


def test_without_probabilities_there_are_flags_and_no_scores() -> None:
    found = SplitLeak().detect(replace(leaking(), pred_probs=None))
    assert found.info["scores"] == []
    assert len(found.flagged) == 2


def test_the_precision_is_that_of_pairs_across_splits() -> None:
    evidence = leaking()
    assert "precision" not in SplitLeak().detect(evidence).info
    first_alone = np.array([True, False, False])  # rows 10 and 11 lie in one split
    same = replace(evidence.copies, identical=first_alone)
    assert SplitLeak().detect(replace(evidence, copies=same)).info["precision"] == 1
