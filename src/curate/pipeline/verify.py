"""Did it help? Every part of an export trained with and without, several times, and judged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from curate.comparison.arms import BASELINE
from curate.errors import ComparisonError, InputError
from curate.pipeline.exporting.exported import read_export
from curate.pipeline.places import check_apart, check_holds_none
from curate.pipeline.train_curriculum import Asked as Followed
from curate.pipeline.train_curriculum import images_of, prepare
from curate.pipeline.verifying.asked import (
    ARGS,
    EXPORT,
    SETUP,
    SOURCE,
    Asked,
    read_args,
    write_args,
)
from curate.pipeline.verifying.recipes import (
    Recipe,
    labelled,
    recipes_of,
    source_list,
    write_recipe,
)
from curate.pipeline.verifying.result import JSON, parts_json
from curate.pipeline.verifying.slices import run_of, slices_of
from curate.pipeline.verifying.steps import matched, steps_of
from curate.progress import Progress, silent
from curate.recipe.curriculum import Curriculum, read_curriculum
from curate.store.files import placed, write_json

if TYPE_CHECKING:
    from curate.training.options import Options


@dataclass(frozen=True)
class Verified:
    """A verification.

    Attributes:
        to: its directory.
        report: what ``verify.json`` holds.
    """

    to: Path
    report: dict[str, Any]


def verify(
    source: str | Path,
    to: str | Path | None = None,
    options: Options | None = None,
    *,
    asked: Asked | None = None,
    curriculum: str | None = None,
    policy: str | None = None,
    final: bool = False,
    progress: Progress = silent,
) -> Verified:
    """Train every arm with the same seeds and steps, and judge: the form of ``curate verify``.

    Args:
        source: an export of `curate export`, or a run, of which one is made.
        to: a new directory; by default ``NAME-verify`` beside the source, with a number where there
            is one already.
        options: how to train; seed and learning rate are those to begin with.
        asked: the experiment.
        curriculum: a file of ``curate curriculum --to``, or a preset, in place of the export's own.
        policy: an augmentation policy in any form that ``curate policy`` reads, likewise.
        final: judge on test too, which can be done once.
        progress: for the bars.

    Raises:
        InputError: the source, a choice, the model or the directory cannot be used; where no
            training was finished, nothing is left of the directory.
    """
    from curate.training.options import Options

    options, asked = options or Options(), asked or Asked()
    place = Path(source).expanduser().resolve()
    target = _new_target(place) if to is None else _checked_target(Path(to), place)
    with placed(target) as aside:
        followed = Followed(curriculum, policy, epochs=options.epochs)
        prepare(place, aside / EXPORT, followed, progress)
        found = read_curriculum(aside / EXPORT)
        check_holds_none(target, "--to", ComparisonError, images_of(aside / EXPORT))
        run = run_of(found, place, asked.run)
        own = None if policy is None or not Path(policy).is_file() else _absolute(policy)
        asked = replace(asked, run=None if run is None else str(run.path), policy=own)
        _set_up(aside, found, place, asked, options)
        options = replace(
            options, weights=_absolute(options.weights), checkpoint=_absolute(options.checkpoint)
        )
        write_args(aside / ARGS, place, asked, options)
    with _gone_without_a_fit(target):
        return _carry_out(target, final, progress)


def resume(
    to: str | Path,
    *,
    seeds: int | None = None,
    budget: float | None = None,
    final: bool = False,
    progress: Progress = silent,
) -> Verified:
    """Go on with a verification that was broken off, or add to it; what is trained stays.

    Args:
        to: its directory.
        seeds: in place of those asked for.
        budget: likewise, for all trainings together, those that are done among them.
        final: judge on test too.
        progress: for the bars.

    Raises:
        ComparisonError: there is no verification.
        InputError: as of `verify`.
    """
    from curate.pipeline.verifying.fits import RECORD

    target = Path(to).expanduser().resolve()
    source, asked, options = read_args(target)
    more = asked.with_more(seeds, budget)
    if more != asked:
        write_args(target / ARGS, Path(source), more, options)
    gone = [path for path in images_of(target / EXPORT) if not Path(path).is_file()]
    if gone:
        raise ComparisonError(
            f"Expected the images of the verification where they were, found {len(gone)} gone, "
            f"such as {gone[0]}. Put them back; {len(list(target.rglob(RECORD)))} trainings are "
            "kept."
        )
    return _carry_out(target, final, progress)


def _carry_out(target: Path, final: bool, progress: Progress) -> Verified:
    from curate.pipeline.verifying.carrying_out import carry_out

    return Verified(target, carry_out(target, final, progress))


def _set_up(home: Path, found: Curriculum, place: Path, asked: Asked, options: Options) -> None:
    """Write what every arm follows, and what is judged apart."""
    from curate.pipeline.verifying.experiment import ARMS

    val = labelled(found, "val")
    recipes = recipes_of(found, asked)
    listed = None
    if asked.baseline == SOURCE:
        exported = home / EXPORT if (place / "run.json").is_file() else place
        images = read_export(exported).images
        listed = source_list(images, found.classes, recipes[0].schedule.tiers[0])
    slices = slices_of(found, val, asked.slices, run_of(found, place, asked.run))
    arms: dict[str, dict[str, Any]] = {}
    notes, steps = list(slices.notes), 0
    for recipe in recipes:
        table = listed if recipe.from_source and listed is not None else found.table
        recipe, own = _with_steps(table, recipe, found.seed, options, steps)
        steps = steps or own
        write_recipe(found, recipe, home / ARMS / recipe.name, listed)
        arms[recipe.name] = {
            "what": recipe.summary, "train_images": len(table),
            "epochs": recipe.schedule.epochs, "steps": own,
        }  # fmt: skip
    off = max(abs(one["steps"] - steps) for one in arms.values())
    if off > _OFF * steps:
        notes.append(
            f"the arms differ by up to {off} of {steps} optimiser steps, since epochs are whole: "
            "more --epochs or a smaller --batch-size bring them closer"
        )
    write_json(home / SETUP, {"arms": arms, "parts": parts_json(slices.parts), "notes": notes})


_OFF = 0.02
"""Share of the steps by which arms may differ without a word."""


def _with_steps(
    table: pd.DataFrame, recipe: Recipe, seed: int, options: Options, steps: int
) -> tuple[Recipe, int]:
    """The arm with as many epochs as come to the steps of the baseline, which is the first."""
    settings = options.batch_size, options.grad_accum_steps
    schedule = recipe.schedule
    if recipe.name != BASELINE:
        schedule = matched(table, schedule, seed, *settings, steps)
    return replace(recipe, schedule=schedule), steps_of(table, schedule, seed, *settings)


def _absolute(path: str | None) -> str | None:
    """A file as seen from anywhere."""
    return None if path is None else str(Path(path).expanduser().resolve())


def _new_target(place: Path) -> Path:
    """A directory that is not there yet, unless the last one was broken off."""
    base = place.with_name(f"{place.name}-verify")
    number, target, last = 1, base, None
    while target.exists():
        number, last = number + 1, target
        target = base.with_name(f"{base.name}-{number}")
    if last is not None and (last / ARGS).is_file() and not (last / JSON).is_file():
        raise _broken_off(last)
    return target


def _checked_target(to: Path, place: Path) -> Path:
    """The absolute directory, if a verification can be written there."""
    target = to.expanduser().resolve()
    check_apart(target, "--to", ComparisonError, place, "what is verified")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not target.is_dir():
        raise ComparisonError(f"Expected a directory for --to, found the file {target}.")
    if (target / ARGS).is_file():
        raise _broken_off(target)
    raise ComparisonError(
        f"Expected a new directory for --to, found {target} with files in it. Choose another."
    )


def _broken_off(target: Path) -> ComparisonError:
    what = "finished" if (target / JSON).is_file() else "broken off"
    return ComparisonError(
        f"Expected a new directory for --to, found {target} with a verification that is {what}. "
        f"Go on with it: `curate verify --resume {target}`; or choose another."
    )


@contextmanager
def _gone_without_a_fit(target: Path) -> Iterator[None]:
    """Take the directory away where nothing was trained."""
    try:
        yield
    except InputError:
        if not any(target.rglob("last.safetensors")) and not any(target.rglob("best.safetensors")):
            shutil.rmtree(target)
        raise
