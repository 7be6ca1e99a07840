from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CurriculumError
from curate.remedies.tiering import Tiering
from curate.remedies.tiers import MOST, USUAL, assign_tiers, difficulty_of, rare_weights

NAMES = ("cat", "dog")


def tiers_of(margins: list[float], labels: list[int], review: list[bool]) -> pd.DataFrame:
    ids = np.array([f"s{i:02d}" for i in range(len(labels))])
    return assign_tiers(
        ids, np.array(labels), np.array(margins), np.array(review), ["why"] * len(ids), NAMES
    )


def test_shares_follow_the_margin_class_by_class() -> None:
    margins = [*np.linspace(0.9, 0.0, 10), *np.linspace(-0.1, -0.9, 10)]
    table = tiers_of(margins, [0] * 10 + [1] * 10, [False] * 20)
    for start in (0, 10):
        assert table["tier"].iloc[start : start + 10].tolist() == (
            ["easy"] * 5 + ["medium"] * 3 + ["hard"] * 2
        )


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 1), st.booleans()), min_size=1, max_size=30)
)
def test_every_class_is_in_every_tier_it_has_images_for(
    rows: list[tuple[float, int, bool]],
) -> None:
    margins, labels, review = map(list, zip(*rows, strict=True))
    table = tiers_of(margins, labels, review).assign(label=labels, review=review)
    assert ((table["tier"] == "review") == table["review"]).all()
    for _, group in table[~table["review"]].groupby("label"):
        assert group["tier"].nunique() == min(3, len(group))
        hardest = group.groupby("tier")["difficulty"].agg(["min", "max"])
        present = [tier for tier in ("easy", "medium", "hard") if tier in hardest.index]
        for one, two in pairwise(present):
            assert hardest.loc[one, "max"] <= hardest.loc[two, "min"]


def test_difficulty_by_hand() -> None:
    np.testing.assert_allclose(difficulty_of(np.array([1, 0, -1.0])), [0, 0.5, 1])


def typed(
    margins: list[float], types: list[str], tiering: Tiering = USUAL, **more: list[bool]
) -> pd.DataFrame:
    """Cats of these margins and types, called s00, s01, ..."""
    n = len(margins)
    return assign_tiers(
        np.array([f"s{i:02d}" for i in range(n)]), np.zeros(n, dtype=int), np.array(margins),
        np.array(more.get("review", [False] * n)), ["why"] * n, NAMES, types, ["seen"] * n, tiering,
    )  # fmt: skip


def test_each_type_is_where_it_belongs() -> None:
    """Ten cats, of which the hardest are rare, and some of the easiest ambiguous or bad."""
    margins = np.linspace(0.9, -0.9, 10).tolist()
    types = [
        "ambiguous",
        "low_quality",
        "boundary",
        "",
        "",
        "",
        "",
        "unclear",
        "mislabelled",
        "rare",
    ]
    table = typed(margins, types)
    assert table["tier"].tolist() == [
        "medium", "hard", "medium", "easy", "easy", "easy", "medium", "hard", "review", "easy",
    ]  # fmt: skip
    assert table["weight"].tolist() == pytest.approx([1] * 9 + [math.sqrt(8)])
    assert table["reason"].tolist()[7:] == [
        "held-out margin -0.50, among the hardest of cat",
        "looks mislabelled: seen",
        "rare, so early; held-out margin -0.90; drawn 2.83 times an epoch: sqrt(8 other / 1 rare "
        "images of cat)",
    ]
    assert table["reason"][0] == (
        "ambiguous, so not in the first tier; held-out margin 0.90, among the middling of cat"
    )
    assert table["reason"][1] == "low quality, so late; held-out margin 0.70"


def test_a_class_of_ambiguous_images_has_no_first_tier() -> None:
    table = typed([0.1, 0.0, -0.1, -0.2, -0.3], ["ambiguous"] * 5)
    assert table["tier"].tolist() == ["medium"] * 4 + ["hard"]
    assert typed([0.1, 0.0], ["boundary", ""])["tier"].tolist() == ["medium", "easy"]
    assert typed([0.1, 0.0], ["rare", "rare"])["tier"].tolist() == ["easy", "easy"]


def test_low_quality_is_left_out_when_asked() -> None:
    table = typed([0.9, 0.8, 0.1], ["", "", "low_quality"], Tiering(low_quality="out"))
    assert table["tier"].tolist() == ["easy", "medium", "review"]
    assert table["reason"][2] == "left out for its quality, as asked: seen"


def test_a_suspected_error_is_under_review_whatever_its_type() -> None:
    table = typed([0.9, -0.5], ["", "rare"], review=[False, True])
    assert table["tier"].tolist() == ["easy", "review"]
    assert table["weight"].tolist() == [1, 1]
    assert table["reason"][1] == "suspected label error: why"


