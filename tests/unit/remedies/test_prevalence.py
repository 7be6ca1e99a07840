from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curate.findings import Evidence
from curate.remedies.prevalence import prevalence


def evidence(n: int = 900, n_classes: int = 2, seed: int = 0) -> Evidence:
    """Images of which a third each is train, val and test, all drawn alike."""
    rng = np.random.default_rng(seed)
    stats = pd.DataFrame(
        {
            "brightness": rng.beta(5, 5, n),
            "contrast": rng.beta(3, 9, n),
            "smoothness": rng.beta(6, 4, n),
            "noise": rng.gamma(3, 1, n),
            "margin": rng.random(n),
            "coloured": rng.uniform(0.1, 0.9, n),
        }
    )
    return Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=np.arange(n) // 3 % n_classes,
        splits=np.array(["train", "val", "test"])[np.arange(n) % 3],
        class_names=tuple(f"c{i}" for i in range(n_classes)),
        image_stats=stats,
        file_facts=pd.DataFrame({"width": [64] * n, "height": [64] * n}),
        groups=np.full(n, ""),
    )


def orientation(one: Evidence, flagged: np.ndarray, suggestion: str = "rot180") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": one.sample_ids,
            "flagged": flagged,
            "suggestion": np.where(flagged, suggestion, ""),
        }
    )


def darkened(one: Evidence, mask: np.ndarray) -> Evidence:
    assert one.image_stats is not None
    stats = one.image_stats.copy()
    stats.loc[mask, "brightness"] *= 0.6
    return replace(one, image_stats=stats)


def test_where_splits_are_alike_hardly_ever_anything_is_shown() -> None:
    alarms = 0
    for seed in range(40):
        one = evidence(seed=seed)
        flagged = np.random.default_rng(seed).random(len(one)) < 0.03
        found = prevalence(one, {"orientation": orientation(one, flagged)})
        alarms += any(share.shown for share in found.values())
        assert {"upside_down", "rotated", "dark", "bright", "blurred"} <= set(found)
    # One in forty data sets, over all symptoms and splits: more than three of forty, once in 500.
    assert alarms <= 3


def test_a_darker_val_is_dark_and_nothing_else() -> None:
    one = evidence()
    found = prevalence(darkened(one, one.splits == "val"), {})
    assert [name for name, share in found.items() if share.shown] == ["dark"]
    dark = found["dark"]
    assert dark.split == "val"
    assert dark.train.estimate == pytest.approx(0.05, abs=0.01)
    assert dark.held_out.estimate > 0.3
    assert dark.excess.estimate == pytest.approx(dark.held_out.estimate - dark.train.estimate)
    assert dark.excess.interval[0] > 0.15


def test_more_images_of_a_dark_class_are_no_shift_of_light() -> None:
    one = evidence()
    night = one.labels == 1
    # In val nine of ten images are of the dark class, in train one of two.
    keep = (one.splits != "val") | night | (np.arange(len(one)) % 9 == 0)
    assert one.image_stats is not None
    stats = one.image_stats.assign(
        brightness=np.where(night, 0.3, 1.0) * one.image_stats["brightness"]
    )
    assert one.file_facts is not None
    rows = np.flatnonzero(keep)
    found = prevalence(
        replace(
            one, sample_ids=one.sample_ids[rows], labels=one.labels[rows], splits=one.splits[rows],
            image_stats=stats.iloc[rows].reset_index(drop=True),
            file_facts=one.file_facts.iloc[rows].reset_index(drop=True), groups=one.groups[rows],
        ), {},
    )  # fmt: skip
    assert not found["dark"].shown


def test_flags_that_train_has_as_well_are_false_alarms() -> None:
    one = evidence()
    rng = np.random.default_rng(1)
    everywhere = rng.random(len(one)) < 0.1
    planted = everywhere | ((one.splits == "test") & (rng.random(len(one)) < 0.2))
    alike = prevalence(one, {"orientation": orientation(one, everywhere)})
    more = prevalence(one, {"orientation": orientation(one, planted, "vflip")})
    assert not alike["upside_down"].shown
    assert more["upside_down"].shown
    assert more["upside_down"].split == "test"
    assert not more["rotated"].shown
    turned = prevalence(one, {"orientation": orientation(one, planted, "rot90")})
    assert turned["rotated"].shown
    assert not turned["upside_down"].shown


def test_grey_is_a_symptom_among_colour_only() -> None:
    one = evidence()
    assert one.image_stats is not None
    grey = one.image_stats.assign(coloured=0.0)
    assert "grey" not in prevalence(replace(one, image_stats=grey), {})
    val = np.where(one.splits == "val", 0.0, one.image_stats["coloured"])
    some = prevalence(replace(one, image_stats=one.image_stats.assign(coloured=val)), {})
    assert some["grey"].shown
    assert some["grey"].train.estimate == 0


def test_small_images_in_test() -> None:
    one = evidence()
    assert one.file_facts is not None
    width = np.where((one.splits == "test") & (np.arange(len(one)) % 2 == 0), 20, 64)
    found = prevalence(replace(one, file_facts=one.file_facts.assign(width=width)), {})
    assert [name for name, share in found.items() if share.shown] == ["small"]


def test_what_was_not_looked_for_is_not_told() -> None:
    one = replace(evidence(), image_stats=None, file_facts=None)
    assert prevalence(one, {}) == {}
    assert prevalence(replace(one, splits=np.full(len(one), "train")), {}) == {}


def test_photographs_of_one_night_count_for_less() -> None:
    one = evidence()
    groups = np.where(one.splits == "val", np.char.mod("night%d", np.arange(len(one)) // 60), "")
    widths = []
    for some in (one, replace(one, groups=groups)):
        low, high = prevalence(darkened(some, some.splits == "val"), {})["dark"].excess.interval
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]
