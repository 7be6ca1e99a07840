"""What a training follows: a copy of an export's lists, with the schedule and policy asked for."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from curate.data.source import Source
from curate.errors import CurriculumError, TrainingError, listed
from curate.pipeline.curriculum import (
    EPOCHS,
    SKETCH_WINNER,
    Plan,
    check_policy,
    read_plan,
)
from curate.pipeline.export import POLICY, export
from curate.pipeline.train_data import check_preset, write_plain
from curate.progress import Progress, log
from curate.recipe.curriculum import ABOUT, FORMAT, SCHEMA_VERSION, Curriculum, read_curriculum
from curate.recipe.schedule import PRESETS, Schedule, make_schedule
from curate.remedies.tiering import REVIEW, Tiering
from curate.store.files import write_json
from curate.store.run import Run

if TYPE_CHECKING:
    from curate.recipe.policy import Policy

LISTS = ("train", "val", "test", f"train_{REVIEW}")
"""Of an export: all images that a person has not left out."""

FOLDS = "folds"
"""Folder of an export's lists for cross-validation, where it has them."""

KEPT = (
    "curate", "run", "run_digest", "model", "settings", "seed", "classes", "tiering",
    "images_digest",
)  # fmt: skip
"""What is still true of the copy."""


@dataclass(frozen=True)
class Asked:
    """What a person said beside how to train.

    Attributes:
        curriculum: a file of `curate curriculum --to`, or the name of a preset; None for the
            export's own.
        policy: an augmentation policy in any form that `curate.recipe.foreign.read_any` reads;
            None for that of the curriculum.
        with_policy: False for no augmentation.
        epochs: None for as many as the curriculum has.
        folds: to hold out one after the other; None for a single training.
        vote: how the folds' models predict together: "soft", the mean of their probabilities, or
            "hard", their shares of votes.
    """

    curriculum: str | None = None
    policy: str | None = None
    with_policy: bool = True
    epochs: int | None = None
    folds: int | None = None
    vote: str = "soft"

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            TrainingError: a policy is given and refused, or there is one fold.
        """
        if self.folds is not None and self.folds < 2:
            raise TrainingError(f"Expected --folds of at least 2, found {self.folds}.")
        if self.policy is not None and not self.with_policy:
            raise TrainingError("Expected --policy or --no-policy, found both. Give one of them.")

    @property
    def preset(self) -> str | None:
        """The name of a preset, where that is what was given."""
        return self.curriculum if self.curriculum in PRESETS else None

    def plan(self) -> Plan | None:
        """The plan in the file, where that is what was given.

        Raises:
            CurriculumError: it is neither a plan nor the name of a preset.
        """
        if self.curriculum is None or self.preset is not None:
            return None
        if not Path(self.curriculum).expanduser().is_file():
            raise CurriculumError(
                f"Expected a file of `curate curriculum RUN --to FILE` or a preset of "
                f"{', '.join(PRESETS)} for --curriculum, found {self.curriculum!r}. Give one."
            )
        found = read_plan(self.curriculum)
        if self.epochs is not None:
            found = replace(found, schedule=stretched(found.schedule, self.epochs))
        return found


def prepare(
    source: Path | Source, folder: Path, asked: Asked, progress: Progress, seed: int = 0,
    given: pd.DataFrame | None = None,
) -> None:  # fmt: skip
    """Write what a training follows into a new folder.

    Args:
        source: an export, which is copied; a run, which is exported with the decisions saved in
            it; or images, which are taken as they lie.
        folder: to write.
        asked: the choices.
        progress: for the bars.
        seed: where the source is images, of what is drawn.
        given: likewise, a table of them in memory, as for `curate.data.catalog.scan`.

    Raises:
        TrainingError: images are gone, or a curriculum was asked for that goes by an analysis.
        DataError: the source is neither an export nor a run, and no images that can be used.
        CurriculumError: the choices do not go together, or not with the export.
        PolicyError: the policy cannot be read.
    """
    if isinstance(source, Source):
        check_preset(asked.curriculum)
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            write_plain(source, given, Path(aside), seed, progress)
            _copied(read_curriculum(aside), folder, asked)
    elif (source / ABOUT).is_file():
        _copied(read_curriculum(source), folder, asked)
    else:
        _exported(Run(source), folder, asked, progress)
    images = images_of(folder)
    gone = [path for path in images if not Path(path).is_file()]
    if gone:
        raise TrainingError(
            f"Expected {len(images)} images where they were analysed, found {len(gone)} gone: "
            f"{listed(gone)}. Point the run to where they are now: `curate analyze DATA --run "
            "RUN`, and export again."
        )


def images_of(folder: Path) -> list[str]:
    """The paths of all images in the lists."""
    return [path for name in LISTS for path in listed_images(folder, name)["filepath"]]


def listed_images(folder: Path, name: str) -> pd.DataFrame:
    """One of `LISTS`, all as text; without rows where there is none."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        return pd.DataFrame({"filepath": [], "label": [], "group": []}, dtype=str)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table if "group" in table else table.assign(group="")