def test_the_weight_of_rare_images_by_hand() -> None:
    labels = np.array([0] * 10 + [1] * 40 + [2] * 3)
    rare = np.isin(np.arange(53), [0, 1, 10, 50, 51])
    aside = np.isin(np.arange(53), [9, 52])
    weight, how = rare_weights(labels, rare, aside, ("a", "b", "c"))
    assert weight[[0, 1]].tolist() == pytest.approx([math.sqrt(7 / 2)] * 2)
    assert weight[10] == MOST  # sqrt(39) is more
    assert how[10].endswith("sqrt(39 other / 1 rare images of b), at most 3")
    assert weight[[50, 51]].tolist() == [1, 1]  # a class of nothing else is not rare in itself
    assert how[50] == ""
    assert weight[~rare].tolist() == [1] * 48


KINDS = st.sampled_from(
    ["", "", "", "rare", "ambiguous", "boundary", "low_quality", "mislabelled", "unclear"]
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.integers(0, 1), st.booleans(), KINDS), min_size=1,
        max_size=30,
    ),
    st.sampled_from([
        USUAL, Tiering(2), Tiering(5), Tiering(4, class_balanced=False),
        Tiering(low_quality="out"), Tiering.by_thresholds(0.2, 0.5),
    ]),
)  # fmt: skip
def test_every_image_is_in_one_tier_with_its_reason(
    rows: list[tuple[float, int, bool, str]], tiering: Tiering
) -> None:
    margins, labels, review, types = map(list, zip(*rows, strict=True))
    n = len(rows)
    ids = np.array([f"s{i:02d}" for i in range(n)])
    table = assign_tiers(
        ids, np.array(labels), np.array(margins), np.array(review), ["why"] * n, NAMES, types,
        ["seen"] * n, tiering,
    )  # fmt: skip
    assert table["sample_id"].tolist() == ids.tolist()
    assert set(table["tier"]) <= {*tiering.names, "review"}
    assert (table["reason"] != "").all()
    table = table.assign(kind=types, error=review)
    held = table["error"] | (table["kind"] == "mislabelled")
    held |= (table["kind"] == "low_quality") & (tiering.low_quality == "out")
    assert ((table["tier"] == "review") == held).all()
    kept = table[~held]
    assert (kept.loc[kept["kind"] == "rare", "tier"] == tiering.names[0]).all()
    assert (
        kept.loc[kept["kind"].isin(["ambiguous", "boundary"]), "tier"] != tiering.names[0]
    ).all()
    assert (kept.loc[kept["kind"] == "low_quality", "tier"] == tiering.names[-1]).all()
    assert ((table["weight"] > 1) <= (table["kind"] == "rare")).all()
    assert table["weight"].between(1, MOST).all()


def test_five_tiers_of_equal_size_and_thresholds() -> None:
    margins = np.linspace(1, -0.8, 10).tolist()  # difficulty 0, 0.1, ..., 0.9
    assert typed(margins, [""] * 10, Tiering(5))["tier"].tolist() == [
        f"tier{i // 2 + 1}" for i in range(10)
    ]
    table = typed(margins, [""] * 10, Tiering.by_thresholds(0.15, 0.45))
    assert table["tier"].tolist() == ["easy"] * 2 + ["medium"] * 3 + ["hard"] * 5
    assert table["reason"][2] == "held-out margin 0.60; its tier is of difficulty 0.15 to 0.45"
    two = typed(margins, [""] * 10, Tiering.by_thresholds(0.95))
    assert set(two["tier"]) == {"tier1"}


def test_over_all_classes_a_hard_class_is_all_late() -> None:
    margins, labels = [0.9, 0.8, 0.7, 0.1, 0.0, -0.1], [0] * 3 + [1] * 3
    table = assign_tiers(
        np.array([f"s{i}" for i in range(6)]), np.array(labels), np.array(margins),
        np.zeros(6, dtype=bool), [""] * 6, NAMES, tiering=Tiering(2, class_balanced=False),
    )  # fmt: skip
    assert table["tier"].tolist() == ["tier1"] * 3 + ["tier2"] * 3


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"count": 1}, "at least 2 tiers, found 1"),
        ({"count": 3, "thresholds": (0.5, 0.2)}, "each above the one before it, found 0.5, 0.2"),
        ({"count": 2, "thresholds": (1.5,)}, "above 0 and below 1"),
        ({"count": 5, "thresholds": (0.5,)}, "Expected 2 tiers with 1 thresholds, found 5"),
        ({"low_quality": "never"}, "late or out, found 'never'"),
    ],
)
def test_a_tiering_that_cannot_be_is_refused(given: dict[str, Any], match: str) -> None:
    with pytest.raises(CurriculumError, match=match):
        Tiering(**given)


def test_a_tiering_comes_back_from_json() -> None:
    for tiering in (USUAL, Tiering(5, low_quality="out"), Tiering.by_thresholds(0.1, 0.4)):
        assert Tiering.from_json(json.loads(json.dumps(tiering.to_json()))) == tiering
    assert Tiering.from_json({}) == USUAL
    for found, match in (
        ([], "Expected a tiering"), ({"tiers": 3}, "found 'tiers'"),
        ({"count": "3"}, "count of the tiers to be like 3, found '3'"),
        ({"thresholds": 0.5}, "a list of numbers"), ({"count": True}, "found True"),
    ):  # fmt: skip
        with pytest.raises(CurriculumError, match=match):
            Tiering.from_json(found)
