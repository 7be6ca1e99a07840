"""What twice the images bring: foretold from a part of a class, compared with what came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from material import Row
from quality_confusable import NAMES, digits, of

from curate.detectors.imbalance import Imbalance
from curate.findings import Evidence
from curate.numerics.learning_curve import LEAST, Bench, class_curve, reduced

START = 48
"""Training images that a class is cut to; twice as many are what it is then compared with."""


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """The forecast of doubling, and what is named where nothing was planted."""
    for name in NAMES:
        clean = digits() if name == "digits" else of(data / name, weights)
        found = Imbalance().detect(clean)
        named = ", ".join(entry["class"] for entry in found.info["classes"]) or "none"
        yield Row(
            "imbalance", f"{name}: nothing planted, named: {named}", "share flagged",
            float(found.table["flagged"].mean()), "", True, {},
        )  # fmt: skip
        told = [one for c in range(len(clean.class_names)) for one in _foretold(clean, c)]
        if not told:
            continue
        low, gain, high, came, last = np.array(told).T
        known = low > LEAST
        label = f"{name}: {len(told)} classes cut to {START}, doubled"
        held = float(((low <= came) & (came <= high)).mean())
        yield Row("imbalance", label, "interval holds", held, ">= .9", held >= 0.9, {})
        error = float(np.abs(gain - came).mean())
        peers = {
            "no gain": float(np.abs(came).mean()),
            "as last": float(np.abs(last - came).mean()),
        }
        best = min(peers.values())
        yield Row("imbalance", label, "mean error of gain", error, "least", error <= best, peers)
        yield Row("imbalance", label, "share it knows", float(known.mean()), "", True, {})


def _foretold(clean: Evidence, label: int) -> Iterator[tuple[float, ...]]:
    """Interval and forecast of one class's gain, what came, and what the last doubling brought.

    What came is measured on images that neither of the two training sets holds.
    """
    assert clean.embeddings is not None
    rng = np.random.default_rng(label)
    mine = np.flatnonzero(clean.labels == label)
    if len(mine) < 3 * START:
        return
    mine = rng.permutation(mine)
    others = np.flatnonzero((clean.labels != label) & (clean.splits == "train"))
    k = len(clean.class_names)

    def curve_on(count: int) -> Bench:
        used = np.concatenate([others, mine[:count]])
        X = reduced(clean.embeddings, used)
        folds = np.full(len(X), -1)
        folds[others] = np.arange(len(others)) % 5
        folds[mine[:count]] = np.arange(count) % 5
        return Bench.of(X, clean.labels, folds, k)

    small = curve_on(START)
    seen = np.full(len(clean), -1)
    seen[np.concatenate([others, mine[:START]])] = 1
    labels = np.where(seen == 1, clean.labels, -1)
    bench = Bench.of(small.X, labels, small.folds, k)
    curve = class_curve(bench, label, np.random.default_rng(0))
    if not len(curve.recall):
        return
    large, nothing = curve_on(2 * START), np.zeros(0, dtype=np.int64)
    rest = mine[2 * START :]

    def recall(of: Bench, count: int) -> float:
        return float(
            np.mean(
                [
                    of.hits(f, label, mine[:count][np.arange(count) % 5 != f], nothing, rest).mean()
                    for f in range(5)
                ]
            )
        )

    came = recall(large, 2 * START) - recall(small, START)
    yield (*curve.interval[:1], curve.gain, curve.interval[1], came,
           float(curve.recall[0] - curve.recall[1]))  # fmt: skip
