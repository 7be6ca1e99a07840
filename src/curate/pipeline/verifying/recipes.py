"""The arms of a verification as trainings: which images, schedule and policy each has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from curate.comparison.arms import BASELINE, BOTH, CONTROL, CURRICULUM, DATA, POLICY
from curate.errors import ComparisonError, listed
from curate.pipeline.train_curriculum import listed_images
from curate.pipeline.verifying.asked import SOURCE, Asked
from curate.recipe.curriculum import ABOUT, COLUMNS, FORMAT, SCHEMA_VERSION, Curriculum
from curate.recipe.schedule import controls_of, make_schedule
from curate.recipe.stages import Schedule
from curate.store.files import write_json

if TYPE_CHECKING:
    from curate.recipe.policy import Policy

SUMMARIES = {
    (BASELINE, False): "no policy, no curriculum",
    (BASELINE, True): "all of train with the source's labels",
    (DATA, False): "the export's images and labels alone",
    (POLICY, False): "the policy's last stage in all epochs",
    (CURRICULUM, False): "the export's schedule, no policy",
    (BOTH, False): "the export's schedule and policy",
    (CONTROL, False): "the pacing of the schedule, in random order",
}


@dataclass(frozen=True)
class Recipe:
    """One arm.

    Attributes:
        name: as in `curate.comparison.arms`.
        schedule: who is trained on when.
        policy: of augmentation, or None.
        from_source: trains on what the source has, not on the export's list.
    """

    name: str
    schedule: Schedule
    policy: Policy | None = None
    from_source: bool = False

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        return SUMMARIES[self.name, self.from_source]


def recipes_of(found: Curriculum, asked: Asked) -> list[Recipe]:
    """The arms that an export allows, of those asked for; the baseline first.

    Raises:
        ComparisonError: the export has nothing to verify, or not what was asked for.
    """
    epochs = found.schedule.epochs
    policy = _policy_of(found)
    has = found.schedule.tiers
    tiers = (*has, *(name for name in dict.fromkeys(found.table["tier"]) if name not in has))
    plain = make_schedule("none", epochs, tiers)
    staged = _without_policy(found.schedule)
    controls = {one.preset: one for one in controls_of(staged)}
    source = asked.baseline == SOURCE
    every = [Recipe(BASELINE, plain, from_source=source)]
    if source:
        every.append(Recipe(DATA, plain))
    if policy is not None:
        every.append(
            Recipe(POLICY, make_schedule("none", epochs, tiers, len(policy.stages)), policy)
        )
    if controls:
        every.append(Recipe(CURRICULUM, staged))
    if controls and policy is not None:
        every.append(Recipe(BOTH, _with_policy(found.schedule, len(policy.stages)), policy))
    if "random-pacing" in controls:
        every.append(Recipe(CONTROL, controls["random-pacing"]))
    there = [one.name for one in every]
    if missing := [name for name in asked.arms if name not in there]:
        raise ComparisonError(
            f"Expected an export with all that the arms {listed(asked.arms)} need, found none for "
            f"{listed(missing)}. {_why(missing[0], found)}"
        )
    # Beside the source's images, an arm with the policy would tell of both at once.
    wanted = asked.arms or ((DATA,) if source else there)
    chosen = [one for one in every if one.name in (BASELINE, *wanted)]
    if len(chosen) < 2:
        raise ComparisonError(
            "Expected an export with a policy or a curriculum to verify, found one with neither. "
            "Recommend a policy with `curate policy RUN`, export with another --preset than none, "
            "or ask with --baseline source whether the decisions on images and labels helped."
        )
    return chosen


def source_list(images: pd.DataFrame, classes: Sequence[str], tier: str) -> pd.DataFrame:
    """The list of training images as the source has it: nothing dropped, relabelled or turned.

    Args:
        images: an export's images.parquet.
        classes: images of others, which the export has no more, are left out.
        tier: that all are given.
    """
    own = images[(images["split"] == "train") & images["source_label"].isin(list(classes))]
    own = own[[Path(path).is_file() for path in own["filepath"]]]
    numbers = {name: i for i, name in enumerate(classes)}
    return pd.DataFrame(
        {
            "sample_id": own["sample_id"], "filepath": own["filepath"],
            "label": own["source_label"], "target": own["source_label"].map(numbers),
            "tier": tier, "difficulty": "", "weight": 1.0, "turn": "",
            "group": "", "content_digest": own["content_digest"], "reason": "",
        }
    ).reset_index(drop=True)  # fmt: skip


def write_recipe(
    found: Curriculum, recipe: Recipe, folder: Path, source: pd.DataFrame | None
) -> None:
    """Write what the trainings of an arm follow: without val and test, which they never see.

    Args:
        found: the export.
        recipe: the arm.
        folder: to write.
        source: of `source_list`, for an arm on the source's images.
    """
    folder.mkdir(parents=True)
    train = listed_images(found.folder, "train")
    if recipe.from_source:
        assert source is not None
        train = source
    train.to_csv(folder / "train.csv", index=False)
    for split in ("val", "test"):
        pd.DataFrame(columns=list(COLUMNS)).to_csv(folder / f"{split}.csv", index=False)
    if recipe.policy is not None:
        from curate.recipe.policy import write_policy

        write_policy(recipe.policy, folder / "policy.json")
    write_json(folder / ABOUT, {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "seed": found.seed,
        "classes": list(found.classes),
        **recipe.schedule.to_json(),
        "policy": None if recipe.policy is None else "policy.json",
    })  # fmt: skip


def labelled(found: Curriculum, split: str) -> pd.DataFrame:
    """The images that judge.

    Raises:
        ComparisonError: there are none.
    """
    rows = found.split(split)
    rows = rows[rows["target"] >= 0].reset_index(drop=True)
    if not len(rows):
        cure = "Analyse again with --val-fraction, and export." if split == "val" else (
            "Leave --final out, or label some."
        )  # fmt: skip
        raise ComparisonError(
            f"Expected labelled images of {split} to judge by in {found.folder}, found none. {cure}"
        )
    return rows


def _policy_of(found: Curriculum) -> Policy | None:
    """The policy, if it does anything."""
    return found.policy if found.policy is not None and any(found.policy.stages) else None


def _without_policy(schedule: Schedule) -> Schedule:
    stages = tuple(replace(stage, policy_stage=None) for stage in schedule.stages)
    return replace(schedule, stages=stages)


def _with_policy(schedule: Schedule, steps: int) -> Schedule:
    """The schedule with its stages of augmentation; where it names none, the last throughout."""
    if any(stage.policy_stage is not None for stage in schedule.stages):
        return schedule
    stages = tuple(replace(stage, policy_stage=steps - 1) for stage in schedule.stages)
    return replace(schedule, stages=stages)


def _why(name: str, found: Curriculum) -> str:
    if name == DATA:
        return "It goes with --baseline source; the baseline none is that arm itself."
    if name in (POLICY, BOTH) and _policy_of(found) is None:
        return "The export has no augmentation policy, or an empty one: give one with --policy."
    if name == CONTROL and found.schedule.preset != "none":
        return "Its schedule leaves no image out of any stage, so there is no order to control for."
    return "The export has no curriculum: give one with --curriculum."
