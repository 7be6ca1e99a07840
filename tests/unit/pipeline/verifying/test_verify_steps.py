from __future__ import annotations

import pandas as pd
import pytest

from curate.pipeline.verifying.steps import matched, steps_of
from curate.recipe.schedule import make_schedule
from curate.recipe.stages import Schedule, Stage

TIERS = ("easy", "medium", "hard")
TABLE = pd.DataFrame(
    {"tier": ["easy"] * 60 + ["medium"] * 30 + ["hard"] * 30, "target": [0, 1] * 60,
     "difficulty": [i / 120 for i in range(120)], "weight": 1.0}
)  # fmt: skip
"""Epochs of 60, 90 and 120 images: 6, 9 and 12 batches of 10."""


def test_steps_of_a_schedule_by_hand() -> None:
    plain = make_schedule("none", 4, TIERS)
    assert steps_of(TABLE, plain, 0, 10, 1) == 48
    assert steps_of(TABLE, plain, 0, 11, 1) == 44  # 120 images are 11 batches of up to 11
    assert steps_of(TABLE, plain, 0, 10, 5) == 12  # 12 batches are 3 steps of up to 5
    assert steps_of(TABLE, make_schedule("easy-to-hard", 6, TIERS), 0, 10, 1) == 2 * (6 + 9 + 12)


@pytest.mark.parametrize("preset", ["easy-to-hard", "random-pacing", "anti", "self-paced"])
def test_a_curriculum_gets_more_epochs_for_the_same_steps(preset: str) -> None:
    given = make_schedule(preset, 9, TIERS)
    found = matched(TABLE, given, 0, 10, 1, 9 * 12)
    assert found.epochs > 9
    assert abs(steps_of(TABLE, found, 0, 10, 1) - 108) <= 3
    assert [stage.tiers for stage in found.stages] == [stage.tiers for stage in given.stages]


def test_stages_keep_their_proportions() -> None:
    found = matched(TABLE, make_schedule("easy-to-hard", 30, TIERS), 0, 10, 1, 360)
    lengths = [stage.end_epoch - stage.start_epoch for stage in found.stages]
    assert steps_of(TABLE, found, 0, 10, 1) == 360
    assert max(lengths) - min(lengths) <= 2


def test_more_stages_than_there_is_time_for() -> None:
    stages = tuple(Stage(i, i + 1, TIERS, lr_factor=0.9) for i in range(5))
    found = matched(TABLE, Schedule("custom", 5, stages), 0, 10, 1, 24)
    assert found.epochs == 5  # each stage keeps an epoch
