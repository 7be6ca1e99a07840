"""Images as they lie, without an analysis, as what a training follows: for a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog, scan
from curate.data.checks import check_problem_share, check_usable
from curate.data.source import Source
from curate.errors import TrainingError, listed
from curate.pipeline.curriculum import EPOCHS
from curate.pipeline.inspect import measure
from curate.pipeline.settings import Settings
from curate.progress import Progress, log
from curate.recipe.curriculum import ABOUT, COLUMNS, FORMAT, SCHEMA_VERSION
from curate.recipe.schedule import make_schedule
from curate.remedies.formats.manifests import write_csv
from curate.store.files import write_json

PRESETS = ("none", "sketch-winner", "self-paced")
"""The schedules that do not ask how difficult an image is, which only an analysis knows."""

TIER, SPLITS = "all", ("train", "val", "test")
ALL_COLUMNS = (*COLUMNS, "group", "content_digest")


def source_of(source: str | Path | Source | None, **options: Any) -> Path | Source:
    """The absolute path of an export or a run, or where images are.

    Args:
        source: a folder, or ``fiftyone:NAME``; None where the options say everything.
        **options: fields of `Source`, by name.

    Raises:
        TrainingError: options of images are given with an export or a run.
        DataError: the options contradict each other.
    """
    if isinstance(source, Source):
        return source
    place = None if source is None else Path(source).expanduser().resolve()
    if place is None or not any((place / name).is_file() for name in (ABOUT, "run.json")):
        return Settings.of(source, **options).source
    if options:
        names = listed(f"--{name.removesuffix('s').replace('_', '-')}" for name in options)
        raise TrainingError(
            f"Expected {names} with a folder of images, found the export or run {place}, which "
            "has its images, labels and splits. Leave them out."
        )
    return place


def check_preset(asked: str | None) -> None:
    """Refuse a curriculum that goes by an analysis.

    Raises:
        TrainingError: it is none of `PRESETS`.
    """
    if asked is not None and asked not in PRESETS:
        raise TrainingError(
            f"Expected --curriculum of {', '.join(PRESETS)} for images without an analysis, found "
            f"{asked!r}, which goes by how difficult each image is. Find that out: `curate analyze "
            "DATA --run RUN`, then `curate train RUN --to DIR`."
        )


def write_plain(
    source: Source, given: pd.DataFrame | None, folder: Path, seed: int, progress: Progress
) -> None:
    """Write the images of a source as an export without tiers, policy or anybody's decisions.

    Every image is decoded once, so that a broken one is left out here and does not stop the
    training.

    Args:
        source: where the images are.
        given: a table of images in memory, as for `curate.data.catalog.scan`.
        folder: to write.
        seed: of splits that the source asks to be made, and of the training.
        progress: for the bars.

    Raises:
        DataError: the source cannot be used, or too many of its images.
    """
    catalog = scan(source, given, None, progress, seed)
    failed = measure(catalog.table, source.max_pixels, progress)[1]
    table = _readable(catalog, failed, source.max_problems)
    for note in [*catalog.first_notes, *catalog.notes]:
        log.info("%s", note)
    names = catalog.class_names
    if len(failed):
        names = check_usable(catalog.root, sorted(table["split"].unique()), table)
    left_out = len(catalog.problems) + len(failed)
    if left_out:
        log.warning("%d images cannot be read and are left out: see `curate inspect`", left_out)
    numbers = {name: str(number) for number, name in enumerate(names)}
    label = table["label"].fillna("").astype(str)
    whole = table.assign(
        label=label, target=label.map(numbers).fillna(""), difficulty="", weight="1", turn="",
        tier=np.where(table["split"] == "train", TIER, ""),
    )  # fmt: skip
    for split in SPLITS:
        write_csv(whole[whole["split"] == split], folder / f"{split}.csv", ALL_COLUMNS)
    write_json(folder / ABOUT, {
        "format": FORMAT, "schema_version": SCHEMA_VERSION, "seed": seed, "classes": list(names),
        **make_schedule("none", EPOCHS, (TIER,)).to_json(), "policy": None,
    })  # fmt: skip


def _readable(catalog: Catalog, failed: pd.DataFrame, limit: float) -> pd.DataFrame:
    """The images that can be decoded."""
    bad = catalog.table.merge(failed, on="sample_id", validate="one_to_one")
    problems = pd.concat([catalog.problems, bad[list(catalog.problems.columns)]])
    check_problem_share(catalog.n_images, problems, limit)
    good = catalog.table[~catalog.table["sample_id"].isin(failed["sample_id"])]
    return good.reset_index(drop=True)
