"""The stages of an analysis, each of which reads the run, computes, and writes the run.

A stage that finished with the same key is passed over; its key is made from its own version and
settings and from the keys of the stages it reads, so that a change travels down and no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog, check_problem_share, check_usable
from curate.detectors import DETECTORS
from curate.findings import stage_rng
from curate.inference.embedder import Embedder
from curate.numerics.neighbors import knn
from curate.numerics.probabilities import softmax
from curate.pipeline.settings import Settings
from curate.progress import Progress, log
from curate.store.run import Run, cache_key
from curate.store.schema import PROBLEMS

NEIGHBORS = 50
"""Width of the one neighbour graph: enough for copies, outliers, label votes and the map."""

EMBED_VERSION = 2
"""Of the stage `embed`; apart, because whether it is done decides whether a model is loaded."""

DOING = {
    "embed": "one pass over the images",
    "neighbors": f"the {NEIGHBORS} nearest images of each",
    "probabilities": "out-of-fold probabilities",
    "metrics": "accuracy, F1, confusion, calibration",
    "detect": "looking for hard cases",
    "projection": "UMAP",
    "tiers": "curriculum tiers",
}
"""What each stage does, for the person who waits for it."""


@dataclass
class Stages:
    """Runs stages on one run and remembers which were done and which were taken from the cache.

    Attributes:
        run: where artefacts are read and written.
        keys: stage name -> key, for the keys of later stages.
        cached: the stages that were passed over.
    """

    run: Run
    keys: dict[str, str] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)

    def do(
        self,
        name: str,
        version: int,
        settings: Any,
        after: Iterable[str],
        files: Iterable[str],
        work: Callable[[], None],
    ) -> None:
        """Do one stage unless it is done.

        Args:
            name: of the stage.
            version: raised when the stage computes something else from the same input.
            settings: JSON-like, of this stage alone.
            after: names of the stages whose output it reads.
            files: what it writes, relative to the run.
            work: computes and writes.
        """
        key = cache_key(name, version, settings, [self.keys[other] for other in after])
        self.keys[name] = key
        if self.run.is_done(name, key):
            self.cached.append(name)
            log.info("%s: taken from the cache", name)
            return
        log.info("%s: %s", name, DOING[name])
        with self.run.stage(name, key, files):
            work()


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
    progress: Progress,
) -> None:
    """The one pass over the images: embeddings, logits, views, thumbnails, statistics."""
    from curate.inference.passes import run_pass

    table = catalog.table
    done = run_pass(table["filepath"].tolist(), embedder, views, workers, progress)
    bad = table[~done.readable]
    problems = pd.DataFrame(
        {
            "sample_id": bad["sample_id"],
            "problem": [done.problems[int(i)][0] for i in bad.index],
            "detail": [done.problems[int(i)][1] for i in bad.index],
        }
    )
    check_problem_share(catalog.n_images, all_problems(catalog, problems))
    check_usable(catalog.root, table["split"].unique(), readable(table, problems))
    run.write_table("decode_problems", problems)
    rows = readable(table, problems)["sample_id"].tolist()
    run.write_table("image_stats", done.stats.assign(sample_id=rows))
    run.write_array("embeddings", done.embeddings, rows)
    run.write_array("cache/thumbnails", done.thumbnails, rows)
    for view, values in done.views.items():
        run.write_array(f"cache/view_{view}", values, rows)
    if done.logits is not None:
        assert embedder.class_names is not None
        order = [embedder.class_names.index(name) for name in catalog.class_names]
        run.write_array("cache/logits", done.logits[:, order], rows)
    run.save(inference=embedder.settings())


def embed_files(views: tuple[str, ...], has_logits: bool) -> list[str]:
    """What `embed` writes."""
    files = [
        "cache/decode_problems.parquet", "cache/image_stats.parquet", "embeddings.npy",
        "cache/thumbnails.npy", *[f"cache/view_{view}.npy" for view in views],
    ]  # fmt: skip
    return [*files, "cache/logits.npy"] if has_logits else files


def wanted_views() -> tuple[str, ...]:
    """The transformed views that the registered detectors ask for."""
    return tuple(sorted({view for kind in DETECTORS.values() for view in kind.views}))


def neighbors(run: Run, rows: list[str], progress: Progress) -> None:
    """The neighbour graph of the embeddings."""
    graph = knn(run.array("embeddings", rows), NEIGHBORS, progress)
    run.write_array("cache/neighbor_indices", graph.indices, rows)
    run.write_array("cache/neighbor_distances", graph.distances, rows)


def probabilities(
    run: Run, table: pd.DataFrame, names: tuple[str, ...], settings: Settings, progress: Progress
) -> None:
    """Held-out probabilities: a probe for train, the checkpoint or the probe for the rest."""
    from curate.inference.probe import out_of_fold

    rows = table["sample_id"].tolist()
    is_train = (table["split"] == "train").to_numpy()
    probe = out_of_fold(
        np.asarray(run.array("embeddings", rows)),
        label_numbers(table["label"], names),
        is_train,
        fold_groups(table),
        len(names),
        settings.folds,
        stage_rng(settings.seed, "probabilities"),
        progress,
    )
    probs, info = probe.pred_probs, probe.info
    few = [names[c] for c in info["classes_with_fewer_images_than_folds"]]
    info["classes_with_fewer_images_than_folds"] = few
    if few:
        log.warning(
            "%d classes have fewer images than folds (%s): some of their images are predicted by a "
            "probe that saw none of the class", len(few), ", ".join(few[:5]),
        )  # fmt: skip
    if settings.checkpoint is not None:
        probs = probs.copy()
        probs[~is_train] = softmax(np.array(run.array("cache/logits", rows))[~is_train])
    run.write_array("probs", probs, rows)
    run.write_array("cache/folds", probe.folds, rows)
    run.save(probe=info)


def label_numbers(labels: pd.Series[str], names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """(n,) class numbers, -1 for no label."""
    return pd.Categorical(labels, categories=list(names)).codes.astype(np.int64)


def fold_groups(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    """(n,) fold units: rows joined by a group or by equal bytes, however indirectly."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(table)
    digest = pd.factorize(table["content_digest"])[0]
    group = table["group"].fillna("")
    own = pd.factorize(group.where(group != "", table["sample_id"]))[0]
    # A bipartite graph of images against digests and groups; its components are the units.
    left = np.tile(np.arange(n), 2)
    right = np.concatenate([n + digest, n + digest.max(initial=-1) + 1 + own])
    size = int(right.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    units: np.ndarray[Any, Any] = connected_components(graph, directed=False)[1][:n]
    return units


def projection(run: Run, rows: list[str], seed: int, progress: Progress) -> None:
    """The two-dimensional map."""
    from curate.numerics.projection import project
    from curate.pipeline.evidence import graph_of

    placed = project(
        np.asarray(run.array("embeddings", rows)),
        graph_of(run, rows),
        stage_rng(seed, "projection"),
        progress,
    )
    run.write_array("projection", placed, rows)
