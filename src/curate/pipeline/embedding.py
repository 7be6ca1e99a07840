"""The stage that looks at the images: a pass into shards, then arrays that follow the catalog."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog
from curate.data.checks import check_problem_share, check_usable
from curate.data.source import Source
from curate.data.statistics import STATISTICS
from curate.detectors import DETECTORS
from curate.inference.embedder import Embedder
from curate.inference.passes import IDENTITY, Work, array_name, embed_into
from curate.progress import Progress
from curate.store.run import Run, cache_key
from curate.store.schema import PROBLEMS
from curate.store.shards import Shards

VERSION = 3
"""Of the stage `embed`; apart, because whether it is done decides whether a model is loaded."""

SHARDS_VERSION = 1
"""Raised when the same file, model and view give other rows."""


def readable(catalog: pd.DataFrame, decode_problems: pd.DataFrame) -> pd.DataFrame:
    """The catalog's rows whose images could be decoded: the rows of every array."""
    return catalog[~catalog["sample_id"].isin(decode_problems["sample_id"])].reset_index(drop=True)


def all_problems(catalog: Catalog, decode_problems: pd.DataFrame) -> pd.DataFrame:
    """The problems table: those of the scan and those of decoding, at the paths of today."""
    bad = catalog.table.merge(decode_problems, on="sample_id")[list(PROBLEMS)]
    return pd.concat([catalog.problems, bad], ignore_index=True)


def embed(
    run: Run,
    catalog: Catalog,
    embedder: Embedder,
    views: tuple[str, ...],
    workers: int,
    source: Source,
    progress: Progress,
) -> None:
    """The one pass over the images: embeddings, logits, views, thumbnails, statistics.

    What the shards of this run hold already is not computed again, whichever file it came from.
    """
    table = catalog.table
    digests = table["content_digest"].tolist()
    home = run.path / "cache" / "shards"
    shards = Shards(home / cache_key("shards", SHARDS_VERSION, embedder.digest)[:16])
    wanted = (IDENTITY, *views)
    work = [Work(path, digest, wanted)
            for path, digest in zip(table["filepath"], digests, strict=True)]  # fmt: skip
    passing = embed_into(shards, work, embedder, workers, progress, source.max_pixels)
    problems = pd.DataFrame(
        [
            (sample_id, *found)
            for sample_id, digest in zip(table["sample_id"], digests, strict=True)
            if (found := shards.note(digest) or passing.get(digest)) is not None
        ],
        columns=["sample_id", "problem", "detail"],
    )
    check_problem_share(catalog.n_images, all_problems(catalog, problems), source.max_problems)
    check_usable(catalog.root, table["split"].unique(), readable(table, problems))
    run.write_table("decode_problems", problems)
    _assemble(run, readable(table, problems), shards, views)
    run.drop_array("cache/logits")
    if embedder.class_names is not None:
        _logits(run, readable(table, problems), shards, embedder.class_names, catalog.class_names)
    run.save(inference=embedder.settings())
    shards.keep_only(digests)
    for other in home.iterdir():
        if other != shards.folder:  # of another model
            shutil.rmtree(other)


def _assemble(run: Run, table: pd.DataFrame, shards: Shards, views: tuple[str, ...]) -> None:
    """Copy rows from the shards into arrays and a table in the catalog's order."""
    rows, digests = table["sample_id"].tolist(), table["content_digest"].tolist()
    names = {"embeddings": "embeddings", "thumbnails": "cache/thumbnails"}
    names |= {array_name(view): f"cache/{array_name(view)}" for view in views}
    for name, artefact in names.items():
        kind = "uint8" if name == "thumbnails" else "float32"
        with run.new_array(artefact, (len(rows), *shards.shape(name)), kind, rows) as out:
            shards.gather(name, digests, out)
    values = np.empty((len(rows), len(STATISTICS)))
    shards.gather("stats", digests, values)
    stats = pd.DataFrame(values, columns=list(STATISTICS))
    run.write_table("image_stats", stats.assign(sample_id=rows))


def _logits(
    run: Run, table: pd.DataFrame, shards: Shards, theirs: tuple[str, ...], ours: tuple[str, ...]
) -> None:
    """The checkpoint's logits, columns in the order of the run's classes."""
    rows = table["sample_id"].tolist()
    order = [theirs.index(name) for name in ours]
    with run.new_array("cache/logits", (len(rows), len(theirs)), "float32", rows) as out:
        shards.gather("logits", table["content_digest"].tolist(), out)
        out[:] = out[:, order]


def files(run: Run, views: tuple[str, ...]) -> Iterator[str]:
    """What `embed` writes; to be asked when it has, since only then it is known."""
    yield from (
        "cache/decode_problems.parquet", "cache/image_stats.parquet", "embeddings.npy",
        "cache/thumbnails.npy", *[f"cache/view_{view}.npy" for view in views],
    )  # fmt: skip
    if has_logits(run):
        yield "cache/logits.npy"


def has_logits(run: Run) -> bool:
    """Whether the model is a classifier of the run's classes."""
    return "cache/logits" in run.info["arrays"]


def wanted_views() -> tuple[str, ...]:
    """The transformed views that the registered detectors ask for."""
    return tuple(sorted({view for kind in DETECTORS.values() for view in kind.views}))
