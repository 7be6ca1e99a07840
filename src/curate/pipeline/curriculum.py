"""A curriculum for a run: its tiers by the choices made, its schedule, and its policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.board.policy import policy_path
from curate.errors import CurriculumError, listed
from curate.recipe.sampling import active
from curate.recipe.schedule import Schedule, controls_of, make_schedule
from curate.remedies.tiering import Tiering
from curate.remedies.tiers import USUAL
from curate.store.files import write_json
from curate.store.marked import read_marked
from curate.store.run import Run

if TYPE_CHECKING:
    from curate.recipe.policy import Policy

FORMAT = "curate.curriculum"
SCHEMA_VERSION = 1
EPOCHS = 15
PRESET = "easy-to-hard"
SKETCH_WINNER = "sketch-winner"
BY_LOSS = "lowest loss"


@dataclass(frozen=True)
class Plan:
    """All that is chosen about a curriculum; with a run and its decisions it is one.

    Attributes:
        schedule: when which tiers are trained on.
        tiering: how the tiers are cut.
        policy: the augmentation policy in any form that `curate.recipe.foreign.read_any` reads,
            a file or a name; "sketch-winner" for the one that belongs to this preset; or None.
    """

    schedule: Schedule
    tiering: Tiering = USUAL
    policy: str | None = None


def make_plan(
    run: Run,
    preset: str = PRESET,
    epochs: int = EPOCHS,
    tiering: Tiering = USUAL,
    policy: str | Path | None = None,
    with_policy: bool = True,
    **options: Any,
) -> Plan:
    """Choose a preset for a run.

    Args:
        run: a finished run.
        preset: one of `curate.recipe.schedule.PRESETS`.
        epochs: how many there are.
        tiering: how the tiers are cut.
        policy: a file or a name, see `Plan`; by default that of the preset, else the run's own
            where it has one.
        with_policy: False for no augmentation.
        **options: of `curate.recipe.schedule.make_schedule`.

    Raises:
        CurriculumError: the choices do not go together.
        PolicyError: the policy cannot be read.
    """
    named: str | None = None
    if with_policy and policy is not None:
        named = _named(str(policy), Path())
    elif with_policy and preset == SKETCH_WINNER:
        named = SKETCH_WINNER
    elif with_policy and policy_path(run).is_file():
        named = str(policy_path(run))
    found = policy_of(named, tuple(run.info["classes"]), int(run.info.get("seed", 0)), run)
    stages = len(found.stages) if found is not None else 0
    return Plan(make_schedule(preset, epochs, tiering.names, stages, **options), tiering, named)


def control_plan(plan: Plan, preset: str | None = None) -> Plan:
    """The plan that differs in nothing but the order, to compare with.

    Args:
        plan: what is to be compared.
        preset: which of its controls; the best by default.

    Raises:
        CurriculumError: it has no such control.
    """
    controls = {control.preset: control for control in controls_of(plan.schedule)}
    if preset is None and controls:
        preset = next(iter(controls))
    if preset not in controls:
        raise CurriculumError(
            f"Expected a control of {', '.join(controls) or 'nothing: it is one itself'} for the "
            f"schedule {plan.schedule.preset}, found {preset or 'none'}. "
            + ("Give one of them." if controls else "Compare with another schedule.")
        )
    return replace(plan, schedule=controls[preset])


def _named(policy: str, folder: Path) -> str:
    """A policy's file, whole and as seen from a folder, or its name where there is no such file."""
    place = folder / Path(policy).expanduser()
    return str(place.resolve()) if place.is_file() else policy


def policy_of(
    named: str | None, classes: tuple[str, ...], seed: int, run: Run | None = None
) -> Policy | None:
    """The policy that a plan names.

    Args:
        named: of `Plan`.
        classes: class names.
        seed: of the run.
        run: the policy of a preset was made for other images: classes that this run's evidence
            calls unsafe are left alone in it, see `curate.pipeline.sparing`.

    Raises:
        PolicyError: it cannot be read, or is of other classes.
    """
    if named is None:
        return None
    if named == SKETCH_WINNER:
        from curate.pipeline.sparing import spared
        from curate.recipe.sketch_winner import sketch_winner_policy

        made = sketch_winner_policy(classes, seed)
        return made if run is None else spared(made, run)
    from curate.recipe.foreign import read_any

    found = read_any(named)
    found.check_classes(classes)
    return found


