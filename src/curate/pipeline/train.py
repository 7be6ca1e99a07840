"""Training on an export or a run, up to a run of the trained model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]  # ships no types

from curate.errors import InputError, TrainingError
from curate.pipeline.places import check_apart, check_holds_none
from curate.pipeline.train_curriculum import Asked, images_of, prepare
from curate.progress import Progress, silent
from curate.recipe.curriculum import read_curriculum
from curate.store.files import placed, write_json, write_text
from curate.store.run import Run

if TYPE_CHECKING:
    from curate.training.options import Options

FORMAT, SCHEMA_VERSION = "curate.train", 1
ARGS, RESULT, CURRICULUM = "args.yaml", "result.json", "curriculum"
VERSIONS = ("curate", "torch", "timm", "torchvision", "numpy")


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        to: its directory.
        run: of the trained model, in `to`.
        result: what `RESULT` holds.
    """

    to: Path
    run: Run
    result: dict[str, Any]


def options_of(given: Mapping[str, Any]) -> Options:
    """The options that were given by name, beside the usual ones.

    Raises:
        TrainingError: one lies outside its range.
    """
    from curate.training.options import Options

    return Options(**given)


def train(
    source: str | Path,
    to: str | Path,
    options: Options | None = None,
    *,
    curriculum: str | None = None,
    policy: str | None = None,
    with_policy: bool = True,
    folds: int | None = None,
    vote: str = "soft",
    progress: Progress = silent,
) -> Trained:
    """Train a timm model: the Python form of ``curate train``.

    Args:
        source: an export of `curate export`, or a run, of which one is made.
        to: a new directory, for all that is written.
        options: how to train.
        curriculum: a file of ``curate curriculum --to``, or a preset, in place of the export's own.
        policy: an augmentation policy in any form that ``curate policy`` reads, likewise.
        with_policy: False for no augmentation.
        folds: of a cross-validation, each with a training of its own, see
            `curate.pipeline.train_cross`; None for a single training.
        vote: how the folds' models predict val and test together, "soft" or "hard".
        progress: for the bars.

    Raises:
        InputError: the source, a choice, the model or the directory cannot be used; where no epoch
            was finished, nothing is left of the directory.
    """
    from curate.training.options import Options

    options = options or Options()
    asked = Asked(curriculum, policy, with_policy, options.epochs, folds, vote)
    place = Path(source).expanduser().resolve()
    target = _new_target(Path(to), place)
    with placed(target) as aside:
        prepare(place, aside / CURRICULUM, asked, progress)
        found = read_curriculum(aside / CURRICULUM)
        check_holds_none(target, "--to", TrainingError, images_of(aside / CURRICULUM))
        seed = found.seed if options.seed is None else options.seed
        options = replace(options, epochs=found.schedule.epochs, seed=seed, **_absolute(options))
        _write_args(aside / ARGS, options, place, asked)
    with _gone_without_an_epoch(target):
        return _carry_out(target, asked, options, progress)


def resume(to: str | Path, progress: Progress = silent) -> Trained:
    """Go on with a training that was broken off; the result is that of one that was not.

    Args:
        to: its directory.
        progress: for the bars.

    Raises:
        TrainingError: there is no training, or it is finished.
        InputError: as of `train`.
    """
    target = Path(to).expanduser().resolve()
    return _carry_out(target, *_read_args(target), progress)


def _carry_out(target: Path, asked: Asked, options: Options, progress: Progress) -> Trained:
    from curate.training.fitting import STATES

    if asked.folds is not None:
        from curate.pipeline.train_cross import cross_train

        result = cross_train(target, target / CURRICULUM, asked, options, progress)
    else:
        result = _train_one(target, options, progress)
    result = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **result}
    # The last file: a training that has it is finished.
    write_json(target / RESULT, result)
    shutil.rmtree(target / STATES, ignore_errors=True)
    return Trained(target, Run(target / result["run"]), result)


def _train_one(target: Path, options: Options, progress: Progress) -> dict[str, Any]:
    from curate.pipeline.train_result import kept_if_it_fails, one_result
    from curate.pipeline.train_run import run_of_one
    from curate.training.fitting import Fitting

    fitting = Fitting(target / CURRICULUM, target, options, progress)
    fitted = fitting.run()
    with kept_if_it_fails(target):
        run = run_of_one(target / CURRICULUM, fitting, progress)
    return one_result(fitting, fitted, run)


def _new_target(to: Path, source: Path) -> Path:
    """The absolute directory, if a training can be written there."""
    target = to.expanduser().resolve()
    check_apart(target, "--to", TrainingError, source, "what is trained on")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not target.is_dir():
        raise TrainingError(f"Expected a directory for --to, found the file {target}.")
    if (target / ARGS).is_file() and not (target / RESULT).is_file():
        raise TrainingError(
            f"Expected a new directory for --to, found {target} with a training that was broken "
            f"off. Go on with it: `curate train --resume {target}`; or choose another."
        )
    raise TrainingError(
        f"Expected a new directory for --to, found {target} with files in it. Choose another."
    )


def _absolute(options: Options) -> dict[str, Any]:
    """The files that the options name, as seen from anywhere."""
    return {
        name: str(Path(value).expanduser().resolve())
        for name in ("weights", "checkpoint")
        if (value := getattr(options, name)) is not None
    }


def _write_args(path: Path, options: Options, source: Path, asked: Asked) -> None:
    content = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "source": str(source),
        "asked": asdict(asked),
        "options": options.to_json(),
        "versions": {name: version(name) for name in VERSIONS},
    }
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _read_args(target: Path) -> tuple[Asked, Options]:
    """What was asked of a training that can be gone on with."""
    from curate.training.options import Options

    path = target / ARGS
    if not path.is_file():
        raise TrainingError(
            f"Expected a training of `curate train --to DIR` at {target}, found no {ARGS} there. "
            "Check the path."
        )
    if (target / RESULT).is_file():
        raise TrainingError(
            f"Expected a training that was broken off at {target}, found a finished one. See it: "
            f"`curate app {target / 'run'}`; or begin another with its --checkpoint."
        )
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"Expected YAML in {path}, found something else ({error}). Start the training again."
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise TrainingError(f"Expected the options of curate train in {path}, found others.")
    if found.get("schema_version") != SCHEMA_VERSION:
        raise TrainingError(
            f"Expected schema version {SCHEMA_VERSION} in {path}, found "
            f"{found.get('schema_version')!r}. Go on with the version of curate that began it."
        )
    return Asked(**found["asked"]), Options.from_json(found["options"], path)


@contextmanager
def _gone_without_an_epoch(target: Path) -> Iterator[None]:
    """Take the directory away where it was for nothing."""
    try:
        yield
    except InputError:
        if not any(target.rglob("last.safetensors")):
            shutil.rmtree(target)
        raise
