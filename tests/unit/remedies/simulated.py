"""A made dataset for the tests of policies: class clusters, and transforms that move embeddings."""

from __future__ import annotations

import numpy as np

from curate.findings import UNLABELLED, Evidence
from curate.numerics.intervals import wilson
from curate.remedies.augmented import Augmented, Measured
from curate.remedies.expectation import excess_of
from curate.remedies.prevalence import Prevalence

MIRROR = "vertical_flip"
HARMS = {MIRROR: 90, "half_turn": 70, "rotate": 45, "brightness_contrast": 30, "noise": 10}
"""Transforms, and by how many degrees each turns what tells classes into features of its own."""


def simulated(
    seed: int = 0,
    planted: float = 0.0,
    n_train: int = 160,
    n_val: int = 80,
    group: int = 1,
    labelled_val: bool = True,
) -> tuple[Evidence, dict[str, list[Augmented]], dict[str, Prevalence]]:
    """Four overlapping classes, and copies of every image by each of `HARMS`.

    Args:
        seed: of everything.
        planted: share of val images that are mirrored; a detector finds nine of ten, and flags one
            in thirty of all others.
        n_train, n_val: images.
        group: images of one group look alike.
        labelled_val: whether labels of val are known.
    """
    rng = np.random.default_rng(seed)
    d, n = 6, n_train + n_val
    unit = np.arange(n) // group
    labels = rng.integers(0, 4, n)[unit * group]
    signal = np.zeros((n, (1 + len(HARMS)) * d))
    signal[:, :d] = (1.2 * rng.normal(size=(4, d)))[labels]
    signal[:, :d] += 0.5 * rng.normal(size=(n, d))[unit] + 0.5 * rng.normal(size=(n, d))
    noise = 0.3 * rng.normal(size=signal.shape)
    X = signal + noise

    def changed(name: str) -> np.ndarray:
        angle, own = np.deg2rad(HARMS[name]), (1 + list(HARMS).index(name)) * d
        turned = signal * np.cos(angle)
        turned[:, own : own + d] = signal[:, :d] * np.sin(angle)
        return turned + noise

    splits = np.where(np.arange(n) < n_train, "train", "val")
    copies = {
        name: [Augmented(name, 1.0, np.arange(n), changed(name).astype(np.float32))]
        for name in HARMS
    }
    shows = (splits == "val") & (rng.random(n) < planted)
    X[shows] = changed(MIRROR)[shows]
    flagged = np.where(shows, rng.random(n) < 0.9, rng.random(n) < 1 / 30)
    evidence = Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=labels if labelled_val else np.where(splits == "val", UNLABELLED, labels),
        splits=splits,
        class_names=("a", "b", "c", "d"),
        embeddings=X.astype(np.float32),
        folds=np.where(splits == "train", unit % 5, -1),
        groups=np.array([f"g{u}" for u in unit]) if group > 1 else np.full(n, ""),
        seed=seed,
    )
    return evidence, copies, {"upside_down": shown(flagged, splits)}


def shown(flagged: np.ndarray, splits: np.ndarray) -> Prevalence:
    """How often a symptom is flagged in train and in val."""
    train, held_out = (share(flagged[splits == split]) for split in ("train", "val"))
    excess = excess_of(train, held_out).measured
    return Prevalence("upside_down", "val", "made", train, held_out, excess)


def share(flagged: np.ndarray) -> Measured:
    hits, n = int(flagged.sum()), len(flagged)
    return Measured(hits / n, wilson(hits, n), n)
