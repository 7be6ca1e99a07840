"""The run of a trained model: its predictions for val and test, and all that an analysis finds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from curate.data.source import Source
from curate.pipeline.analyze import run_analysis
from curate.pipeline.settings import Settings
from curate.pipeline.train_curriculum import LISTS, listed_images
from curate.progress import Progress, log
from curate.remedies.formats.manifests import write_csv
from curate.store.run import Run
from curate.training.checkpoints import BEST
from curate.training.fitting import Fitting
from curate.training.keeping import DYNAMICS
from curate.training.options import Options

MANIFEST, PREDICTIONS, RUN = "images.csv", "predictions.parquet", "run"
COLUMNS = ("filepath", "label", "split", "group")


def run_of_one(curriculum: Path, fitting: Fitting, progress: Progress) -> Run:
    """Analyse the images of an export with the model that was trained on it.

    Args:
        curriculum: what was followed.
        fitting: the finished training.
        progress: for the bars.

    Raises:
        InputError: an image changed since, or cannot be read.
    """
    to, images = fitting.to, manifest(curriculum)
    model = {"checkpoint": to / BEST, "dynamics": own_dynamics(to, images)}
    return analyze_trained(to, images, fitting.options, fitting.seed, model, progress)


def analyze_trained(
    to: Path, images: pd.DataFrame, options: Options, seed: int, model: dict[str, Any],
    progress: Progress,
) -> Run:  # fmt: skip
    """Make the run in a training's directory.

    All images are looked at that nobody left out, those under review among them, with the labels
    that people decided. Images are taken as they lie, also where people said how they should be
    turned.

    Args:
        to: the directory.
        images: of `manifest`.
        options: of the training.
        seed: of the run.
        model: the settings that name the weights and what else is known.
        progress: for the bars.
    """
    grouped = bool((images["group"] != "").any())
    write_csv(images, to / MANIFEST, COLUMNS if grouped else COLUMNS[:-1])
    source = Source(
        manifests=(to / MANIFEST,),
        image_root=Path(os.path.commonpath([str(Path(one).parent) for one in images["filepath"]])),
        path_column="filepath", label_column="label", split_column="split",
        group_column="group" if grouped else None,
    )  # fmt: skip
    settings = Settings(
        source, model=options.model, img_size=options.img_size, seed=seed,
        device=options.device, workers=options.workers or None, **model,
    )  # fmt: skip
    return run_analysis(settings, to / RUN, progress)


def manifest(curriculum: Path) -> pd.DataFrame:
    """All images that a run of the trained model is about."""
    parts = []
    for name in LISTS:
        split = name.partition("_")[0]
        parts.append(listed_images(curriculum, name).assign(split=split))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)].fillna("")


def named_once(images: pd.DataFrame) -> list[str]:
    """The paths of images whose path names no other image: others have no name of their own.

    Args:
        images: of `manifest`.
    """
    paths: list[str] = images["filepath"][~images["filepath"].duplicated(keep=False)].tolist()
    return paths


def own_dynamics(to: Path, images: pd.DataFrame) -> Path | None:
    """The file of dynamics, where each of its names means one image."""
    path = to / DYNAMICS
    if not path.is_file():
        return None
    if "filepath" not in pq.read_schema(path).names or images["filepath"].duplicated().any():
        log.warning("files are listed more than once: the run goes without %s", path.name)
        return None
    return path
