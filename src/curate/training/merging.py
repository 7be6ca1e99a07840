"""The training dynamics of several models of the same images as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from curate.progress import log
from curate.store.training import write_dynamics

MEANS = ("logit_true", "logit_other", "p_true", "error_length")


def merge_dynamics(files: Sequence[Path], path: Path) -> int:
    """Write the mean over the models that trained on an image, epoch by epoch.

    Idea: a fold's model says nothing of the images that it held out, so of K models K - 1 recorded
    each image, and their mean depends less on the draws of a single one. Paul et al. (2021, "Deep
    learning on a data diet") average EL2N over ten networks, Toneva et al. (2019) forgetting over
    several seeds. Exactly the means of the models' own figures are so AUM, EL2N and cartography's
    confidence, where the models recorded an image in the same epochs; an epoch that fewer of them
    recorded is the mean of those.

    Not the means of theirs: forgetting and variability. An image is `correct` in an epoch where the
    mean margin is above 0, so both are of the models together, which change their mind less often
    than each of them.

    Args:
        files: of `curate.training.recording.write_recorded`, of the same classes; those that are
            not there are of models that recorded nothing.
        path: of the file to write.

    Returns:
        How many images it has; no file is written where that is none.
    """
    parts = [pd.read_parquet(file) for file in files if file.is_file()]
    if not parts:
        return 0
    name = "filepath"
    if not all(name in part for part in parts):
        log.warning("files are listed more than once: no dynamics of the models together")
        return 0
    every = pd.concat(parts, ignore_index=True)
    mean = every.groupby([name, "epoch"], sort=True, observed=True)[list(MEANS)].mean()
    label = every.groupby(name, sort=True, observed=True)["label"].first()
    ids = label.index.astype(str).tolist()
    image = pd.Index(label.index).get_indexer(mean.index.get_level_values(0))
    # An image follows its own epochs without a gap, also where no model recorded one of them.
    first = mean.reset_index().groupby(name, observed=True)["epoch"].min().to_numpy()
    at = mean.groupby(level=0, observed=True).cumcount().to_numpy() + first[image]
    shape = (int(at.max()) + 1, len(ids))
    grids = {}
    for column in MEANS:
        grids[column] = np.full(shape, np.nan, dtype=np.float32)
        grids[column][at, image] = mean[column].to_numpy()
    own, other = grids["logit_true"], grids["logit_other"]
    write_dynamics(
        path, ids, own, other, np.clip(grids["p_true"], 0, 1), own > other,
        error_length=grids["error_length"], labels=label.astype(str).tolist(),
        trained=np.isfinite(own), id_name=name,
    )  # fmt: skip
    return len(ids)
