"""What a verification was asked to do, kept beside its trainings so that it can be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.comparison.arms import BOTH, CONTROL, CURRICULUM, DATA, POLICY
from curate.errors import ComparisonError, listed
from curate.store.files import write_json
from curate.store.marked import read_marked

if TYPE_CHECKING:
    from curate.training.options import Options

FORMAT, SCHEMA_VERSION = "curate.verify.args", 1
ARGS, SETUP, EXPORT = "args.json", "setup.json", "export"
"""In the directory: what was asked; what was settled before the first training (per arm what it is
and its steps, the parts, notes); and the copy of what is verified."""

VERSIONS = ("curate", "torch", "timm", "torchvision", "numpy")

NONE, SOURCE = "none", "source"
BASELINES = (NONE, SOURCE)
CHOICES = (DATA, POLICY, CURRICULUM, BOTH, CONTROL)
"""Arms beside the baseline."""


@dataclass(frozen=True)
class Asked:
    """The experiment.

    Attributes:
        baseline: "none", the export's images without policy and curriculum; or "source", all
            images of train with the labels they came with, nothing dropped or changed.
        seeds: of each arm, at most.
        budget: seconds for all trainings; None for as long as it takes.
        least: the least difference that matters; None for none in particular.
        slices: images to judge apart: ``KIND`` or ``KIND: SORT`` of a finding, or ``COLUMN=VALUE``.
        arms: of `CHOICES`; none for all that the export allows, beside the source's images for the
            arm "data" alone.
        trials: learning rates that are tried for each arm; 1 for none but the one given.
        run: that the export is of, where it has moved.
        policy: the file of a policy that is verified in place of the export's.

    Raises:
        ComparisonError: one of them cannot be.
    """

    baseline: str = NONE
    seeds: int = 5
    budget: float | None = None
    least: float | None = None
    slices: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    trials: int = 3
    run: str | None = None
    policy: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.baseline not in BASELINES:
            raise _wrong("--baseline", f"one of {', '.join(BASELINES)}", self.baseline)
        if self.seeds < 2:
            raise ComparisonError(
                f"Expected --seeds of at least 2, found {self.seeds}. One run of each arm says "
                "nothing of what another seed would have given."
            )
        if self.budget is not None and not self.budget > 0:
            raise _wrong("--budget", "a time above 0", self.budget)
        if self.least is not None and not 0 < self.least <= 1:
            raise _wrong("--least", "a share above 0 and up to 1", self.least)
        if self.trials < 1:
            raise _wrong("--trials", "at least 1", self.trials)
        if strange := [name for name in self.arms if name not in CHOICES]:
            raise _wrong("--arm", f"one of {', '.join(CHOICES)}", listed(strange))

    def with_more(self, seeds: int | None, budget: float | None) -> Asked:
        """The same with more seeds or another budget."""
        return replace(
            self,
            seeds=self.seeds if seeds is None else seeds,
            budget=self.budget if budget is None else budget,
        )


def write_args(path: Path, source: Path, asked: Asked, options: Options) -> None:
    """Write what `read_args` reads."""
    write_json(path, {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "source": str(source),
        "asked": {**asdict(asked), "slices": list(asked.slices), "arms": list(asked.arms)},
        "options": options.to_json(),
        "versions": {name: version(name) for name in VERSIONS},
    })  # fmt: skip


def read_args(folder: Path) -> tuple[str, Asked, Options]:
    """The source, the experiment, and how its models are trained.

    Raises:
        ComparisonError: the folder holds no verification, or one of another version.
    """
    from curate.training.options import Options

    path = folder / ARGS
    if not path.is_file():
        raise ComparisonError(
            f"Expected a verification of `curate verify` at {folder}, found no {ARGS} there. "
            "Check the path."
        )
    found = read_marked(
        path, FORMAT, SCHEMA_VERSION, "the options of curate verify", ComparisonError,
        "Go on with the version of curate that began it, or begin in another directory.",
    )  # fmt: skip
    return found["source"], _asked(found["asked"]), Options.from_json(found["options"], path)


def _asked(found: Mapping[str, Any]) -> Asked:
    known = {field.name for field in fields(Asked)}
    given = {name: value for name, value in found.items() if name in known}
    return Asked(**{**given, "slices": tuple(given["slices"]), "arms": tuple(given["arms"])})


def _wrong(option: str, expected: str, found: object) -> ComparisonError:
    return ComparisonError(f"Expected {option} to be {expected}, found {found}. Correct it.")
