"""The runs of a comparison, and the images that they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.comparison.matching import Images, Matched, match
from curate.errors import ComparisonError, listed
from curate.findings import Floats
from curate.store.run import Run

SPLITS = ("test", "val", "train")
"""In the order of what says most of a model."""


@dataclass(frozen=True)
class Member:
    """One run of a comparison.

    Attributes:
        name: as short as tells it from the others.
        run: the run.
        samples: its images.
        paths: (n,) of the images, relative to the run's data.
        columns: (n_classes,) which column of its probabilities each class of the first run has.
    """

    name: str
    run: Run
    samples: pd.DataFrame
    paths: NDArray[Any]
    columns: NDArray[np.int64]

    def probs(self, rows: NDArray[np.int64]) -> Floats:
        """(m, n_classes) of some rows, columns in the order of the first run's classes."""
        own = self.run.array("probs", self.samples["sample_id"])
        return np.asarray(own[rows][:, self.columns])


@dataclass(frozen=True)
class Shared:
    """The images of one split that all runs have.

    Attributes:
        split: its name.
        rows: (k, m) row numbers in the samples of each run.
        info: per run how many images of the split it has, how many of them are in no other or not
            in all, and copies left over.
    """

    split: str
    rows: NDArray[np.int64]
    info: dict[str, Any]


def members_of(runs: Sequence[Run | str | Path]) -> list[Member]:
    """Open the runs.

    Raises:
        ComparisonError: fewer than two, the same one twice, or of other classes.
        RunError: one is no finished run.
    """
    opened = [one if isinstance(one, Run) else Run(one) for one in runs]
    if len(opened) < 2:
        raise ComparisonError(f"Expected two runs or more to compare, found {len(opened)}.")
    paths = [str(run.path) for run in opened]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise ComparisonError(
            f"Expected different runs, found {listed(twice)} more than once. Name each run once."
        )
    for run in opened:
        run.check_complete()
    classes = [str(name) for name in opened[0].info["classes"]]
    found = []
    for name, run in zip(short_names([run.path for run in opened]), opened, strict=True):
        own = [str(one) for one in run.info["classes"]]
        if set(own) != set(classes):
            only_a, only_b = sorted(set(classes) - set(own)), sorted(set(own) - set(classes))
            raise ComparisonError(
                f"Expected the classes of {opened[0].path} in {run.path}, found others: "
                + "; ".join(
                    text
                    for text, names in (
                        (f"it lacks {listed(only_a)}", only_a),
                        (f"it has {listed(only_b)} besides", only_b),
                    )
                    if names
                )
                + ". Compare runs of one class list."
            )
        samples = run.table("samples")
        columns = np.array([own.index(one) for one in classes], dtype=np.int64)
        found.append(Member(name, run, samples, relative_paths(run, samples), columns))
    return found


def short_names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, or as many of the last as tell them all apart."""
    parts = [path.parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]).lstrip("/") for one in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def relative_paths(run: Run, samples: pd.DataFrame) -> NDArray[Any]:
    """The paths below the run's data; those elsewhere stay whole."""
    start = str(run.info.get("data", "")).rstrip(os.sep) + os.sep
    return np.array([str(path).removeprefix(start) for path in samples["filepath"]], dtype=object)


def shared_images(members: Sequence[Member], split: str | None, intersect: bool) -> Shared:
    """The images of a split that are the same in all runs.

    Args:
        members: the runs.
        split: one of `SPLITS`; None takes the first of them that has labels in every run.
        intersect: go on with those that are shared where runs have different images.

    Raises:
        ComparisonError: the runs have different images of the split, or share none.
    """
    chosen = split or _default_split(members)
    own = [np.flatnonzero((one.samples["split"] == chosen).to_numpy()) for one in members]
    empty = [one.name for one, rows in zip(members, own, strict=True) if not len(rows)]
    if empty:
        raise ComparisonError(
            f"Expected {chosen} images in every run, found none in {listed(empty)}. "
            "Choose another --split."
        )
    matched = match([_images(one, rows) for one, rows in zip(members, own, strict=True)])
    counts = {
        one.name: {
            "images": len(rows),
            "not_shared": len(alone),
            "spare_copies": len(spare),
        }
        for one, rows, alone, spare in zip(
            members, own, matched.alone, matched.spare, strict=True
        )
    }  # fmt: skip
    n_shared = matched.rows.shape[1]
    info = {"split": chosen, "shared": n_shared, "same_path_other_bytes": matched.same_path,
            "runs": counts}  # fmt: skip
    if not n_shared or (any(map(len, matched.alone)) and not intersect):
        raise ComparisonError(_different(members, chosen, matched, own, n_shared))
    rows = np.stack([mine[at] for mine, at in zip(own, matched.rows, strict=True)])
    return Shared(chosen, rows, info)


def _images(member: Member, rows: NDArray[np.int64]) -> Images:
    digests = member.samples["content_digest"].to_numpy(dtype=object)
    return Images(digests[rows], member.paths[rows])


def _default_split(members: Sequence[Member]) -> str:
    for split in SPLITS:
        if all(_labelled(one.samples, split) for one in members):
            return split
    raise ComparisonError(
        "Expected a split that has labelled images in every run, found none. Name one by --split."
    )


def _labelled(samples: pd.DataFrame, split: str) -> bool:
    return bool(samples.loc[samples["split"] == split, "label"].notna().any())


def _different(
    members: Sequence[Member], split: str, matched: Matched, own: Sequence[NDArray[np.int64]],
    n_shared: int,
) -> str:  # fmt: skip
    has = ", ".join(
        f"{len(rows)} in {one.name} ({len(alone)} not shared)"
        for one, rows, alone in zip(members, own, matched.alone, strict=True)
    )
    text = f"Expected the same {split} images in all runs, found {has}; {n_shared} are shared."
    elsewhere = _in_another_split(members, own, matched)
    if elsewhere:
        text += f" {elsewhere} of those not shared are in another split of another run."
    if matched.same_path:
        text += (
            f" {matched.same_path} have the path of another run's image but other bytes: "
            "files were changed."
        )
    if not n_shared:
        return text + " Compare runs of the same images."
    return text + " Compare the shared ones alone with --intersect."


def _in_another_split(
    members: Sequence[Member], own: Sequence[NDArray[np.int64]], matched: Matched
) -> int:
    digests = [one.samples["content_digest"].to_numpy(dtype=object) for one in members]
    count = 0
    for i, (rows, alone) in enumerate(zip(own, matched.alone, strict=True)):
        others = {
            digest
            for j, (known, mine) in enumerate(zip(digests, own, strict=True))
            if j != i
            for digest in np.delete(known, mine)
        }
        count += sum(digest in others for digest in digests[i][rows[alone]])
    return count
