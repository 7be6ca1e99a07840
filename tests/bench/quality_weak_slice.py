"""Planted weak slices: a tenth of a class blurred, darkened or turned; values of a made column.

"found" is the best F1 of the first five slices with the planted images. Mistakes are those that
the probe really makes on the planted images, except where a column is planted: there, mistakes
are added to images of one value, or of a pair. `accuracy` rows say how weak a planted slice is: one
on which the model is no worse is not a weak slice, and cannot be found as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from material import Row, analysed, evidence, planted, repaint
from PIL import Image, ImageEnhance, ImageFilter

from curate.detectors.slice_columns import columns_of
from curate.detectors.slices import candidates, matrix_of
from curate.detectors.weak_slice import WeakSlice
from curate.findings import Evidence
from curate.numerics.clusters import k_means, main_axes
from curate.numerics.slice_search import compare_groups, looked_at

SEEDS = range(3)
PERMUTATIONS = 200
CLASSES = {"sketch7": "dog", "masks3": "with_mask", "sports11": "basketball"}
FAULTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 60)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.25),
    "turn": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Plant, look, and compare."""
    for name in CLASSES:
        clean, _ = evidence(analysed(data / name, weights))
        yield from _columns(name, clean)
        yield _permuted(name, clean)
    for name in CLASSES:
        for fault in FAULTS:
            yield from _pixels(data, weights, name, fault)


def _columns(name: str, clean: Evidence) -> Iterator[Row]:
    """Of a made column, 30 % of the images of one value are wrong besides; then of a pair."""
    for pair in (False, True):
        found, peers = [], []
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            n = len(clean)
            age, source = rng.integers(1, 90, n), rng.choice(["web", "phone", "lab"], n)
            slice_ = (age >= 60) if pair else (source == "phone")
            if pair:
                slice_ &= clean.labels == np.bincount(clean.labels).argmax()
            probs = np.array(clean.pred_probs)
            worse = np.flatnonzero(slice_ & (rng.random(n) < 0.3))
            probs[worse] = np.roll(_one_hot(clean.labels[worse], probs.shape[1]), 1, axis=1)
            made = replace(
                clean, pred_probs=probs, metadata=pd.DataFrame({"age": age, "source": source})
            )
            found.append(_found(made, slice_))
            peers.append(_peers(made, slice_))
        what = "class AND age >= 60" if pair else "source = phone"
        yield _row(f"{name}: {what}, 30 % more wrong", found, peers, "a top-5 F1 >= .8", 0.8)


def _permuted(name: str, clean: Evidence) -> Row:
    """The share of runs with any slice when mistakes are dealt anew within each class."""
    assert clean.pred_probs is not None and clean.embeddings is not None
    rows = np.flatnonzero(clean.labelled)
    labels = clean.labels[rows]
    wrong = clean.pred_probs[rows].argmax(axis=1) != labels
    # Groups are made without a look at the mistakes: once is enough for all permutations.
    axes, rng = main_axes(clean.embeddings[rows]), np.random.default_rng(0)
    groups = candidates(columns_of(clean, rows), axes, labels, clean.class_names, rng)
    members, alone = matrix_of(groups, len(rows)), np.arange(len(rows))
    reported = 0
    for _ in range(PERMUTATIONS):
        dealt = wrong.copy()
        for c in np.unique(labels):
            dealt[labels == c] = rng.permutation(wrong[labels == c])
        tested = compare_groups(members, dealt, labels, alone)
        count = looked_at(tested.least_p, WeakSlice().alpha)
        reported += bool((tested.p <= WeakSlice().alpha / count).any())
    share = reported / PERMUTATIONS
    return Row(
        "weak_slice", f"{name}: nothing, {PERMUTATIONS} permutations", "runs with a slice",
        share, "<= .05", share <= 0.05, {},
    )  # fmt: skip


def _pixels(data: Path, weights: Path, name: str, fault: str) -> Iterator[Row]:
    chosen: list[str] = []

    def plant(home: Path) -> None:
        rng = np.random.default_rng(0)
        for split in sorted(path for path in home.iterdir() if path.is_dir()):
            paths = sorted((split / CLASSES[name]).glob("*.*"))
            for i in sorted(rng.choice(len(paths), -(-len(paths) // 10), replace=False)):
                repaint(paths[i], FAULTS[fault])
                chosen.append(str(paths[i]))

    made, paths = evidence(planted(data / name, weights, f"weak_slice-{fault}", plant))
    slice_ = paths.isin(chosen).to_numpy()
    assert made.pred_probs is not None
    wrong = made.pred_probs.argmax(axis=1) != made.labels
    own = made.labels == made.class_names.index(CLASSES[name])
    what = f"{name}: {fault}, 10 % of {CLASSES[name]} ({slice_.sum()})"
    rest = float(1 - wrong[own & ~slice_].mean())
    yield Row("weak_slice", what, "accuracy", float(1 - wrong[slice_].mean()), "", True,
              {"rest of class": rest})  # fmt: skip
    yield _row(what, [_found(made, slice_)], [_peers(made, slice_)], "a top-5 F1 >= .5", 0.5)


def _row(
    what: str, found: list[float], peers: list[dict[str, float]], target: str, least: float
) -> Row:
    ours = float(np.mean(found))
    means = {name: float(np.mean([peer[name] for peer in peers])) for name in peers[0]}
    return Row("weak_slice", what, "F1 in the top 5", ours, target, ours >= least, means)


def _found(made: Evidence, slice_: np.ndarray) -> float:
    told = WeakSlice().detect(made).info["slices"][:5]
    groups = [np.isin(made.sample_ids, one["members"]) for one in told]
    return max((_f1(group, slice_) for group in groups), default=0.0)


def _peers(made: Evidence, slice_: np.ndarray) -> dict[str, float]:
    """Clusters and tree leaves by their share of mistakes, and five random groups."""
    from sklearn.tree import DecisionTreeClassifier

    assert made.pred_probs is not None and made.embeddings is not None
    wrong = made.pred_probs.argmax(axis=1) != made.labels
    clusters = k_means(main_axes(made.embeddings), 50, np.random.default_rng(0))
    frames = [frame for frame in (made.image_stats, made.metadata) if frame is not None]
    table = pd.get_dummies(pd.concat(frames, axis=1)).fillna(0).to_numpy(dtype=float)
    table = np.column_stack([table, _one_hot(made.labels, len(made.class_names))])
    tree = DecisionTreeClassifier(min_samples_leaf=10, max_leaf_nodes=30, random_state=0)
    leaves = tree.fit(table, wrong).apply(table)
    rng = np.random.default_rng(0)
    chance = [rng.random(len(made)) < slice_.mean() for _ in range(5)]
    return {
        "k-means": max(_f1(group, slice_) for group in _worst(clusters, wrong)),
        "tree": max(_f1(group, slice_) for group in _worst(leaves, wrong)),
        "random": max(_f1(group, slice_) for group in chance),
    }


def _worst(place: np.ndarray, wrong: np.ndarray) -> list[np.ndarray]:
    groups = [place == one for one in np.unique(place)]
    return sorted(groups, key=lambda group: -float(wrong[group].mean()))[:5]


def _f1(group: np.ndarray, slice_: np.ndarray) -> float:
    return float(2 * (group & slice_).sum() / max(group.sum() + slice_.sum(), 1))


def _one_hot(labels: np.ndarray, k: int) -> np.ndarray:
    return np.eye(k, dtype=np.float32)[np.maximum(labels, 0)]