def seen(table: Any, schedule: Schedule, seed: int) -> dict[str, list[int]]:
    """Per tier, how many of its images each epoch trains on.

    Where the epoch goes by the losses of the training, which nobody knows yet, they are counted
    under `BY_LOSS` instead.

    Args:
        table: columns as in `curate.recipe.sampling.active`.
        schedule: the schedule.
        seed: of the run.
    """
    tier = np.asarray(table["tier"], dtype=str)
    found = {name: [0] * schedule.epochs for name in (*schedule.tiers, BY_LOSS)}
    for stage in schedule.stages:
        by_loss = stage.order == "loss"
        losses = np.zeros(len(tier)) if by_loss else None
        rows = active(table, schedule, stage.start_epoch, seed, losses)
        for name in found:
            count = len(rows) * (name == BY_LOSS) if by_loss else int((tier[rows] == name).sum())
            for epoch in range(stage.start_epoch, stage.end_epoch):
                found[name][epoch] = count
    return found


def staged_schedule(epochs: int = EPOCHS) -> list[dict[str, Any]]:
    """The stages of the usual schedule: easy; then easy and medium; then all but review."""
    stages: list[dict[str, Any]] = make_schedule(PRESET, epochs).to_json()["stages"]
    return stages


def plan_json(plan: Plan) -> dict[str, Any]:
    """What `write_plan` writes."""
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        **plan.schedule.to_json(),
        "tiering": plan.tiering.to_json(),
        "policy": plan.policy,
    }


def check_plan_target(path: Path) -> None:
    """Refuse to write over a folder, or over a file that is no curriculum's.

    Raises:
        CurriculumError: naming what is there.
    """
    place = path.expanduser().resolve()
    if place.is_dir():
        raise CurriculumError(f"Expected a file for --to, found the folder {place}. Name a file.")
    if place.is_file():
        try:
            found = json.loads(place.read_text("utf-8"))
        except ValueError:
            found = None
        if not isinstance(found, Mapping) or found.get("format") != FORMAT:
            raise CurriculumError(
                f"Expected a new file or an earlier curriculum for --to, found another file at "
                f"{place}. It is not replaced: choose another name."
            )


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan for `read_plan`; the file is replaced whole."""
    write_json(path, plan_json(plan))


def read_plan(path: str | Path) -> Plan:
    """Read a plan, and check that its schedule trains on the tiers that it has.

    Args:
        path: a file that `write_plan` or a person wrote; `tiering` and `policy` may be left out.

    Raises:
        CurriculumError: it is missing, no plan, or contradicts itself.
    """
    place = Path(path).expanduser().resolve()
    if not place.is_file():
        raise CurriculumError(
            f"Expected a curriculum's file at {place}, found "
            f"{'a folder' if place.is_dir() else 'nothing'}. Write one: "
            "`curate curriculum RUN --to FILE`."
        )
    found = read_marked(
        place, FORMAT, SCHEMA_VERSION, "a curriculum", CurriculumError,
        "Correct it, or write it again: `curate curriculum RUN --to FILE`.",
    )  # fmt: skip
    policy = found.get("policy")
    if policy is not None and not isinstance(policy, str):
        raise CurriculumError(
            f"Expected the policy of {place} to be a file's name or null, found {policy!r}. "
            "Correct it."
        )
    if policy is not None and policy != SKETCH_WINNER:
        policy = _named(policy, place.parent)
    other = ("format", "schema_version", "tiering", "policy")
    tiering = Tiering.from_json(found.get("tiering", {}))
    given = {key: value for key, value in found.items() if key not in other}
    schedule = Schedule.from_json(given, str(place))
    strange = [tier for tier in schedule.tiers if tier not in tiering.names]
    if strange:
        raise CurriculumError(
            f"Expected stages of the tiers {', '.join(tiering.names)} in {place}, found "
            f"{listed(strange)}. Correct the stages, or the tiering."
        )
    return Plan(schedule, tiering, policy)


def check_policy(plan: Plan, policy: Policy | None) -> None:
    """Refuse a schedule that names a stage which the policy has not.

    Raises:
        CurriculumError: naming both.
    """
    wanted = [one.policy_stage for one in plan.schedule.stages if one.policy_stage is not None]
    has = len(policy.stages) if policy is not None else 0
    if wanted and max(wanted) >= has:
        raise CurriculumError(
            f"Expected a policy with the stage {max(wanted)} that the schedule names, found "
            f"{f'{has} stages, counted from 0' if has else 'no policy'}. Choose another policy, or "
            "make the schedule again."
        )
