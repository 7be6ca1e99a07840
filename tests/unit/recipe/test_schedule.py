"""Presets by hand, and what every schedule has to keep."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CurriculumError
from curate.recipe.pacing import PACINGS, linear, root
from curate.recipe.schedule import PRESETS, Schedule, Stage, controls_of, make_schedule
from curate.recipe.sketch_winner import sketch_winner_policy

TIERS = ("easy", "medium", "hard")
preset = st.sampled_from(sorted(PRESETS))
pacing = st.sampled_from(["step", "linear", "root"])


def spans(schedule: Schedule) -> list[tuple[Any, ...]]:
    return [(s.start_epoch, s.end_epoch, s.policy_stage, s.lr_factor) for s in schedule.stages]


def test_linear_and_root_by_hand() -> None:
    assert [linear(t, 0.2, 0.8) for t in (0, 0.4, 0.8, 1)] == pytest.approx([0.2, 0.6, 1, 1])
    # sqrt(0.04 + 0.96 / 2) = sqrt(0.52)
    assert [root(t, 0.2, 0.8) for t in (0, 0.4, 0.8, 1)] == pytest.approx(
        [0.2, math.sqrt(0.52), 1, 1]
    )
    assert linear(0, 0.2, 0) == root(0, 0.2, 0) == 1


@settings(deadline=None)
@given(st.sampled_from(sorted(PACINGS)), st.floats(0.01, 1), st.floats(0, 1), st.data())
def test_a_pacing_never_falls_and_ends_at_all(name: str, start: float, full: float, data) -> None:
    parts = sorted(data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=10)))
    shares = [PACINGS[name](part, start, full) for part in parts]
    assert all(a <= b + 1e-12 for a, b in pairwise(shares))
    assert PACINGS[name](1.0, start, full) == 1
    assert all(start - 1e-12 <= share <= 1 for share in shares)


def test_the_usual_schedule_is_one_tier_after_the_other() -> None:
    schedule = make_schedule("easy-to-hard", 15, policy_stages=3)
    assert [stage.tiers for stage in schedule.stages] == [TIERS[:1], TIERS[:2], TIERS]
    assert spans(schedule) == [(0, 5, 0, 1.0), (5, 10, 1, 1.0), (10, 15, 2, 1.0)]
    assert {stage.share for stage in schedule.stages} == {1.0}


def test_the_sketch_winners_boundaries_and_rates() -> None:
    schedule = make_schedule("sketch-winner", 20, policy_stages=3)
    assert spans(schedule) == [(0, 5, 0, 1.0), (5, 10, 1, 0.1), (10, 20, 2, 0.1)]
    assert {stage.tiers for stage in schedule.stages} == {TIERS}
    assert [schedule.lr_scale(epoch) for epoch in (0, 4, 5, 10, 19)] == pytest.approx(
        [1, 1, 0.1, 0.01, 0.01]
    )
    twice = make_schedule("sketch-winner", 40, policy_stages=3, lr_factor=0.5)
    assert spans(twice) == [(0, 10, 0, 1.0), (10, 20, 1, 0.5), (20, 40, 2, 0.5)]


def test_the_sketch_winners_policy_is_what_is_known_of_it() -> None:
    policy = sketch_winner_policy(("cat", "dog"), 7)
    names = [[step.transform for step in steps] for steps in policy.stages]
    turned = ["horizontal_flip", "vertical_flip", "rotate"]
    distorted = ["albumentations:ElasticTransform", "albumentations:GridDistortion"]
    assert names == [[], turned, [*turned, *distorted]]
    assert {step.probability for steps in policy.stages for step in steps} == {0.5}
    assert [steps[2].magnitude for steps in policy.stages[1:]] == [(0, 10), (0, 15)]
    assert [dict(step.params) for step in policy.stages[2][3:]] == [
        {"alpha": 30, "sigma": 4}, {"num_steps": 4, "distort_limit": 0.2},
    ]  # fmt: skip
    assert policy.seed == 7


def test_linear_pacing_by_hand() -> None:
    schedule = make_schedule("easy-to-hard", 6, pacing="linear", start=0.5, full_at=0.8)
    # t = 0, 1/5, ... 1; 0.5 + 0.5 t / 0.8
    assert [stage.share for stage in schedule.stages] == [0.5, 0.625, 0.75, 0.875, 1.0]
    assert schedule.stages[-1].start_epoch == 4
    assert schedule.stages[-1].end_epoch == 6


def test_self_paced_begins_with_all_and_goes_by_loss_from_half_on() -> None:
    schedule = make_schedule("self-paced", 20)
    first, second, *_, last = schedule.stages
    assert (first.start_epoch, first.end_epoch, first.share, first.order) == (
        0, 2, 1.0, "difficulty",
    )  # fmt: skip
    assert (second.share, second.order) == (0.5, "loss")
    assert (last.share, last.order) == (1.0, "loss")


@settings(deadline=None)
@given(preset, pacing, st.integers(4, 60), st.integers(0, 5), st.integers(1, 4))
def test_every_schedule_covers_its_epochs_and_comes_back_from_json(
    name: str, pace: str, epochs: int, policy_stages: int, n_tiers: int
) -> None:
    tiers = tuple(f"tier{i}" for i in range(n_tiers))
    schedule = make_schedule(name, epochs, tiers, policy_stages, pacing=pace)
    for epoch in range(epochs):
        stage = schedule.stage_at(epoch)
        assert stage.start_epoch <= epoch < stage.end_epoch
    last = schedule.stages[-1]
    assert (last.tiers, last.share) == (tiers, 1.0)
    stages = [stage.policy_stage for stage in schedule.stages]
    assert stages == ([None] * len(stages) if not policy_stages else sorted(stages, key=int))
    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule
    with pytest.raises(CurriculumError, match=f"found {epochs}"):
        schedule.stage_at(epochs)


@settings(deadline=None)
@given(preset, pacing, st.integers(4, 40))
def test_a_control_differs_in_nothing_but_the_order(name: str, pace: str, epochs: int) -> None:
    schedule = make_schedule(name, epochs, TIERS, 3, pacing=pace, balance="inverse")
    controls = controls_of(schedule)
    names = [control.preset for control in controls]
    wanted = {"none": [], "sketch-winner": ["none"], "random-pacing": ["none"]}
    assert names == wanted.get(name, ["random-pacing", "none"])
    for control in controls:
        for epoch in range(epochs):
            own, theirs = schedule.stage_at(epoch), control.stage_at(epoch)
            assert control.lr_scale(epoch) == pytest.approx(schedule.lr_scale(epoch))
            assert own.balance == theirs.balance
            if control.preset == "random-pacing":
                assert (theirs.tiers, theirs.share, theirs.order, theirs.policy_stage) == (
                    own.tiers, own.share, "random", own.policy_stage,
                )  # fmt: skip
            else:
                assert (theirs.tiers, theirs.share, theirs.policy_stage) == (TIERS, 1.0, 2)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tiers": ()}, "Expected tiers, each once in stage of epochs 0 to 3, found none"),
        ({"tiers": ("a", "a")}, "tiers, each once"),
        ({"end_epoch": 0}, "an end_epoch after the start_epoch"),
        ({"start_epoch": -1}, "whole epochs from 0"),
        ({"start_epoch": 1.5}, "whole epochs from 0"),
        ({"policy_stage": -1}, "a policy_stage from 0, or null"),
        ({"balance": "even"}, "balance none, inverse or effective .* found 'even'"),
        ({"order": "alphabet"}, "order difficulty, random, reverse or loss"),
        ({"resample": "more"}, "resample over, under or both"),
        ({"lr_factor": 0}, "an lr_factor above 0"),
        ({"lr_factor": math.nan}, "an lr_factor above 0"),
        ({"share": 0}, "a share above 0 and up to 1"),
        ({"share": True}, "a share above 0 and up to 1"),
        ({"beta": 1.0}, "a beta from 0 to below 1"),
    ],
)
def test_an_impossible_stage_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(CurriculumError, match=match):
        Stage(**{"start_epoch": 0, "end_epoch": 3, "tiers": ("easy",), **changes})


@pytest.mark.parametrize(
    ("found", "match"),
    [
        ([], r"Expected an object in the schedule, found \[\]"),
        ({"epochs": 3}, "found none called 'stages'"),
        ({"epochs": 3, "stages": 3}, "a list of stages"),
        ({"epochs": 3, "stages": []}, "at least one epoch and one stage"),
        ({"epochs": 3, "stages": [{"start_epoch": 0}]}, "stage 0 of the schedule"),
        ({"epochs": 3, "stages": [], "speed": 1}, "no other keys .* found 'speed'"),
        (
            {"epochs": 3, "stages": [{"start_epoch": 0, "end_epoch": 3, "tiers": "easy"}]},
            "a list of tiers' names",
        ),
        (
            {"epochs": 3, "stages": [{"start_epoch": 1, "end_epoch": 3, "tiers": ["easy"]}]},
            "follow each other from epoch 0 to 3, found 1 to 3",
        ),
        (
            {"epochs": 4, "stages": [{"start_epoch": 0, "end_epoch": 3, "tiers": ["easy"]}]},
            "follow each other from epoch 0 to 4, found 0 to 3",
        ),
    ],
)
def test_a_schedule_by_hand_is_read_strictly(found: Any, match: str) -> None:
    with pytest.raises(CurriculumError, match=match):
        Schedule.from_json(found)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (("hard-to-easy", 10), "Expected a preset of easy-to-hard, .* found 'hard-to-easy'"),
        (("sketch-winner", 3), "at least 4 epochs for sketch-winner"),
        (("easy-to-hard", 2), "at least 3 epochs for easy-to-hard, one for each"),
        (("self-paced", 1), "at least 2 epochs"),
        (("none", 0), "at least one epoch"),
    ],
)
def test_a_preset_that_cannot_be_is_refused(call: tuple[Any, ...], match: str) -> None:
    with pytest.raises(CurriculumError, match=match):
        make_schedule(*call)


@pytest.mark.parametrize(
    ("options", "match"),
    [({"pacing": "log"}, "a pacing of linear, root, step"), ({"start": 0.0}, "a start above 0"),
     ({"full_at": 2.0}, "full_at from 0 to 1"), ({"beta": 1.0}, "a beta")],
)  # fmt: skip
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(CurriculumError, match=match):
        make_schedule("easy-to-hard", 10, **options)
