"""Training on an export or a run, up to a run of the trained model."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]  # ships no types

from curate.data.source import Source
from curate.errors import InputError, TrainingError
from curate.pipeline.places import check_apart, check_holds_none, image_folder
from curate.pipeline.train_curriculum import Asked, images_of, prepare
from curate.pipeline.train_data import source_of
from curate.progress import Progress, silent
from curate.recipe.curriculum import read_curriculum
from curate.store.files import placed, write_json, write_text
from curate.store.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from curate.training.options import Options

__all__ = ["Trained", "options_of", "resume", "source_of", "tells", "train"]

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


def tells() -> bool:
    """Whether this process tells how the training ended: of several of torchrun, the first."""
    from curate.training.processes import started

    return started() == 1 or os.environ.get("RANK", "0") == "0"


def train(
    source: str | Path | Source,
    to: str | Path,
    options: Options | None = None,
    *,
    curriculum: str | None = None,
    policy: str | None = None,
    with_policy: bool = True,
    folds: int | None = None,
    vote: str = "soft",
    given: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train a timm model: the Python form of ``curate train``.

    Of several processes that torchrun started, all come back when everything is written.

    Args:
        source: an export of `curate export`; a run, of which one is made; or a folder of images
            (a `Source` says more of them), which are taken as they lie.
        to: a new directory, for all that is written.
        options: how to train.
        curriculum: a file of ``curate curriculum --to``, or a preset, in place of the export's own.
        policy: an augmentation policy in any form that ``curate policy`` reads, likewise.
        with_policy: False for no augmentation.
        folds: of a cross-validation, each with a training of its own, see
            `curate.pipeline.train_cross`; None for a single training.
        vote: how the folds' models predict val and test together, "soft" or "hard".
        given: a table of images in memory in place of those of a `Source`.
        progress: for the bars.

    Raises:
        InputError: the source, a choice, the model or the directory cannot be used; where no epoch
            was finished, nothing is left of the directory.
    """
    from curate.training.device import train_device
    from curate.training.options import Options
    from curate.training.processes import by_the_first, joined
    from curate.training.tracking import check_trackers

    options = options or Options()
    check_trackers(options.log_to)
    asked = Asked(curriculum, policy, with_policy, options.epochs, folds, vote)
    place = source_of(source)
    target = Path(to).expanduser().resolve()
    own = options

    def begin() -> None:
        _check_new(target, place)
        with placed(target) as aside:
            prepare(place, aside / CURRICULUM, asked, progress, own.seed or 0, given)
            found = read_curriculum(aside / CURRICULUM)
            check_holds_none(target, "--to", TrainingError, images_of(aside / CURRICULUM))
            seed = found.seed if own.seed is None else own.seed
            whole = replace(own, epochs=found.schedule.epochs, seed=seed, **_absolute(own))
            _write_args(aside / ARGS, whole, place, asked)

    with joined(train_device(options.device)):
        by_the_first(begin)
        with _gone_without_an_epoch(target):
            return _carry_out(target, *_read_args(target), progress)


def resume(to: str | Path, progress: Progress = silent) -> Trained:
    """Go on with a training that was broken off; the result is that of one that was not.

    Args:
        to: its directory.
        progress: for the bars.

    Raises:
        TrainingError: there is no training, or it is finished.
        InputError: as of `train`.
    """
    from curate.training.device import train_device
    from curate.training.processes import joined
    from curate.training.tracking import check_trackers

    target = Path(to).expanduser().resolve()
    asked, options = _read_args(target)
    check_trackers(options.log_to)
    with joined(train_device(options.device)):
        return _carry_out(target, asked, options, progress)


def _carry_out(target: Path, asked: Asked, options: Options, progress: Progress) -> Trained:
    """Train in every process, and let the first one write what it came to."""
    from curate.training.keeping import STATES
    from curate.training.processes import by_the_first

    if asked.folds is not None:
        from curate.pipeline.train_cross import cross_train

        conclude = cross_train(target, target / CURRICULUM, asked, options, progress)
    else:
        conclude = _train_one(target, options, progress)

    def write() -> None:
        result = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **conclude()}
        # The last file: a training that has it is finished.
        write_json(target / RESULT, result)
        shutil.rmtree(target / STATES, ignore_errors=True)

    by_the_first(write)
    result = json.loads((target / RESULT).read_text("utf-8"))
    return Trained(target, Run(target / result["run"]), result)


def _train_one(target: Path, options: Options, progress: Progress) -> Callable[[], dict[str, Any]]:
    """Train; returns what makes the run and says what the training came to."""
    from curate.pipeline.train_result import kept_if_it_fails, one_result
    from curate.pipeline.train_run import run_of_one
    from curate.training.fitting import Fitting
    from curate.training.processes import in_all

    fitting = in_all(lambda: Fitting(target / CURRICULUM, target, options, progress))
    fitted = fitting.run()

    def conclude() -> dict[str, Any]:
        with kept_if_it_fails(target):
            run = run_of_one(target / CURRICULUM, fitting, progress)
        return one_result(fitting, fitted, run)

    return conclude


def _check_new(target: Path, source: Path | Source) -> None:
    """Refuse a directory that no training can be written to."""
    folder = image_folder(source.as_json()) if isinstance(source, Source) else source
    check_apart(target, "--to", TrainingError, folder, "what is trained on")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
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


def _write_args(path: Path, options: Options, source: Path | Source, asked: Asked) -> None:
    content = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "source": source.as_json() if isinstance(source, Source) else str(source),
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
            # Several processes may end here at the same time.
            shutil.rmtree(target, ignore_errors=True)
        raise
