"""The facts of a dataset, without a model: what ``curate inspect`` says and every run keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog, scan
from curate.data.facts import catalog_facts
from curate.data.images import UnreadableImage, load_rgb
from curate.data.source import Source
from curate.data.statistics import STATISTICS, image_stats
from curate.findings import stage_rng
from curate.pipeline.odd_classes import odd_classes, odd_splits
from curate.pipeline.pixel_facts import pixel_facts
from curate.progress import Progress, silent
from curate.store.schema import PROBLEMS

SAMPLE = 2000
"""Images decoded unless told otherwise: a median is then known to about two percentiles."""

_BATCH = 16
"""Images a task: a task an image would cost more than decoding a small one does."""


def inspect(
    source: Source | str,
    given: pd.DataFrame | None = None,
    sample: int | None = SAMPLE,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Scan a source, look at the pixels of a sample of its images, and say what is there.

    Nothing is written anywhere.

    Args:
        source: where the images are; or a folder.
        given: a table of images in memory, as for `curate.data.catalog.scan`.
        sample: how many images are decoded at most; None for all.
        seed: of the sample and of made splits.
        progress: opens the bars.

    Returns:
        Plain JSON values, see `facts_of`.

    Raises:
        DataError: the source cannot be used.
    """
    if not isinstance(source, Source):
        source = Source(source)
    catalog = scan(source, given, None, progress, seed)
    rows = sample_rows(catalog.table, sample, stage_rng(seed, "inspect"))
    chosen = catalog.table.iloc[rows]
    statistics, failed = measure(chosen, source.max_pixels, progress)
    return facts_of(catalog, statistics, failed)


def facts_of(
    catalog: Catalog, statistics: pd.DataFrame, decode_problems: pd.DataFrame | None = None
) -> dict[str, Any]:
    """All facts of a dataset: those of its files, of its pixels, and the classes to look at.

    Args:
        catalog: of the images.
        statistics: `sample_id` and `curate.data.statistics.STATISTICS` of the images that were
            measured, all of them or a sample.
        decode_problems: `sample_id`, `problem` and `detail` of images that could not be decoded
            while measuring; the facts count them as problems.

    Returns:
        The topics of `curate.data.facts.catalog_facts`, and `pixels`, `odd_classes`, `odd_splits`.
    """
    failed = 0
    if decode_problems is not None and len(decode_problems):
        table, failed = catalog.table, len(decode_problems)
        bad = table.merge(decode_problems, on="sample_id", validate="one_to_one")[[*PROBLEMS]]
        good = table[~table["sample_id"].isin(decode_problems["sample_id"])]
        problems = pd.concat([catalog.problems, bad], ignore_index=True)
        catalog = replace(catalog, table=good.reset_index(drop=True), problems=problems)
    return {
        **catalog_facts(catalog),
        "pixels": pixel_facts(catalog.table, statistics, failed),
        "odd_classes": odd_classes(catalog.table, catalog.problems, statistics),
        "odd_splits": odd_splits(catalog.table, statistics),
    }


def sample_rows(table: pd.DataFrame, size: int | None, rng: np.random.Generator) -> Any:
    """Row numbers of a sample that holds every class and split in proportion, in order.

    Idea: the rows are shuffled, laid in a line by class and split, and every (n / size)-th is
    taken, from a random start. Each image is as likely as any other, and each class has its share
    to within one image. Source: systematic sampling, Cochran, "Sampling Techniques", 1977, 8.

    Args:
        table: with columns `label` (may be missing) and `split`.
        size: of the sample; None takes all rows.
        rng: of the shuffle and the start.
    """
    n = len(table)
    if size is None or size >= n:
        return np.arange(n)
    shuffled = rng.permutation(n)
    label = pd.factorize(table["label"], sort=True)[0][shuffled]
    split = pd.factorize(table["split"], sort=True)[0][shuffled]
    line = shuffled[np.lexsort((split, label))]
    at = np.floor((np.arange(size) + rng.random()) * (n / size)).astype(np.int64)
    return np.sort(line[np.minimum(at, n - 1)])


def measure(
    chosen: pd.DataFrame, max_pixels: int, progress: Progress = silent
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode images and measure their pixels, in as many threads as there are cores.

    Only a few decoded images are in memory at a time, whatever their number.

    Args:
        chosen: images with `sample_id` and `filepath`.
        max_pixels: larger images are problems.
        progress: opens the bar.

    Returns:
        `sample_id` and `STATISTICS` of each image that could be decoded, in the order given; and
        `sample_id`, `problem`, `detail` of each one that could not.
    """
    found: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    ids = chosen["sample_id"].tolist()
    with progress("look at pixels", total=len(ids), unit="image") as bar:
        for start, batch in _measured(chosen["filepath"].tolist(), max_pixels):
            for sample_id, result in zip(ids[start : start + _BATCH], batch, strict=True):
                (failed if "problem" in result else found).append(
                    {"sample_id": sample_id, **result}
                )
            bar.update(len(batch))
    return (
        pd.DataFrame(found, columns=["sample_id", *STATISTICS]).astype({"sample_id": "str"}),
        pd.DataFrame(failed, columns=["sample_id", "problem", "detail"]).astype("str"),
    )


def _measured(
    paths: Sequence[str], max_pixels: int
) -> Iterator[tuple[int, list[dict[str, float] | dict[str, str]]]]:
    """What each batch of paths gave, in order."""

    def one(path: str) -> dict[str, float] | dict[str, str]:
        try:
            return image_stats(np.asarray(load_rgb(path, max_pixels)))
        except UnreadableImage as error:
            return {"problem": error.problem, "detail": error.detail}

    def several(start: int) -> list[dict[str, float] | dict[str, str]]:
        return [one(path) for path in paths[start : start + _BATCH]]

    starts = range(0, len(paths), _BATCH)
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        try:
            yield from zip(starts, pool.map(several, starts), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)
