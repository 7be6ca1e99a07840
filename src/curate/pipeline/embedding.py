"""The stage that looks at the images: a pass into shards, then arrays that follow the catalog."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog
from curate.data.checks import check_problem_share, check_usable
from curate.data.statistics import STATISTICS
from curate.detectors import Detector
from curate.detectors.cascade import sample_views, suspect_views
from curate.detectors.orientation import Orientation
from curate.findings import Evidence, Floats, Ints
from curate.inference.embedder import Embedder
from curate.inference.passes import IDENTITY, Work, array_name, embed_into, missing_work
from curate.pipeline.models import arguments
from curate.pipeline.settings import Settings
from curate.pipeline.stages import has_logits, label_numbers
from curate.progress import Progress, log
from curate.store.run import Run, cache_key
from curate.store.schema import PROBLEMS
from curate.store.shards import Shards

VERSION = 8
"""Of the stage `embed`; apart, because whether it is done decides whether a model is loaded."""

SHARDS_VERSION = 5
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
    views: Mapping[str, bool],
    workers: int,
    settings: Settings,
    progress: Progress,
) -> None:
    """The pass over the images: embeddings, logits, some views, thumbnails, statistics.

    Views cost a forward pass each, so they are embedded of a fixed sample at first, and then of the
    images that look turned by what the sample shows; see `curate.detectors.cascade`. What the
    shards of this run hold already is not computed again, whichever file it came from.
    """
    table, source = catalog.table, settings.source
    digests = table["content_digest"].tolist()
    home = run.path / "cache" / "shards"
    shards = Shards(home / cache_key("shards", SHARDS_VERSION, embedder.digest)[:16])
    speed = _Speed()

    def look(rows: pd.DataFrame, by_view: Mapping[str, Ints]) -> dict[str, tuple[str, str]]:
        work = _work(rows, by_view)
        todo = sum(len(one.views) for one in missing_work(shards, work))
        if settings.engine == "ray":
            with speed.timed(todo):
                return _on_ray(shards, work, embedder, catalog, settings, progress)
        if todo:
            embedder.start(todo)  # converting a model is no part of its speed
        with speed.timed(todo):
            return embed_into(shards, work, embedder, workers, progress, source.max_pixels)

    passing = look(table, _first(table, views, settings))
    problems = pd.DataFrame(
        [
            (sample_id, *found)
            for sample_id, digest in zip(table["sample_id"], digests, strict=True)
            if (found := shards.note(digest) or passing.get(digest)) is not None
        ],
        columns=["sample_id", "problem", "detail"],
    )
    check_problem_share(catalog.n_images, all_problems(catalog, problems), source.max_problems)
    good = readable(table, problems)
    check_usable(catalog.root, table["split"].unique(), good)
    run.write_table("decode_problems", problems)
    _assemble(run, good, shards)
    planned = _first(good, views, settings)  # without those that cannot be decoded, others count
    look(good, planned)
    _assemble_views(run, good, shards, planned)
    if set(Orientation.views) <= set(views) and not settings.all_views:
        more = suspect_views(_turned_evidence(run, good, catalog, planned, settings.seed))
        if any(len(rows) for rows in more.values()):
            log.info("embedding turned copies of images that look turned")
            look(good, more)
            planned = {v: np.union1d(rows, more.get(v, rows[:0])) for v, rows in planned.items()}
            _assemble_views(run, good, shards, planned)
    run.drop_array("cache/logits")
    if embedder.class_names is not None:
        _logits(run, good, shards, embedder.class_names, catalog.class_names)
    recorded = embedder.settings()
    before = run.info.get("inference") or {}
    same = {key: before.get(key) for key in recorded} == recorded
    run.save(inference={**recorded, **speed.recorded(before if same else {})})
    shards.keep_only(digests)
    for other in home.iterdir():
        if other != shards.folder:  # of another model
            shutil.rmtree(other)


def _on_ray(
    shards: Shards, work: Sequence[Work], embedder: Embedder, catalog: Catalog,
    settings: Settings, progress: Progress,
) -> dict[str, tuple[str, str]]:  # fmt: skip
    from curate.inference.ray_engine import Cluster, embed_on_ray

    cluster = Cluster(
        settings.ray_address, settings.ray_actors, settings.ray_gpus, settings.workers
    )
    model = arguments(settings, catalog.class_names)
    return embed_on_ray(
        shards, work, embedder, model, cluster, settings.source.max_pixels, progress
    )


class _Speed:
    """How many images a second went through the model, decoding included."""

    def __init__(self) -> None:
        self.passes, self.seconds = 0, 0.0

    @contextmanager
    def timed(self, passes: int) -> Iterator[None]:
        """Count so many forward passes for the time that the block takes."""
        start = time.perf_counter()
        yield
        if passes:
            self.passes += passes
            self.seconds += time.perf_counter() - start

    def recorded(self, before: Mapping[str, Any]) -> dict[str, float]:
        """For `run.json`; where shards held everything, what was recorded before of the same."""
        if self.passes:
            return {"images_per_second": round(self.passes / max(self.seconds, 1e-9), 2)}
        known = before.get("images_per_second")
        return {} if known is None else {"images_per_second": float(known)}


def _first(table: pd.DataFrame, views: Mapping[str, bool], settings: Settings) -> dict[str, Ints]:
    """Per view the rows whose copies are embedded whatever is found."""
    every = np.arange(len(table))
    sample = sample_views(table["sample_id"].to_numpy(dtype=str), settings.seed)
    return {
        view: every if whole or settings.all_views else sample[view]
        for view, whole in views.items()
    }


def _work(table: pd.DataFrame, by_view: Mapping[str, Ints]) -> list[Work]:
    wanted: list[list[str]] = [[IDENTITY] for _ in range(len(table))]
    for view, rows in by_view.items():
        for row in rows.tolist():
            wanted[row].append(view)
    images = zip(table["filepath"], table["content_digest"], wanted, strict=True)
    return [Work(path, digest, tuple(views)) for path, digest, views in images]


def _assemble(run: Run, table: pd.DataFrame, shards: Shards) -> None:
    """Copy rows from the shards into arrays and a table in the catalog's order."""
    rows, digests = table["sample_id"].tolist(), table["content_digest"].tolist()
    for name, artefact, kind in (
        ("embeddings", "embeddings", "float32"), ("thumbnails", "cache/thumbnails", "uint8"),
    ):  # fmt: skip
        with run.new_array(artefact, (len(rows), *shards.shape(name)), kind, rows) as out:
            shards.gather(name, digests, out)
    values = np.empty((len(rows), len(STATISTICS)))
    shards.gather("stats", digests, values)
    stats = pd.DataFrame(values, columns=list(STATISTICS))
    run.write_table("image_stats", stats.assign(sample_id=rows))


