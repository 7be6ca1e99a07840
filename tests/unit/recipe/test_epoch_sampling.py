"""Which images an epoch trains on: planted tables by hand, and what always holds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CurriculumError
from curate.recipe.sampling import active, epoch_indices, share_of, weights
from curate.recipe.schedule import PRESETS, Schedule, Stage, make_schedule

TIERS = ("easy", "medium", "hard")
TABLE = {
    "tier": np.array(["easy"] * 4 + ["medium"] * 2 + ["hard"] * 2 + ["review"]),
    "difficulty": np.array([0.1, 0.2, 0.3, 0.05, 0.5, 0.4, 0.9, 0.8, 1.0]),
    "target": np.array([0, 0, 1, 1, 0, 1, 0, 1, 0]),
    "weight": np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
}
"""Of either class two easy images, one medium, one hard; the last is under review."""


def one_stage(**changes: Any) -> Schedule:
    return Schedule("custom", 100, (Stage(0, 100, **{"tiers": TIERS, **changes}),))


@st.composite
def tables(draw: Any) -> dict[str, Any]:
    n = draw(st.integers(1, 40))
    column = lambda values: np.array(draw(st.lists(values, min_size=n, max_size=n)))  # noqa: E731
    return {
        "tier": column(st.sampled_from(TIERS)),
        "difficulty": column(st.floats(0, 1)),
        "target": column(st.integers(0, 3)),
        "weight": column(st.sampled_from([1.0, 1.0, 1.5, 2.25, 4.0])),
    }


def test_tiers_one_after_the_other() -> None:
    schedule = make_schedule("easy-to-hard", 3)
    assert [active(TABLE, schedule, epoch, 0).tolist() for epoch in range(3)] == [
        [0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7],
    ]  # fmt: skip


def test_a_share_takes_the_easiest_of_each_class_tier_by_tier() -> None:
    # Of four images each one, then three; image 2 is easy, so it comes before 5.
    assert active(TABLE, one_stage(share=0.25), 0, 0).tolist() == [0, 3]
    assert active(TABLE, one_stage(share=0.75), 0, 0).tolist() == [0, 1, 2, 3, 4, 5]


def test_reverse_takes_the_hardest_of_each_class() -> None:
    schedule = make_schedule("anti", 3)
    assert [active(TABLE, schedule, epoch, 0).tolist() for epoch in range(3)] == [
        [4, 5, 6, 7], [1, 2, 4, 5, 6, 7], list(range(8)),
    ]  # fmt: skip


def test_the_lowest_losses_of_each_class_and_unknown_ones_last() -> None:
    losses = np.array([5, 1, np.nan, 2, 4, 3, 0.5, 9, 0])
    schedule = one_stage(share=0.5, order="loss")
    assert active(TABLE, schedule, 0, 0, losses).tolist() == [1, 3, 5, 6]
    with pytest.raises(CurriculumError, match="Hand over the losses"):
        active(TABLE, schedule, 0, 0)
    with pytest.raises(CurriculumError, match="one loss for each of the 9 images"):
        active(TABLE, schedule, 0, 0, losses[:4])


def test_random_order_is_the_same_in_all_epochs_and_another_for_another_seed() -> None:
    schedule = make_schedule("random-pacing", 20, TIERS, pacing="linear")
    big = {"tier": np.repeat(TIERS, 100), "difficulty": np.linspace(0, 1, 300),
           "target": np.zeros(300, dtype=int)}  # fmt: skip
    epochs = [set(active(big, schedule, epoch, 3).tolist()) for epoch in range(20)]
    assert all(a <= b for a, b in pairwise(epochs))
    assert epochs[0] != set(active(big, schedule, 0, 4).tolist())
    assert max(epochs[0]) > 100


def test_weights_of_balanced_classes_by_hand() -> None:
    table = {"tier": ["easy"] * 5, "difficulty": np.zeros(5), "target": [0, 0, 0, 0, 1]}
    every = lambda **changes: weights(table, Stage(0, 1, ("easy",), **changes)).tolist()  # noqa: E731
    assert every() == [1] * 5
    assert every(balance="inverse") == [1, 1, 1, 1, 4]
    assert every(balance="inverse", resample="under") == [0.25] * 4 + [1]
    assert every(balance="inverse", resample="both") == pytest.approx([0.625] * 4 + [2.5])
    # beta 0.5: E(4) = (1 - 1/16) / (1/2) = 1.875, E(1) = 1
    assert every(balance="effective", beta=0.5) == pytest.approx([1, 1, 1, 1, 1.875])
    assert every(balance="effective", beta=0.0) == [1] * 5
    assert every(balance="effective", beta=1 - 1e-9)[4] == pytest.approx(4, rel=1e-6)


def test_an_own_weight_multiplies_that_of_the_class() -> None:
    table = {"tier": ["easy"] * 3 + ["review"], "target": [0, 0, 1, 1],
             "difficulty": np.zeros(4), "weight": [1, 2, 3, 9]}  # fmt: skip
    assert weights(table, Stage(0, 1, ("easy",), balance="inverse")).tolist() == [1, 2, 6, 0]


def test_a_fractional_weight_is_drawn_its_share_of_the_epochs() -> None:
    table = {**TABLE, "weight": np.array([1, 1, 1, 2.25, 1, 1, 1, 1.5, 7])}
    schedule = one_stage()
    counts = np.zeros(9)
    for epoch in range(80):
        drawn = np.bincount(epoch_indices(table, schedule, epoch, 5), minlength=9)
        assert set(drawn.tolist()) <= {0, 1, 2, 3}
        assert drawn.sum() in (9, 10)  # 8 images, and 1.25 + 0.5 more
        counts += drawn
    assert counts[[0, 1, 2, 4, 5, 6]].tolist() == [80] * 6
    assert counts[8] == 0
    assert counts[[3, 7]] / 80 == pytest.approx([2.25, 1.5], abs=0.03)


@settings(deadline=None)
@given(
    tables(),
    st.sampled_from(sorted(PRESETS)),
    st.sampled_from(["step", "linear", "root"]),
    st.sampled_from(["none", "inverse", "effective"]),
    st.integers(0, 5),
    st.integers(0, 7),
)
def test_same_seed_same_order_and_every_active_image_is_there(
    table: dict[str, Any], preset: str, pacing: str, balance: str, seed: int, epoch: int
) -> None:
    schedule = make_schedule(preset, 8, TIERS, pacing=pacing, balance=balance)
    losses = table["difficulty"][::-1]
    rows = active(table, schedule, epoch, seed, losses)
    first = epoch_indices(table, schedule, epoch, seed, losses)
    again = epoch_indices(pd.DataFrame(table), schedule, epoch, seed, losses)
    assert first.tolist() == again.tolist()
    assert set(first.tolist()) == set(rows.tolist())
    wanted = weights(table, schedule.stage_at(epoch), rows)
    drawn = np.bincount(first, minlength=len(wanted))
    assert (np.abs(drawn - wanted) < 1 + 1e-9).all()
    assert abs(drawn.sum() - wanted.sum()) < 1 + 1e-6
    for c in np.unique(table["target"]):
        own = table["target"] == c
        assert abs(drawn[own].sum() - wanted[own].sum()) < 1 + 1e-6


@settings(deadline=None)
@given(tables(), st.sampled_from(["step", "linear", "root"]), st.integers(0, 7))
def test_the_random_control_has_as_many_images_of_each_class(
    table: dict[str, Any], pacing: str, epoch: int
) -> None:
    own = make_schedule("easy-to-hard", 8, TIERS, pacing=pacing)
    for name in ("random-pacing", "anti"):
        control = make_schedule(name, 8, TIERS, pacing=pacing)
        counts = [
            np.bincount(table["target"][active(table, one, epoch, 1)], minlength=4).tolist()
            for one in (own, control)
        ]
        assert counts[0] == counts[1]


@settings(deadline=None)
@given(tables(), st.sampled_from(["easy-to-hard", "anti", "random-pacing"]),
       st.sampled_from(["step", "linear", "root"]))  # fmt: skip
def test_what_was_in_stays_in_and_the_last_epoch_has_all(
    table: dict[str, Any], preset: str, pacing: str
) -> None:
    schedule = make_schedule(preset, 8, TIERS, pacing=pacing)
    before: set[int] = set()
    for epoch in range(8):
        now = set(active(table, schedule, epoch, 2).tolist())
        assert before <= now
        before = now
    assert before == set(range(len(table["tier"])))


@settings(deadline=None)
@given(st.lists(st.integers(0, 99), max_size=50), st.integers(1, 9))
def test_shares_are_equally_long_and_cover_the_epoch(indices: list[int], world: int) -> None:
    shares = [share_of(np.array(indices, dtype=np.int64), rank, world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    together = [one for group in zip(*shares, strict=True) for one in group]
    assert together[: len(indices)] == indices
    assert len(together) - len(indices) < world
    assert set(together) == set(indices)


def test_more_processes_than_images_each_get_one() -> None:
    assert [share_of(np.array([7, 8]), rank, 5).tolist() for rank in range(5)] == [
        [7], [8], [7], [8], [7],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="a rank from 0 to 1, found 2"):
        share_of(np.array([7]), 2, 2)


def test_orders_of_two_epochs_differ() -> None:
    schedule = make_schedule("none", 5)
    big = {"tier": ["easy"] * 50, "difficulty": np.zeros(50), "target": np.zeros(50, dtype=int)}
    assert (epoch_indices(big, schedule, 0, 0) != epoch_indices(big, schedule, 1, 0)).any()


def test_labels_do_for_targets_and_an_epoch_without_images_is_empty() -> None:
    table = pd.DataFrame({"tier": ["review"] * 2, "difficulty": [0.1, 0.2], "label": ["a", "b"]})
    assert epoch_indices(table, make_schedule("none", 5), 0, 0).tolist() == []
    table["tier"] = "hard"
    assert sorted(epoch_indices(table, one_stage(balance="inverse"), 0, 0)) == [0, 1]