def stretched(schedule: Schedule, epochs: int) -> Schedule:
    """The same stages over another number of epochs, each with its part of them.

    Raises:
        CurriculumError: there are more stages than epochs.
    """
    n = len(schedule.stages)
    if epochs < n:
        raise CurriculumError(
            f"Expected at least {n} epochs, one for each stage of the schedule, found {epochs}. "
            "Give more --epochs, or another --curriculum."
        )
    starts = [0]
    for i, stage in enumerate(schedule.stages[1:], start=1):
        wanted = round(stage.start_epoch * epochs / schedule.epochs)
        starts.append(min(max(wanted, starts[-1] + 1), epochs - n + i))
    ends = [*starts[1:], epochs]
    stages = tuple(
        replace(stage, start_epoch=start, end_epoch=end)
        for stage, start, end in zip(schedule.stages, starts, ends, strict=True)
    )
    return Schedule(schedule.preset, epochs, stages)


def _exported(run: Run, folder: Path, asked: Asked, progress: Progress) -> None:
    choices: dict[str, Any] = {} if asked.preset is None else {"preset": asked.preset}
    export(
        run, folder, epochs=asked.epochs or EPOCHS, plan=asked.plan(), policy=asked.policy,
        with_policy=asked.with_policy, folds=asked.folds, progress=progress, **choices,
    )  # fmt: skip


def _copied(found: Curriculum, folder: Path, asked: Asked) -> None:
    schedule, policy = _chosen(found, asked)
    folder.mkdir(parents=True)
    for name in LISTS[1:]:
        if (found.folder / f"{name}.csv").is_file():
            shutil.copyfile(found.folder / f"{name}.csv", folder / f"{name}.csv")
    if asked.folds is not None and (found.folder / FOLDS).is_dir():
        shutil.copytree(found.folder / FOLDS, folder / FOLDS)
    train = listed_images(found.folder, "train")
    train[train["sample_id"].isin(found.table["sample_id"])].to_csv(
        folder / "train.csv", index=False
    )
    if policy is not None:
        from curate.recipe.policy import write_policy

        write_policy(policy, folder / f"{POLICY}.json")
    write_json(folder / ABOUT, {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        **{key: found.about[key] for key in KEPT if key in found.about},
        **schedule.to_json(),
        "policy": None if policy is None else f"{POLICY}.json",
    })  # fmt: skip
    read_curriculum(folder)  # a stage may be without images now


def _chosen(found: Curriculum, asked: Asked) -> tuple[Schedule, Policy | None]:
    """The schedule and the policy that were asked for, of an export's tiers."""
    tiering = Tiering.from_json(found.about["tiering"]) if "tiering" in found.about else None
    plan = asked.plan()
    if plan is not None and tiering is not None and plan.tiering != tiering:
        raise CurriculumError(
            f"Expected a curriculum for the export's tiers ({tiering.described()}), found one for "
            f"{plan.tiering.described()}. Give the run in place of the export, or export again "
            "with --curriculum."
        )
    named = plan.policy if plan is not None else None
    if asked.preset == SKETCH_WINNER:
        named = SKETCH_WINNER
    policy: Policy | None = found.policy if plan is None else None
    if not asked.with_policy:
        policy = None
    elif asked.policy is not None or named is not None:
        policy = _policy(asked.policy or str(named), found)
    schedule = found.schedule if plan is None else plan.schedule
    steps = 0 if policy is None else len(policy.stages)
    if asked.preset is not None:
        tiers = found.schedule.tiers if tiering is None else tiering.names
        schedule = make_schedule(asked.preset, asked.epochs or schedule.epochs, tiers, steps)
    else:
        schedule = stretched(schedule, asked.epochs or schedule.epochs)
        if asked.policy is not None or not asked.with_policy:
            schedule = _with_steps(schedule, steps)
    check_policy(Plan(schedule), policy)
    return schedule, policy


def _policy(named: str, found: Curriculum) -> Policy:
    """The policy of a name, for an export."""
    if named == SKETCH_WINNER:
        from curate.recipe.sketch_winner import sketch_winner_policy

        log.warning(
            "the policy of %s is taken for every class: which it is safe for, only a run can tell; "
            "train from the run in place of the export", named,
        )  # fmt: skip
        return sketch_winner_policy(found.classes, found.seed)
    from curate.recipe.foreign import read_any

    policy = read_any(str(Path(named).expanduser()))
    policy.check_classes(found.classes)
    return policy


def _with_steps(schedule: Schedule, steps: int) -> Schedule:
    """The schedule with the stages of another policy spread over its own."""
    n = len(schedule.stages)
    stages = tuple(
        # Without stages of its own it takes the last one throughout, as a preset does.
        replace(stage, policy_stage=(i * steps // n if n > 1 else steps - 1) if steps else None)
        for i, stage in enumerate(schedule.stages)
    )
    return replace(schedule, stages=stages)
