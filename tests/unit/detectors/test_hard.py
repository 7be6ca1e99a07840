"""Two clusters, and one hard image of every type planted in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curate.detectors.difficulty_types import REMEDIES
from curate.detectors.hard import Hard
from curate.findings import Evidence, Findings, Neighbors
from curate.store.schema import FINDINGS

N = 120
"""Rows 0 to 59 are cats, the others dogs; all have ten neighbours of their own class."""


def evidence() -> Evidence:
    labels = np.repeat([0, 1], N // 2)
    rng = np.random.default_rng(0)
    indices = np.stack(
        [
            [r for r in rng.permutation(np.flatnonzero(labels == labels[i])) if r != i][:20]
            for i in range(N)
        ]
    )
    # Images 0 to 9 are in the middle of all that can be unusual.
    scale = np.r_[np.ones(10), rng.permutation(np.geomspace(0.7, 1.4, N - 10))]
    distances = np.linspace(0.1, 0.2, 20) * scale[:, None]
    sharpness = 100 * np.r_[np.ones(10), rng.permutation(np.linspace(0.9, 1.1, N - 10))]
    probs = np.full((N, 3), 0.02)
    probs[np.arange(N), labels] = 0.96
    return Evidence(
        sample_ids=np.array([f"{i:03d}" for i in range(N)]),
        labels=labels,
        splits=np.array(["train"] * N),
        class_names=("cat", "dog", "owl"),
        pred_probs=probs,
        neighbors=Neighbors(indices, distances),
        image_stats=pd.DataFrame({"sharpness": sharpness}),
    )


def changed(**changes: object) -> Findings:
    """The findings where row 7, a cat, was changed: its p, its neighbours, ..."""
    made = evidence()
    probs, places = np.array(made.pred_probs), made.neighbors
    assert places is not None
    indices, distances = places.indices.copy(), places.distances.copy()
    stats = made.image_stats.copy()
    probs[7] = changes.get("probs", probs[7])
    # "cddd": which class each neighbour has, nearest first.
    if "near" in changes:
        is_dog = np.array([letter == "d" for letter in str(changes["near"])])
        indices[7] = np.where(is_dog, 60 + np.arange(20), 10 + np.arange(20))
    distances[7] *= changes.get("farther", 1)
    stats.loc[7, "sharpness"] *= changes.get("blur", 1)
    dynamics = changes.get("dynamics")
    made = replace(
        made, pred_probs=probs, neighbors=Neighbors(indices, distances), image_stats=stats,
        dynamics=None if dynamics is None else dynamics,
    )  # fmt: skip
    return Hard().detect(made)


ANOTHER = [0.03, 0.95, 0.02]
SPLIT = [0.45, 0.53, 0.02]
DOGS, MIXED, OWN = "d" * 20, "cd" * 10, "c" * 20


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("mislabelled", {"probs": ANOTHER, "near": DOGS}, "10 of 10 neighbours are dog"),
        ("ambiguous", {"probs": SPLIT, "near": MIXED}, "5 of 10 neighbours are dog, 5 cat"),
        ("rare", {"probs": ANOTHER, "near": DOGS, "farther": 4}, "times as far from its"),
        ("rare", {"probs": ANOTHER, "near": "c" * 4 + "d" * 16}, "4 of the nearest 20 are cat"),
        ("boundary", {"probs": SPLIT, "near": OWN}, "0 of 10 neighbours are dog"),
        ("low_quality", {"probs": ANOTHER, "near": DOGS, "blur": 0.05}, "its sharpness is"),
        (
            "unclear",
            {"probs": [0.2, 0.75, 0.05], "near": DOGS, "farther": 1.28},
            "no cause has half",
        ),
    ],
)
def test_each_type_is_told_from_the_others_with_its_remedy(
    kind: str, changes: dict[str, object], told: str
) -> None:
    found = changed(**changes)
    row = found.table.iloc[7]
    assert found.flagged["sample_id"].tolist() == ["007"]
    assert row["type"] == kind, row["reason"]
    assert told in row["reason"]
    assert REMEDIES[kind] in row["reason"]
    assert row["reason"].startswith(kind.replace("_", " "))
    assert row["suggestion"] == "dog"
    assert {name: n for name, n in found.info["types"].items() if n} == {kind: 1}


def test_a_small_margin_is_typed_and_not_flagged_and_a_large_one_is_neither() -> None:
    found = changed(probs=[0.53, 0.45, 0.02], near=OWN)
    assert found.flagged.empty
    assert found.table["type"].tolist() == ["boundary" if i == 7 else "" for i in range(N)]
    assert found.table.loc[7, "reason"].endswith("p(cat)=0.53, p(dog)=0.45: margin 0.08")
    assert found.table.loc[7, "suggestion"] == ""
    assert set(found.info["types"].values()) == {0}


def test_a_label_that_training_learnt_is_not_called_wrong() -> None:
    made = evidence()
    probs, places = np.array(made.pred_probs), made.neighbors
    assert places is not None
    indices = places.indices.copy()
    hard = np.arange(10)
    probs[hard], indices[hard] = ANOTHER, np.arange(60, 80)
    made = replace(made, pred_probs=probs, neighbors=Neighbors(indices, places.distances))
    assert Hard().detect(made).info["types"]["mislabelled"] == 10
    # Row 9 was learnt best of the ten, and nothing was recorded of rows beyond.
    aum = np.r_[np.arange(10.0) - 9, np.full(N - 10, np.nan)]
    told = Hard().detect(replace(made, dynamics=pd.DataFrame({"aum": aum})))
    assert told.table.loc[0, "type"] == "mislabelled"
    assert told.table.loc[9, "type"] != "mislabelled"
    nothing = Hard().detect(replace(made, dynamics=pd.DataFrame({"aum": np.full(N, np.nan)})))
    assert nothing.info["types"]["mislabelled"] == 10


def test_every_table_has_a_type() -> None:
    made = evidence()
    assert "type" in FINDINGS
    blank = Findings.build("x", made, np.ones(N), np.zeros(N, dtype=bool))
    assert set(blank.table["type"]) == {""}
    with pytest.raises(ValueError, match="expected 120 values of type, found 1"):
        Findings.build("x", made, np.ones(N), np.zeros(N, dtype=bool), types=["a"])
