from __future__ import annotations

from dataclasses import replace

import numpy as np

from curate.detectors import DETECTORS
from curate.report.detector_words import headlines
from made_evidence import make_evidence


def test_every_kind_that_has_news_is_told_with_its_interval() -> None:
    told = {
        "label_error": {
            "flagged": 40, "noise_rate": 0.021, "noise_rate_interval": [0.015, 0.029],
            "precision": 0.93, "precision_interval": [0.85, 1.0],
        },
        "split_leak": {
            "flagged": 5,
            "scores": [
                {"split": "test", "all": {"accuracy": 0.96}, "leaked": {"images": 5},
                 "clean": {"images": 95, "accuracy": 0.951, "interval": [0.9, 0.98]}},
                {"split": "val", "all": {"accuracy": 0.9}, "leaked": {"images": 0},
                 "clean": {"images": 50, "accuracy": 0.9, "interval": [0.8, 0.95]}},
            ],
        },
        "split_shift": {"flagged": 0, "pairs": [
            {"differs": True, "says": "train and val: val is darker"},
            {"differs": False, "says": ""},
        ]},
        "shortcut": {"flagged": 0, "shortcuts": [{"says": f"one {i}"} for i in range(5)]},
    }  # fmt: skip
    assert headlines(told) == [
        "label_error: about 2.1% [1.5%, 2.9%] of the labels are wrong; of the 40 flagged, 93% "
        "[85%, 100%] are expected to be",
        "split_leak: test accuracy is 0.951 [0.900, 0.980] without its 5 leaked images, 0.960 with "
        "them",
        "split_shift: train and val: val is darker",
        "shortcut: one 0",
        "shortcut: one 1",
    ]
    assert headlines({}) == []
    unsure = {"flagged": 0, "noise_rate": 0.0, "noise_rate_interval": [0.0, 0.06]}
    assert headlines({"label_error": unsure}) == [
        "label_error: none of the labels can be said to be wrong, though between 0.0% and 6.0% of "
        "them may be"
    ]
    assert headlines({"label_error": {**unsure, "noise_rate_interval": [0.0, 0.01]}}) == []


def test_what_the_detectors_really_say_can_be_told() -> None:
    evidence = make_evidence(300, 3)
    rng = np.random.default_rng(0)
    labels = evidence.labels.copy()
    labels[:20] = (labels[:20] + 1) % 3
    probs = np.asarray(evidence.pred_probs).copy()
    mixed = rng.permutation(np.flatnonzero(labels < 2))[:60]
    probs[mixed[:, None], [[0, 1]]] = probs[mixed][:, [1, 0]]
    made = replace(evidence, labels=labels, pred_probs=probs)
    found = {kind: DETECTORS[kind]().detect(made) for kind in sorted(DETECTORS)}
    info = {kind: {"flagged": int(f.table["flagged"].sum()), **f.info} for kind, f in found.items()}
    lines = headlines(info)
    assert [line for line in lines if line.startswith("confusable: class0 and class1")]
    assert [line for line in lines if line.startswith("label_error: about ")]
