"""Planted weak slices: images blurred, darkened or turned; values of a made column.

"found" is the best F1 of the first five slices with the planted images. A fault is planted in a
tenth of the images of `WHERE`: of one class, only in val and test, since a probe whose train
images of one class hold the fault learns it as a mark of that class and errs less on it; of all
classes in val and test; and of all classes everywhere. Mistakes are those that the probe really
makes on the planted images, except where a column is planted: there, mistakes are added to images
of one value, or of a pair.

`accuracy` rows say how weak a planted slice is: one on which the model is no worse is not a weak
slice. The peer "oracle" is 1 where the detector's own test of exactly the planted images, held to
the limit that its groups are held to, comes below alpha, else 0; "oracle p" is its p, scaled by
that limit. Where it is 0, the planted images are too few or too little worse to be found for
themselves; a group that holds others besides, which are weak too, may still be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from material import Row, analysed, evidence, planted, repaint
from PIL import Image, ImageEnhance, ImageFilter
from scipy.sparse import csr_matrix

from curate.detectors.slice_columns import columns_of
from curate.detectors.slices import SMALLEST, candidates, matrix_of
from curate.detectors.weak_slice import WeakSlice
from curate.findings import Evidence
from curate.numerics.clusters import k_means, main_axes
from curate.numerics.slice_chance import corrected
from curate.numerics.slice_search import compare_groups

SEEDS = range(3)
PERMUTATIONS = 200
CLASSES = {"sketch7": "dog", "masks3": "with_mask", "sports11": "basketball"}
FAULTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 60)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.25),
    "turn": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}
WHERE = {
    "class held out": "{} in val, test",
    "held out": "val, test",
    "everywhere": "all images",
}


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Plant, look, and compare."""
    for name in CLASSES:
        clean, _ = evidence(analysed(data / name, weights))
        yield from _columns(name, clean)
        yield _permuted(name, clean)
    for name in CLASSES:
        for where in WHERE:
            for fault in FAULTS:
                yield from _pixels(data, weights, name, fault, where)


def _columns(name: str, clean: Evidence) -> Iterator[Row]:
    """Of a made column, 30 % of the images of one value are wrong besides; then of a pair."""
    for pair in (False, True):
        compared = []
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
            compared.append(_compared(made, slice_, "own columns"))
        what = "class AND age >= 60" if pair else "source = phone"
        yield _row(f"{name}: {what}, 30 % more wrong", compared, "a top-5 F1 >= .8", 0.8)


def _permuted(name: str, clean: Evidence) -> Row:
    """The share of runs with any slice when mistakes are dealt anew within each class."""
    assert clean.pred_probs is not None and clean.embeddings is not None
    rows = np.flatnonzero(clean.labelled)
    labels = clean.labels[rows]
    wrong = clean.pred_probs[rows].argmax(axis=1) != labels
    # Groups are made without a look at the mistakes: once is enough for all permutations.
    axes, rng = main_axes(clean.embeddings[rows]), np.random.default_rng(0)
    splits = np.asarray(clean.splits[rows], dtype=str)
    groups = candidates(columns_of(clean, rows), axes, labels, clean.class_names, splits, rng)
    members, alone = matrix_of(groups, len(rows)), np.arange(len(rows))
    # Dealing leaves each class its number of mistakes, on which alone the limit depends.
    highest = corrected(
        members, compare_groups(members, wrong, labels, alone), np.zeros(len(groups), dtype=int),
        wrong, labels, alone, WeakSlice().alpha, rng,
    ).highest  # fmt: skip
    reported = 0
    for _ in range(PERMUTATIONS):
        dealt = wrong.copy()
        for c in np.unique(labels):
            dealt[labels == c] = rng.permutation(wrong[labels == c])
        reported += bool((compare_groups(members, dealt, labels, alone).p <= highest).any())
    share = reported / PERMUTATIONS
    return Row(
        "weak_slice", f"{name}: nothing, {PERMUTATIONS} permutations", "runs with a slice",
        share, "<= .05", share <= 0.05, {},
    )  # fmt: skip


