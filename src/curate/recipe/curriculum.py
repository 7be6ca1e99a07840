"""What a trainer follows, read from an export: images, tiers, schedule and policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curate.errors import CurriculumError, listed
from curate.recipe.stages import Schedule

if TYPE_CHECKING:
    from curate.recipe.policy import Policy

FORMAT = "curate.export"
SCHEMA_VERSION = 2
ABOUT = "curriculum.json"

COLUMNS = (
    "sample_id", "filepath", "label", "target", "tier", "difficulty", "weight", "turn",
)  # fmt: skip
"""What the lists of images must have; they may have more."""


@dataclass(frozen=True)
class Curriculum:
    """An export, as a trainer reads it.

    Attributes:
        folder: where it lies.
        table: the training images, with at least `COLUMNS`; `target` is the class number, -1
            for an image without a label, which has no tier and so no stage.
        classes: the class names; a target is a place among them.
        schedule: which of the images are trained on when.
        policy: how they are augmented, or None.
        seed: of the run; same seed, same order.
        about: all that curriculum.json says.
    """

    folder: Path
    table: pd.DataFrame
    classes: tuple[str, ...]
    schedule: Schedule
    policy: Policy | None
    seed: int
    about: Mapping[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> pd.DataFrame:
        """The images of "train", "val" or "test"; those without a label have the target -1.

        Raises:
            CurriculumError: the list is missing or damaged.
        """
        return self.table if name == "train" else read_list(self.folder, name, self.classes)


def read_curriculum(folder: str | Path) -> Curriculum:
    """Read what `curate export` wrote, and check that it can be followed.

    Args:
        folder: the export.

    Raises:
        CurriculumError: it is no export, one of another version, or its parts contradict each
            other.
        PolicyError: its augmentation policy cannot be read.
    """
    place = Path(folder).expanduser().resolve()
    about = _about(place)
    classes = tuple(str(name) for name in about["classes"])
    given = {key: about[key] for key in ("preset", "epochs", "stages")}
    schedule = Schedule.from_json(given, str(place / ABOUT))
    table = read_list(place, "train", classes)
    _check_stages(place, schedule, table)
    policy = _policy(place, about["policy"], schedule)
    return Curriculum(place, table, classes, schedule, policy, int(about["seed"]), about)


def read_list(folder: Path, split: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """The images of one split.

    Raises:
        CurriculumError: the list is missing, lacks a column, or has a value that cannot be.
    """
    path = folder / f"{split}.csv"
    if not path.is_file():
        raise _again(folder, f"a list of images {path.name}", "none")
    try:
        # A class may be called NA, and nothing else than a number is ever missing.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise _again(folder, f"a table in {path.name}", f"something else ({error})") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise _again(folder, f"the columns {', '.join(COLUMNS)} in {path.name}",
                     f"none called {listed(missing)}")  # fmt: skip
    for name in ("target", "difficulty", "weight"):
        numbers = pd.to_numeric(table[name].replace("", np.nan), errors="coerce")
        if (numbers.isna() & (table[name] != "")).any():
            wrong = listed(table.loc[numbers.isna() & (table[name] != ""), name])
            raise _again(folder, f"numbers in the column {name} of {path.name}", wrong)
        table[name] = numbers
    table["weight"] = table["weight"].fillna(1.0)
    table["target"] = table["target"].fillna(-1).astype(np.int64)
    labelled = table["target"] >= 0
    names = np.array([*classes, ""], dtype=object)
    inside = table["target"].between(-1, len(classes) - 1)
    if not inside.all():
        raise _again(folder, f"targets from 0 to {len(classes) - 1} in {path.name}",
                     listed(table.loc[~inside, "target"]))  # fmt: skip
    other = labelled & (names[table["target"].to_numpy()] != table["label"].to_numpy(dtype=object))
    if other.any():
        first = table[other].iloc[0]
        raise _again(
            folder, f"the label {names[first['target']]!r} beside the target {first['target']} in "
            f"{path.name}", repr(first["label"]),
        )  # fmt: skip
    if split == "train":
        # What has no label cannot be trained on; all that count rows count the same ones.
        table = table[labelled].reset_index(drop=True)
        if not len(table):
            raise _again(folder, "labelled images to train on in train.csv", "none")
        if not (np.isfinite(table["weight"]) & (table["weight"] > 0)).all():
            raise _again(folder, "weights above 0 in train.csv", "others")
    return table


def _about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    if not path.is_file():
        what = f"a folder without {ABOUT}" if folder.is_dir() else "no such folder"
        raise CurriculumError(
            f"Expected an export of curate at {folder}, found {what}. Give the --to directory of a "
            "`curate export`."
        )
    try:
        about = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise _again(folder, f"JSON in {ABOUT}", f"something else ({error})") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CurriculumError(
            f"Expected an export of curate in {path}, found another program's file. Give the --to "
            "directory of a `curate export`."
        )
    found = about.get("schema_version")
    if found != SCHEMA_VERSION:
        newer = isinstance(found, int) and found > SCHEMA_VERSION
        cure = "Update curate." if newer else "Export the run again with this version of curate."
        raise CurriculumError(
            f"Expected schema version {SCHEMA_VERSION} in {path}, found {found!r}. {cure}"
        )
    needed = ("classes", "seed", "preset", "epochs", "stages", "policy")
    missing = [key for key in needed if key not in about]
    if missing:
        raise _again(folder, f"the keys {', '.join(needed)} in {ABOUT}",
                     f"none called {listed(missing)}")  # fmt: skip
    return about


def _check_stages(folder: Path, schedule: Schedule, table: pd.DataFrame) -> None:
    """Refuse epochs without images."""
    present = set(table["tier"])
    for stage in schedule.stages:
        if not present & set(stage.tiers):
            raise CurriculumError(
                f"Expected images of the tiers {listed(stage.tiers)} for the epochs "
                f"{stage.start_epoch} to {stage.end_epoch} in {folder}, found images of "
                f"{listed(sorted(present))} only. Export with another schedule or other tiers."
            )


def _policy(folder: Path, name: Any, schedule: Schedule) -> Policy | None:
    """The policy of the export, with a stage for every stage of the schedule that names one."""
    wanted = [stage.policy_stage for stage in schedule.stages if stage.policy_stage is not None]
    if name is None:
        if wanted:
            raise _again(folder, "a policy, which the schedule asks for", "none")
        return None
    if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
        raise _again(folder, "the policy's file beside curriculum.json", repr(name))
    from curate.recipe.policy import read_policy

    policy = read_policy(folder / name)
    if wanted and max(wanted) >= len(policy.stages):
        raise CurriculumError(
            f"Expected stage {max(wanted)} of the policy in {folder / name}, found "
            f"{len(policy.stages)} stages, counted from 0. Export again with a policy that has it."
        )
    return policy


def _again(folder: Path, expected: str, found: str) -> CurriculumError:
    return CurriculumError(
        f"Expected {expected} in {folder}, found {found}. Write the export again: "
        "`curate export RUN --to DIR --overwrite`."
    )
