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

from curate.data.units import fold_units
from curate.errors import listed
from curate.findings import Copies, Ints, stage_rng
from curate.numerics.folds import join_pairs
from curate.numerics.neighbors import knn
from curate.numerics.probabilities import softmax
from curate.pipeline.settings import Settings
from curate.progress import Progress, log
from curate.store.run import Run, cache_key

NEIGHBORS = 50
"""Width of the one neighbour graph: enough for copies, outliers, label votes and the map."""

DOING = {
    "embed": "one pass over the images",
    "neighbors": f"the {NEIGHBORS} nearest images of each",
    "probabilities": "out-of-fold probabilities",
    "dynamics": "what training recorded of each image",
    "metrics": "accuracy, F1, confusion, calibration",
    "detect": "looking for hard cases",
    "projection": "UMAP",
    "tiers": "curriculum tiers",
    "facts": "facts about the dataset",
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

    def undo(self, name: str, files: Iterable[str]) -> None:
        """Forget a stage that is asked for no more, and remove what it wrote."""
        self.run.info["stages"].pop(name, None)
        for file in files:
            (self.run.path / file).unlink(missing_ok=True)


def neighbors(run: Run, rows: list[str], progress: Progress) -> None:
    """The neighbour graph of the embeddings."""
    graph = knn(run.array("embeddings", rows), NEIGHBORS, progress)
    run.write_array("cache/neighbor_indices", graph.indices, rows)
    run.write_array("cache/neighbor_distances", graph.distances, rows)
    run.save(
        neighbors={
            "k": graph.indices.shape[1],
            "recall": graph.recall,
            "recall_interval": list(graph.recall_interval),
        }
    )


def probabilities(
    run: Run,
    table: pd.DataFrame,
    names: tuple[str, ...],
    settings: Settings,
    progress: Progress,
    copies: Copies | None = None,
) -> None:
    """Held-out probabilities: a probe for train, the checkpoint or the probe for the rest."""
    from curate.inference.probe import out_of_fold

    rows = table["sample_id"].tolist()
    is_train = (table["split"] == "train").to_numpy()
    labels = label_numbers(table["label"], names)
    units, apart = fold_groups(table, labels, copies, settings.folds)
    probe = out_of_fold(
        np.asarray(run.array("embeddings", rows)),
        labels,
        is_train,
        units,
        len(names),
        settings.folds,
        stage_rng(settings.seed, "probabilities"),
        progress,
    )
    probs, info = probe.pred_probs, probe.info
    for key in ("classes_with_fewer_images_than_folds", "classes_unseen_in_a_fold"):
        info[key] = [names[c] for c in info[key]]
    info["copies_in_different_folds"] = apart
    unseen = info["classes_unseen_in_a_fold"]
    if unseen:
        log.warning(
            "%d images are predicted by a probe that saw none of their class, which has too few "
            "images or groups in train (%s)", info["images_of_a_class_unseen"], listed(unseen),
        )  # fmt: skip
    if has_logits(run):
        probs = probs.copy()
        probs[~is_train] = softmax(np.array(run.array("cache/logits", rows))[~is_train])
    said = None
    if settings.predictions:
        from curate.inference.predictions import read_predictions

        given = read_predictions(settings.predictions, table, names)
        probs = np.where(given.covered[:, None], given.pred_probs, probs)
        said = given.info
    run.save(predictions=said)
    run.write_array("probs", probs, rows)
    run.write_array("cache/folds", probe.folds, rows)
    run.save(probe=info)


def has_logits(run: Run) -> bool:
    """Whether the model is a classifier of the run's classes."""
    return "cache/logits" in run.info["arrays"]


def label_numbers(labels: pd.Series[str], names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """(n,) class numbers, -1 for no label."""
    return pd.Categorical(labels, categories=list(names)).codes.astype(np.int64)


def fold_groups(
    table: pd.DataFrame, labels: Ints, copies: Copies | None = None, n_folds: int = 2
) -> tuple[Ints, int]:
    """(n,) fold units: rows joined by a group, by equal bytes, or as copies, however indirectly.

    Copies are joined as long as no unit outgrows a fold, see `curate.numerics.folds.join_pairs`.

    Args:
        table: the catalog's readable rows.
        labels: (n,) their class numbers.
        copies: the confirmed ones of these are kept together too.
        n_folds: the folds to come.

    Returns:
        the units, and how many pairs of copies may end in different folds.
    """
    units = fold_units(table["content_digest"].tolist(), table["group"].fillna("").tolist())
    if copies is None:
        return units, 0
    sure = np.flatnonzero(copies.confirmed)
    sure = sure[np.lexsort((copies.b[sure], copies.a[sure], copies.residuals[sure]))]
    pairs = np.column_stack([copies.a[sure], copies.b[sure]])
    return join_pairs(units, labels, (table["split"] == "train").to_numpy(), pairs, n_folds)


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