def _assemble_views(
    run: Run, table: pd.DataFrame, shards: Shards, by_view: Mapping[str, Ints]
) -> None:
    """Per view an array of its embeddings, and the row numbers of the images it has."""
    ids, digests = table["sample_id"].to_numpy(dtype=str), table["content_digest"].tolist()
    width = shards.shape("embeddings")
    for view, rows in by_view.items():
        those = ids[rows].tolist()
        run.write_array(f"cache/rows_{view}", rows.astype(np.int64), ids.tolist())
        with run.new_array(
            f"cache/{array_name(view)}", (len(rows), *width), "float32", those
        ) as out:
            shards.gather(array_name(view), [digests[row] for row in rows.tolist()], out)


def views_of(
    run: Run, ids: Sequence[str], views: Iterable[str]
) -> tuple[dict[str, Floats], dict[str, Ints] | None]:
    """`Evidence.view_embeddings` and `Evidence.view_rows` of a run."""
    rows = {view: np.asarray(run.array(f"cache/rows_{view}", ids)) for view in views}
    arrays = {
        view: run.array(f"cache/{array_name(view)}", [ids[row] for row in own.tolist()])
        for view, own in rows.items()
    }
    whole = all(len(own) == len(ids) for own in rows.values())
    return arrays, None if whole else rows


def _turned_evidence(
    run: Run, table: pd.DataFrame, catalog: Catalog, by_view: Mapping[str, Ints], seed: int
) -> Evidence:
    ids = table["sample_id"].tolist()
    arrays, rows = views_of(run, ids, by_view)
    return Evidence(
        sample_ids=np.asarray(ids, dtype=str),
        labels=label_numbers(table["label"], catalog.class_names),
        splits=table["split"].to_numpy(dtype=str),
        class_names=catalog.class_names,
        embeddings=np.asarray(run.array("embeddings", ids)),
        view_embeddings=arrays,
        view_rows=rows,
        digests=table["content_digest"].to_numpy(dtype=str),
        groups=table["group"].fillna("").to_numpy(dtype=str),
        seed=seed,
    )


def _logits(
    run: Run, table: pd.DataFrame, shards: Shards, theirs: tuple[str, ...], ours: tuple[str, ...]
) -> None:
    """The checkpoint's logits, columns in the order of the run's classes."""
    rows = table["sample_id"].tolist()
    order = [theirs.index(name) for name in ours]
    with run.new_array("cache/logits", (len(rows), len(theirs)), "float32", rows) as out:
        shards.gather("logits", table["content_digest"].tolist(), out)
        out[:] = out[:, order]


def files(run: Run, views: Iterable[str]) -> Iterator[str]:
    """What `embed` writes; to be asked when it has, since only then it is known."""
    yield from (
        "cache/decode_problems.parquet", "cache/image_stats.parquet", "embeddings.npy",
        "cache/thumbnails.npy", *[f"cache/view_{view}.npy" for view in views],
        *[f"cache/rows_{view}.npy" for view in views],
    )  # fmt: skip
    if has_logits(run):
        yield "cache/logits.npy"


def wanted_views(detectors: Mapping[str, Detector]) -> dict[str, bool]:
    """The transformed views that detectors ask for: view -> whether of every image.

    `orientation` makes do with the copies of some, see `curate.detectors.cascade`.
    """
    every = {
        view: kind != Orientation.kind for kind, one in detectors.items() for view in one.views
    }
    for view in Orientation.views:
        if view in every:
            others = [one for kind, one in detectors.items() if kind != Orientation.kind]
            every[view] = any(view in one.views for one in others)
    return dict(sorted(every.items()))
