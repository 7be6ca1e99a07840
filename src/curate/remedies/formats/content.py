"""What every export format is given, and what it has to be able to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from curate.findings import Ints
from curate.progress import Progress, silent
from curate.recipe.sampling import active
from curate.recipe.stages import Schedule

SPLITS = ("train", "val", "test")
COLUMNS = (
    "sample_id", "filepath", "label", "target", "tier", "difficulty", "weight", "turn", "group",
    "content_digest", "reason",
)  # fmt: skip
"""The columns of every list of images, in this order."""

NUMBERS = ("difficulty", "weight")
"""Those of them that are real numbers; `target` is a whole one, the others are text."""

Link = Literal["symlink", "hardlink", "copy"]
LINKS: tuple[Link, ...] = ("symlink", "hardlink", "copy")


@dataclass(frozen=True)
class Content:
    """The images of an export and the schedule by which they are trained on.

    Attributes:
        table: one row an image of the run, with `COLUMNS` and `split`, `dropped` (under review or
            excluded: no list but that of its tier has it), `unit` (rows of one value may not be in
            different folds), `size_bytes` and `format` (Pillow's name). `label`, `target`,
            `difficulty` and `weight` may be missing.
        class_names: class i is target i.
        schedule: who is trained on when.
        seed: of everything random.
        tiers: names of the tiers, the one under review last.
        link: how trees of images are made.
        folds: how many folds the format `folds` writes.
        progress: for the bars.
    """

    table: pd.DataFrame
    class_names: tuple[str, ...]
    schedule: Schedule
    seed: int
    tiers: tuple[str, ...]
    link: Link = "symlink"
    folds: int = 5
    progress: Progress = field(default=silent, compare=False)

    @cached_property
    def kept(self) -> pd.DataFrame:
        """The images that a model is trained on or judged by, in the order of the table.

        A training image without a label is none of them.
        """
        unusable = (self.table["split"] == "train") & self.table["target"].isna()
        kept = ~(self.table["dropped"].to_numpy(dtype=bool) | unusable.to_numpy())
        return self.table[kept].reset_index(drop=True)

    def of(self, split: str) -> pd.DataFrame:
        """The kept images of one split."""
        return self.kept[self.kept["split"] == split].reset_index(drop=True)

    @cached_property
    def stages(self) -> tuple[pd.DataFrame, ...]:
        """The training images of each stage, see `stage_rows`."""
        train = self.of("train")
        every = stage_rows(train, self.schedule, self.seed)
        return tuple(train.iloc[rows].reset_index(drop=True) for rows in every)

    def stage_numbers(self) -> dict[str, list[int]]:
        """Sample id -> the stages that train on it, counted from 1; others are not in it."""
        found: dict[str, list[int]] = {}
        for number, rows in enumerate(self.stages, start=1):
            for sample_id in rows["sample_id"]:
                found.setdefault(str(sample_id), []).append(number)
        return found

    def parts(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """What a tree of images has: each split, and ``train_stage1`` and so on."""
        for split in SPLITS:
            yield split, self.of(split)
        for number, rows in enumerate(self.stages, start=1):
            yield f"train_stage{number}", rows


def stage_rows(train: pd.DataFrame, schedule: Schedule, seed: int) -> list[Ints]:
    """The row numbers of the images that each stage trains on, as it begins.

    Where a stage goes by the losses of the training at the time, which nobody knows yet, they are
    all images of its tiers.

    Args:
        train: the images to train on.
        schedule: the schedule.
        seed: of the run.
    """
    return [
        np.flatnonzero(train["tier"].isin(stage.tiers))
        if stage.order == "loss"
        else active(train, schedule, stage.start_epoch, seed)
        for stage in schedule.stages
    ]


class Format(Protocol):
    """One way to write an export.

    A format writes below the folder it is given and nowhere else, and the same content gives the
    same bytes whatever the folder is called.
    """

    @property
    def name(self) -> str:
        """What ``--format`` calls it."""

    @property
    def summary(self) -> str:
        """One line for the help."""

    def write(self, folder: Path, content: Content) -> None:
        """Write the images into an empty or absent folder.

        Raises:
            ExportError: the format cannot say this content.
        """

    def read(self, folder: Path) -> pd.DataFrame:
        """Read back who is where: `filepath`, `split`, `label` (None without one) and `tier`.

        One row an image, in any order, of the splits as a whole and not of single stages.
        `filepath` is where its pixels are; `tier` is None in formats that cannot say it.
        """
