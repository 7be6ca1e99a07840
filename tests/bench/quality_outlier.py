"""Planted foreign images: rows of one dataset's embeddings among another's, the same backbone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from material import Row, analysed, evidence
from numpy.typing import NDArray

from curate.detectors.outlier import Outlier
from curate.findings import Evidence, Floats
from curate.inference.probe import out_of_fold
from curate.numerics.neighbors import knn

SETS = ("sketch7", "masks3", "sports11")
SEEDS = (0, 1)
SINGLE, GROUP = 20, 30


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Every pair of datasets: foreign images with labels at random, and of one class and label."""
    known = {name: evidence(analysed(data / name, weights))[0] for name in SETS}
    for host in SETS:
        share = float(Outlier().detect(known[host]).table["flagged"].mean())
        yield Row("outlier", f"nothing, {host}", "flagged", share, "<= 0.02", share <= 0.02, {})
        for guest in SETS:
            if guest == host:
                continue
            for how, n in (("apart", SINGLE), ("a group, one label", GROUP)):
                found = [_run(known[host], known[guest], n, how, seed) for seed in SEEDS]
                ours, flagged, extra, features, probabilities = np.mean(found, axis=0)
                best = max(features, probabilities)
                yield Row(
                    "outlier", f"{n} of {guest} in {host}, {how}", "AUROC", float(ours),
                    ">= cleanlab", bool(ours >= best - 5e-4),
                    {"cleanlab kNN": float(features), "cleanlab probs": float(probabilities),
                     "recall flagged": float(flagged), "others": float(extra)},
                )  # fmt: skip


def _run(
    host: Evidence, guest: Evidence, n: int, how: str, seed: int
) -> tuple[float, float, float, float, float]:
    from cleanlab.outlier import OutOfDistribution
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    if how == "apart":
        chosen = rng.choice(len(guest), n, replace=False)
        labels = rng.integers(0, len(host.class_names), n)
    else:
        of_class = np.flatnonzero(guest.labels == rng.integers(len(guest.class_names)))
        chosen = rng.permutation(of_class)[:n]
        labels = np.full(len(chosen), rng.integers(len(host.class_names)))
    planted = _joined(host, guest, chosen, labels)
    foreign = np.arange(len(planted)) >= len(host)
    table = Outlier().detect(planted).table
    flagged = table["flagged"].to_numpy()
    assert planted.embeddings is not None
    assert planted.pred_probs is not None
    by_features = OutOfDistribution().fit_score(
        features=planted.embeddings.astype(np.float64), verbose=False
    )
    by_probabilities = OutOfDistribution().fit_score(
        pred_probs=planted.pred_probs, labels=planted.labels, verbose=False
    )

    def auroc(score: Floats) -> float:
        return float(roc_auc_score(foreign, -np.asarray(score)))

    return (
        auroc(table["score"].to_numpy()), float(flagged[foreign].mean()),
        float(flagged[~foreign].mean()), auroc(by_features), auroc(by_probabilities),
    )  # fmt: skip


def _joined(
    host: Evidence, guest: Evidence, chosen: NDArray[np.int64], labels: NDArray[np.int64]
) -> Evidence:
    """The host's rows with some of the guest's behind them, and new probabilities of all."""
    assert host.embeddings is not None
    assert guest.embeddings is not None
    embeddings = np.concatenate([host.embeddings, guest.embeddings[chosen]])
    both = np.concatenate([host.labels, labels])
    n = len(both)
    probe = out_of_fold(
        embeddings, both, np.ones(n, dtype=bool), np.arange(n).astype(str),
        len(host.class_names), 5, np.random.default_rng(0),
    )  # fmt: skip
    stats = [part.image_stats for part in (host, guest)]
    assert stats[0] is not None
    assert stats[1] is not None
    return replace(
        host,
        sample_ids=np.array([f"{i:06d}" for i in range(n)]),
        labels=both,
        splits=np.concatenate([host.splits, guest.splits[chosen]]),
        embeddings=embeddings,
        neighbors=knn(embeddings, 20),
        pred_probs=probe.pred_probs,
        # The embedding alone has to tell: statistics of photographs give themselves away.
        image_stats=pd.concat([stats[0], stats[0].iloc[np.arange(len(chosen)) % len(host)]]),
        file_facts=None,
        metadata=None,
        view_embeddings=None,
        copies=None,
    )
