"""Lists for cross-validation: what belongs together in one fold, the classes in balance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.errors import ExportError, listed
from curate.findings import stage_rng
from curate.numerics.folds import assign_folds
from curate.progress import log
from curate.remedies.formats.content import Content
from curate.remedies.formats.manifests import as_read, read_csv, write_csv


class Folds:
    """``fold_0_train.csv``, ``fold_0_val.csv`` and so on, with the columns of our lists.

    The folds are made of the training images: val and test stay what they are. Images of one
    group, files of the same bytes and copies of one picture (`unit` of the content) are in one
    fold, and every class is in every fold as far as these allow.
    """

    name = "folds"
    summary = "fold_K_train.csv and fold_K_val.csv, groups and copies kept together"

    def write(self, folder: Path, content: Content) -> None:
        """Write two lists a fold."""
        train = content.of("train")
        units = train["unit"].nunique()
        if content.folds < 2 or units < content.folds:
            raise ExportError(
                f"Expected 2 to {units} folds, as many as there are training images that may be "
                f"apart ({len(train)} images), found {content.folds}. Ask for that many."
            )
        folds = fold_numbers(train, content)
        folder.mkdir(exist_ok=True)
        for fold in range(int(folds.max()) + 1):
            write_csv(train[folds != fold], folder / f"fold_{fold}_train.csv")
            write_csv(train[folds == fold], folder / f"fold_{fold}_val.csv")

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the training images back: each is held out in one fold."""
        held_out = [read_csv(path) for path in sorted(folder.glob("fold_*_val.csv"))]
        return as_read(pd.concat(held_out, ignore_index=True).assign(split="train"))


def fold_numbers(train: pd.DataFrame, content: Content) -> NDArray[np.int32]:
    """(n,) the fold that holds out each training image; says which classes some fold lacks."""
    labels = train["target"].to_numpy(dtype=np.int64)
    rng = stage_rng(content.seed, "export folds")
    folds, notes = assign_folds(labels, train["unit"].to_numpy(), content.folds, rng)
    for note in notes:
        log.warning("folds: %s", note)
    seen = pd.crosstab(labels, folds)
    lacking = [content.class_names[int(c)] for c in seen.index[(seen == 0).any(axis=1)]]
    if lacking:
        log.warning(
            "folds: some fold holds out no image of %s, which has fewer groups than folds",
            listed(lacking),
        )
    return folds