def _pixels(data: Path, weights: Path, name: str, fault: str, where: str) -> Iterator[Row]:
    made, slice_ = planted_slice(data, weights, name, fault, where)
    wrong = _wrong(made)
    classes = np.isin(made.labels, made.labels[slice_]) & ~slice_
    what = f"{name}: {fault}, 10 % of {WHERE[where].format(CLASSES[name])} ({slice_.sum()})"
    yield Row("weak_slice", what, "accuracy", float(1 - wrong[slice_].mean()), "", True,
              {"others of the classes": float(1 - wrong[classes].mean())})  # fmt: skip
    few = f" ({SMALLEST} make a group)" if slice_.sum() < SMALLEST else ""
    yield _row(what, [_compared(made, slice_, "others")], f"a top-5 F1 >= .5{few}", 0.5)


def planted_slice(
    data: Path, weights: Path, name: str, fault: str, where: str
) -> tuple[Evidence, np.ndarray]:
    """Evidence with a fault in a tenth of some images, and which these are."""
    chosen: list[str] = []

    def plant(home: Path) -> None:
        rng = np.random.default_rng(0)
        splits = sorted(path for path in home.iterdir() if path.is_dir())
        for split in splits:
            if where != "everywhere" and split.name == "train":
                continue
            own = sorted(split.iterdir()) if where != "class held out" else [split / CLASSES[name]]
            for folder in own:
                paths = sorted(folder.glob("*.*"))
                for i in sorted(rng.choice(len(paths), -(-len(paths) // 10), replace=False)):
                    repaint(paths[i], FAULTS[fault], as_encoded=True)
                    chosen.append(str(paths[i]))

    run = planted(
        data / name, weights, f"weak_slice-{fault}-{where.replace(' ', '-')}", plant,
        detectors=("orientation", "weak_slice"),
    )  # fmt: skip
    made, paths = evidence(run)
    return made, paths.isin(chosen).to_numpy()


def _row(what: str, compared: list[dict[str, float]], target: str, least: float) -> Row:
    means = {name: float(np.mean([one[name] for one in compared])) for name in compared[0]}
    ours = means.pop("ours")
    return Row("weak_slice", what, "F1 in the top 5", ours, target, ours >= least, means)


def _compared(made: Evidence, slice_: np.ndarray, family: str) -> dict[str, float]:
    """Ours, the ceiling, the worst clusters and tree leaves, and five random groups."""
    from sklearn.tree import DecisionTreeClassifier

    assert made.embeddings is not None
    info = WeakSlice().detect(made).info
    groups = [np.isin(made.sample_ids, one["members"]) for one in info["slices"][:5]]
    wrong, alone = _wrong(made), np.arange(len(made))
    planted_p = compare_groups(csr_matrix(slice_[None] * 1.0), wrong, made.labels, alone).p[0]
    oracle_p = min(1.0, planted_p * info["alpha"] / info["highest_p"][family])
    clusters = k_means(main_axes(made.embeddings), 50, np.random.default_rng(0))
    frames = [frame for frame in (made.image_stats, made.metadata) if frame is not None]
    table = pd.get_dummies(pd.concat(frames, axis=1)).fillna(0).to_numpy(dtype=float)
    table = np.column_stack([table, _one_hot(made.labels, len(made.class_names))])
    tree = DecisionTreeClassifier(min_samples_leaf=10, max_leaf_nodes=30, random_state=0)
    leaves = tree.fit(table, wrong).apply(table)
    rng = np.random.default_rng(0)
    chance = [rng.random(len(made)) < slice_.mean() for _ in range(5)]
    return {
        "ours": max((_f1(group, slice_) for group in groups), default=0.0),
        "oracle": float(oracle_p <= info["alpha"]),
        "oracle p": oracle_p,
        "k-means": max(_f1(group, slice_) for group in _worst(clusters, wrong)),
        "tree": max(_f1(group, slice_) for group in _worst(leaves, wrong)),
        "random": max(_f1(group, slice_) for group in chance),
    }


def _wrong(made: Evidence) -> np.ndarray:
    assert made.pred_probs is not None
    return np.asarray(made.pred_probs.argmax(axis=1) != made.labels)


def _worst(place: np.ndarray, wrong: np.ndarray) -> list[np.ndarray]:
    groups = [place == one for one in np.unique(place)]
    return sorted(groups, key=lambda group: -float(wrong[group].mean()))[:5]


def _f1(group: np.ndarray, slice_: np.ndarray) -> float:
    return float(2 * (group & slice_).sum() / max(group.sum() + slice_.sum(), 1))


def _one_hot(labels: np.ndarray, k: int) -> np.ndarray:
    return np.eye(k, dtype=np.float32)[np.maximum(labels, 0)]
