"""Cross-validation: which image each fold holds out, and what its models come to together."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.data.units import fold_units
from curate.errors import TrainingError, listed
from curate.findings import Floats, Ints, stage_rng
from curate.numerics.folds import assign_folds
from curate.pipeline.train_curriculum import FOLDS, LISTS, listed_images
from curate.progress import log
from curate.recipe.curriculum import ABOUT, Curriculum, read_curriculum

SOFT, HARD = "soft", "hard"
VOTES = (SOFT, HARD)


def held_out_by(curriculum: Path, n_folds: int) -> NDArray[np.int64]:
    """(n,) the fold that holds out each training image.

    The export's own lists are followed where it has them for as many folds: they keep near copies
    together too. Else images of one group, and files of the same bytes, are in one fold, and the
    classes are spread evenly.

    Args:
        curriculum: folder of what is followed.
        n_folds: how many.

    Raises:
        TrainingError: a class has fewer images than there are folds, or its images belong together
            so that a fold would be without a training.
    """
    found = read_curriculum(curriculum)
    counts = np.bincount(found.table["target"], minlength=len(found.classes))
    few = [found.classes[i] for i in np.flatnonzero((counts > 0) & (counts < n_folds))]
    if few:
        raise TrainingError(
            f"Expected at least {n_folds} training images in each class for --folds {n_folds}, "
            f"found fewer in {listed(few)}. Give fewer folds, or leave these classes out."
        )
    folds = _from_export(curriculum, found, n_folds)
    if folds is None:
        log.info(
            "folds keep groups and equal files together; for near copies as well, export with "
            "--folds %d, or train from the run", n_folds,
        )  # fmt: skip
        table = listed_images(curriculum, "train")
        digests = table["content_digest"] if "content_digest" in table else table["filepath"]
        units = fold_units(digests.tolist(), table["group"].tolist())
        labels = found.table["target"].to_numpy(dtype=np.int64)
        rng = stage_rng(found.seed, "training folds")
        numbers, notes = assign_folds(labels, units, n_folds, rng)
        for note in notes:
            log.warning("folds: %s", note)
        folds = numbers
    there = len(np.unique(folds))
    if there < n_folds:
        raise TrainingError(
            f"Expected {n_folds} folds, found that groups and copies leave {there} only. Give "
            f"--folds {there}."
        )
    return folds.astype(np.int64)


def write_fold(curriculum: Path, keep: NDArray[np.bool_], folder: Path) -> None:
    """Write what one fold follows: the images of train that it does not hold out.

    Raises:
        CurriculumError: a stage of the schedule is without images.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in curriculum.iterdir():
        if path.is_file() and path.name in (ABOUT, "policy.json", "val.csv", "test.csv"):
            shutil.copyfile(path, folder / path.name)
    listed_images(curriculum, "train")[keep].to_csv(folder / "train.csv", index=False)
    read_curriculum(folder)


def other_images(curriculum: Path) -> list[str]:
    """The images that no fold is trained on: val, test, and those under review."""
    paths = [path for name in LISTS[1:] for path in listed_images(curriculum, name)["filepath"]]
    return list(dict.fromkeys(paths))


def vote(each: Sequence[Floats], how: str) -> Floats:
    """(n, n_classes) of several models: the mean of their probabilities, or their shares of votes.

    Args:
        each: (n, n_classes) probabilities of each.
        how: one of `VOTES`.
    """
    if how == SOFT:
        return np.asarray(np.mean(each, axis=0))
    n_classes = each[0].shape[1]
    votes = np.stack([np.eye(n_classes, dtype=np.float32)[one.argmax(axis=1)] for one in each])
    return np.asarray(votes.mean(axis=0))


def _from_export(curriculum: Path, found: Curriculum, n_folds: int) -> Ints | None:
    """The folds of the export's lists; None where it has none, or another number."""
    lists = sorted((curriculum / FOLDS).glob("fold_*_val.csv"))
    if len(lists) != n_folds:
        return None
    fold_of: dict[str, int] = {}
    for path in lists:
        held_out = pd.read_csv(path, dtype=str, keep_default_na=False)["sample_id"]
        fold_of.update(dict.fromkeys(held_out, int(path.name.split("_")[1])))
    numbers = [fold_of.get(one, -1) for one in found.table["sample_id"]]
    return np.array(numbers, dtype=np.int64) if -1 not in numbers else None
