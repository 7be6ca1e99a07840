"""What every registered detector keeps, whatever it looks for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import pytest

from curate.detectors import DETECTORS, missing_input
from curate.findings import Evidence, Findings, Neighbors
from curate.numerics.copies import find_copies
from curate.numerics.neighbors import knn
from curate.store.schema import FINDINGS
from made_evidence import make_evidence, make_evidence_with_some_views

every_detector = pytest.mark.parametrize("kind", sorted(DETECTORS))
all_or_some_views = pytest.mark.parametrize(
    "make",
    [
        pytest.param(make_evidence, id="all-views"),
        pytest.param(make_evidence_with_some_views, id="some-views"),
    ],
)


def detect(kind: str, evidence: Evidence) -> Findings:
    return DETECTORS[kind]().detect(evidence)


def take(evidence: Evidence, rows: np.ndarray) -> Evidence:
    """The same evidence with its rows in another order."""
    back = np.empty(len(rows), dtype=np.int64)
    back[rows] = np.arange(len(rows))
    changed = {}
    for field in fields(evidence):
        value = getattr(evidence, field.name)
        if isinstance(value, np.ndarray):
            changed[field.name] = value[rows]
        elif isinstance(value, Neighbors):
            changed[field.name] = Neighbors(back[value.indices][rows], value.distances[rows])
        elif field.name == "view_embeddings" and evidence.view_rows is not None:
            places = {name: back[given] for name, given in evidence.view_rows.items()}
            order = {name: np.argsort(place) for name, place in places.items()}
            changed[field.name] = {name: array[order[name]] for name, array in value.items()}
            changed["view_rows"] = {name: place[order[name]] for name, place in places.items()}
        elif field.name == "view_embeddings":
            changed[field.name] = {name: array[rows] for name, array in value.items()}
        elif isinstance(value, pd.DataFrame):
            changed[field.name] = value.iloc[rows].reset_index(drop=True)
    permuted = replace(evidence, **changed)
    return replace(permuted, copies=find_copies(permuted))


def same(left: Findings, right: Findings) -> None:
    pd.testing.assert_frame_equal(
        left.table.sort_values("sample_id", ignore_index=True),
        right.table.sort_values("sample_id", ignore_index=True),
        rtol=1e-4,
        atol=1e-5,
    )


@every_detector
def test_is_a_frozen_dataclass_that_names_its_inputs(kind: str) -> None:
    detector = DETECTORS[kind]
    assert is_dataclass(detector)
    assert detector.__dataclass_params__.frozen
    assert detector.kind == kind
    assert set(detector.needs) <= {field.name for field in fields(Evidence)}
    assert len(detector.__doc__ or "") > 200


@every_detector
@all_or_some_views
def test_scores_every_image_once_in_bounds_with_reasons(
    kind: str, make: Callable[..., Evidence]
) -> None:
    evidence = make()
    table = detect(kind, evidence).table
    assert list(table.columns) == [name for name in FINDINGS if name != "kind"]
    assert table["sample_id"].tolist() == evidence.sample_ids.tolist()
    assert table["score"].between(0, 1).all()
    assert np.isfinite(table["score"]).all()
    assert sorted(table["rank"]) == list(range(1, len(evidence) + 1))
    assert (table.sort_values("rank")["score"].diff().dropna() >= 0).all()
    assert (table.loc[table["flagged"], "reason"] != "").all()
    known = {"", *evidence.sample_ids}
    assert set(table["partner_id"]) <= known


@every_detector
@all_or_some_views
def test_does_not_care_about_row_order(kind: str, make: Callable[..., Evidence]) -> None:
    evidence = make()
    rows = np.random.default_rng(1).permutation(len(evidence))
    same(detect(kind, evidence), detect(kind, take(evidence, rows)))


@every_detector
@all_or_some_views
def test_says_the_same_twice(kind: str, make: Callable[..., Evidence]) -> None:
    first, second = detect(kind, make()), detect(kind, make())
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.info == second.info


@every_detector
@all_or_some_views
def test_leaves_the_evidence_unchanged(kind: str, make: Callable[..., Evidence]) -> None:
    evidence = make()
    before = copy.deepcopy(evidence)
    detect(kind, evidence)
    for field in fields(Evidence):
        now, then = getattr(evidence, field.name), getattr(before, field.name)
        if isinstance(now, pd.DataFrame):
            pd.testing.assert_frame_equal(now, then)
        elif is_dataclass(now):
            np.testing.assert_equal(vars(now), vars(then))
        else:
            np.testing.assert_equal(now, then)


@every_detector
@all_or_some_views
@pytest.mark.parametrize(("n", "n_classes"), [(0, 3), (1, 1), (2, 2), (12, 1), (7, 7), (40, 1)])
def test_takes_small_and_empty_data(
    kind: str, make: Callable[..., Evidence], n: int, n_classes: int
) -> None:
    assert len(detect(kind, make(n, n_classes)).table) == n


@every_detector
@all_or_some_views
def test_takes_images_that_are_all_equal(kind: str, make: Callable[..., Evidence]) -> None:
    evidence = make(30)
    ones = np.ones_like(evidence.embeddings)
    views = evidence.view_embeddings or {}
    equal = replace(
        evidence,
        embeddings=ones,
        view_embeddings={view: np.ones_like(array) for view, array in views.items()},
        neighbors=knn(ones, 10),
        pred_probs=np.full_like(evidence.pred_probs, 1 / 3),
        thumbnails=np.zeros_like(evidence.thumbnails),
        digests=np.array(["same"] * 30),
    )
    equal = replace(equal, copies=find_copies(equal))
    assert len(detect(kind, equal).table) == 30


@every_detector
@all_or_some_views
def test_a_stated_precision_lies_in_its_interval_and_says_what_it_rests_on(
    kind: str, make: Callable[..., Evidence]
) -> None:
    for n in (0, 12, 60):
        info = detect(kind, make(n)).info
        keys = {name for name in info if name.startswith("precision")}
        assert keys in (set(), {"precision", "precision_interval", "precision_rests_on"})
        if keys:
            low, high = info["precision_interval"]
            assert 0 <= low <= info["precision"] <= high <= 1
            assert info["precision_rests_on"]


@every_detector
@all_or_some_views
def test_takes_images_without_labels(kind: str, make: Callable[..., Evidence]) -> None:
    evidence = make()
    labels = evidence.labels.copy()
    labels[::2] = -1
    assert len(detect(kind, replace(evidence, labels=labels)).table) == len(evidence)


@every_detector
def test_is_skipped_with_a_reason_when_its_input_is_missing(kind: str) -> None:
    evidence = make_evidence()
    for need in DETECTORS[kind].needs:
        why = missing_input(DETECTORS[kind](), replace(evidence, **{need: None}))
        assert why is not None
        assert need in why or "view" in why
    assert missing_input(DETECTORS[kind](), evidence) is None
