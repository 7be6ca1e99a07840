"""Are splits that differ found, and random ones left alone?

Val is partly darkened or blurred (those images alone are embedded anew), or taken from another
source of drawings, and each time compared with train by the detector, by MMD with a permutation
test (Gretton et al. 2012) and by Kolmogorov-Smirnov tests on 32 principal axes with Bonferroni's
correction (Rabanser et al. 2019), all at one per cent. Which images give the shift away is compared
with their distance to train.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import material
import numpy as np
import pandas as pd
from material import MODEL, Row
from PIL import Image, ImageFilter
from scipy.stats import ks_2samp
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from curate.data.images import load_rgb
from curate.data.statistics import image_stats
from curate.detectors.split_shift import SplitShift
from curate.findings import Evidence
from curate.inference.backbone import load_embedder

SETS = ("sketch7", "masks3", "sports11")
ALPHA = 0.01
SEEDS = 5
GROUPED = "sketch7 in groups"
RESPLITS = {"sports11": 100, "masks3": 100, "digits": 100, "sketch7": 20, GROUPED: 20}
MOST = 0.3
"""Of val, the largest share that is changed."""


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """False alarms first, then what was planted, then the data as they are."""
    clean = {name: material.evidence(material.analysed(data / name, weights)) for name in SETS}
    for name, times in RESPLITS.items():
        known = _digits() if name == "digits" else clean[name.split()[0]][0]
        if name == GROUPED:
            known = replace(known, groups=_photos(known))
        yield _false_alarms(name, known, times)
    for name in SETS:
        for fault, change in (("darkened", _darken), ("blurred", _blur)):
            yield from _mixed(name, fault, clean[name], _repainted(*clean[name], weights, change))
    yield from _sources(clean["sketch7"][0])
    for name in ("sketch7", "masks3"):
        yield from _shares(name, clean[name][0])
    grouped = replace(clean["sketch7"][0], groups=_photos(clean["sketch7"][0]))
    every = {"sketch7, groups given": grouped} | {name: clean[name][0] for name in SETS}
    for name, known in every.items():
        found = SplitShift().detect(known)
        for pair in found.info["pairs"]:
            a, b = pair["splits"]
            yield Row(
                "split_shift", f"{name} as it is, {a} and {b}", "AUC, differs",
                pair["embedding"]["auc"], "", True, {"differs": float(pair["differs"])},
            )  # fmt: skip


def _false_alarms(name: str, known: Evidence, times: int) -> Row:
    alarms, mmd, ks = 0, 0, 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        draw = _draw(known, rng) if name == GROUPED else rng.random(len(known))
        splits = np.array(["train", "val", "test"])[np.digitize(draw, [0.6, 0.8])]
        one = replace(known, splits=splits, seed=seed)
        alarms += bool(SplitShift().detect(one).info["differs"])
        p = _peers(one, rng)
        mmd, ks = mmd + (p["MMD"] < ALPHA), ks + (p["KS"] < ALPHA)
    return Row(
        "split_shift", f"{name}, {times} random re-splits", "share of alarms", alarms / times,
        "<= .05", alarms / times <= 0.05,
        {"MMD train-val": mmd / times, "KS train-val": ks / times},
    )  # fmt: skip


def _repainted(
    known: Evidence, paths: pd.Series[str], weights: Path,
    change: Callable[[Image.Image], Image.Image],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], pd.DataFrame]:  # fmt: skip
    """Rows of val, and the embeddings and statistics that they have once they are changed."""
    val = np.flatnonzero(known.splits == "val")
    rows = np.random.default_rng(0).permutation(val)[: round(MOST * len(val))]
    embedder = load_embedder(MODEL, weights, None, known.class_names, "cpu", 32, None)
    made = []
    for path in paths[rows]:
        file = BytesIO()
        form = "PNG" if path.lower().endswith(".png") else "JPEG"
        change(load_rgb(path)).save(file, form, **({"quality": 95} if form == "JPEG" else {}))
        made.append(Image.open(file).convert("RGB"))
    embedder.start(len(made))
    vectors = [
        embedder.forward(np.stack([embedder.prepare(one) for one in made[i : i + 32]]))[0]
        for i in range(0, len(made), 32)
    ]
    return rows, np.concatenate(vectors), pd.DataFrame([image_stats(np.array(x)) for x in made])


def _mixed(
    name: str, fault: str, clean: tuple[Evidence, pd.Series[str]],
    changed: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], pd.DataFrame],
) -> Iterator[Row]:  # fmt: skip
    """A share of val changed, the rest as it was."""
    known, (ready, vectors, stats_of) = clean[0], changed
    val = np.flatnonzero(known.splits == "val")
    for share in (MOST, 0.1):
        found, named, score, theirs = [], [], [], []
        peers: dict[str, list[bool]] = {"MMD": [], "KS": []}
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            which = rng.permutation(len(ready))[: round(share * len(val))]
            chosen = ready[which]
            embeddings, stats = known.embeddings.copy(), known.image_stats.copy()
            embeddings[chosen] = vectors[which]
            stats.loc[chosen, list(stats_of)] = stats_of.loc[which].to_numpy()
            one = replace(known, embeddings=embeddings, image_stats=stats, copies=None, seed=seed)
            result = SplitShift().detect(one)
            pair = next(p for p in result.info["pairs"] if p["splits"] == ["train", "val"])
            found.append(pair["differs"])
            named.append(bool(pair["properties"]))
            for peer, p_value in _peers(one, rng).items():
                peers[peer].append(p_value < ALPHA)
            truth = np.isin(val, chosen)
            rank = result.table["rank"].to_numpy()[val]
            score.append(average_precision_score(truth, -rank))
            theirs.append(average_precision_score(truth, _distance(one)[val]))
        what = f"{name}, {share:.0%} of val {fault}, {SEEDS} seeds"
        rates = {peer: float(np.mean(hits)) for peer, hits in peers.items()}
        rate = float(np.mean(found))
        wanted = "1" if share == MOST else ""
        yield Row("split_shift", what, "share found", rate, wanted, not wanted or rate == 1, rates)
        yield Row("split_shift", what, "share named", float(np.mean(named)), "", True, {})
        best, peer_score = float(np.mean(score)), float(np.mean(theirs))
        # Where no shift is found there is no ranking: all score 1.
        yield Row(
            "split_shift", what, "AP of the images", best, "above the peer" if wanted else "",
            not wanted or best > peer_score,
            {"distance to train": peer_score, "random": share},
        )  # fmt: skip


def _sources(known: Evidence) -> Iterator[Row]:
    """Sketches of dogs and others come from two collections: val takes more of one of them."""
    photo = np.array(["-" in name for name in known.file_facts["filename"]])
    labels = known.labels
    mixed = np.isin(labels, [c for c in np.unique(labels) if 0 < photo[labels == c].mean() < 1])
    for rate in (0.6, 0.4):
        found, by_embedding, mmd, ks = [], [], [], []
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            draw = _draw(known, rng)
            one = replace(
                known, splits=np.where(draw < np.where(mixed & ~photo, rate, 0.2), "val", "train"),
                groups=_photos(known),
            )  # fmt: skip
            pair = SplitShift().detect(one).info["pairs"][0]
            found.append(pair["differs"])
            by_embedding.append(pair["embedding"]["differs"])
            p = _peers(one, rng)
            mmd.append(p["MMD"] < ALPHA)
            ks.append(p["KS"] < ALPHA)
        share = float(np.mean(found))
        yield Row(
            "split_shift", f"sketch7, val has {rate:.0%} of one source, 20 % of other",
            "share found", share, "1" if rate == 0.6 else "", rate != 0.6 or share == 1,
            {"embedding alone": float(np.mean(by_embedding)), "MMD": float(np.mean(mmd)),
             "KS": float(np.mean(ks))},
        )  # fmt: skip


def _shares(name: str, known: Evidence) -> Iterator[Row]:
    """Half of a class is missing in val: other shares, and no difference within classes."""
    shares, within = [], []
    for seed in range(SEEDS):
        draw = np.random.default_rng(seed).random(len(known))
        splits = np.where(draw < np.where(known.labels == 0, 0.1, 0.2), "val", "train")
        pair = SplitShift().detect(replace(known, splits=splits)).info["pairs"][0]
        shares.append(pair["shares"]["differs"])
        within.append(pair["embedding"]["differs"] or bool(pair["classes"]))
    rate, wrong = float(np.mean(shares)), float(np.mean(within))
    what = f"{name}, half of a class not in val, {SEEDS} seeds"
    yield Row("split_shift", what, "shares found", rate, "1", rate == 1, {})
    yield Row("split_shift", what, "taken for images", wrong, "0", wrong == 0, {})


def _draw(known: Evidence, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A number in [0, 1) for each photo or single image, as often as it has sketches."""
    groups = _photos(known)
    _, unit = np.unique(np.where(groups == "", known.sample_ids, groups), return_inverse=True)
    drawn: np.ndarray[Any, Any] = rng.random(unit.max() + 1)[unit]
    return drawn


def _peers(known: Evidence, rng: np.random.Generator) -> dict[str, float]:
    """p-values of train against val."""
    a = known.embeddings[known.splits == "train"].astype(np.float64)
    b = known.embeddings[known.splits == "val"].astype(np.float64)
    a, b = (x[rng.permutation(len(x))[:500]] for x in (a, b))
    both = np.vstack([a, b])
    both -= both.mean(axis=0)
    gram = both @ both.T
    _, axes = np.linalg.eigh(gram)  # on each axis the places of the images, but for its scale
    low = axes[:, -32:]
    ks = min(ks_2samp(x[: len(a)], x[len(a) :]).pvalue for x in low.T) * low.shape[1]
    square = np.diagonal(gram)
    gaps = np.maximum(square[:, None] + square - 2 * gram, 0)
    kernel = np.exp(-gaps / np.median(gaps[gaps > 0]))
    sides = np.tile(np.r_[np.full(len(a), 1 / len(a)), np.full(len(b), -1 / len(b))], (200, 1))
    sides = np.vstack([sides[:1], rng.permuted(sides, axis=1)])
    values = np.einsum("ij,ij->i", sides @ kernel, sides)
    return {"MMD": float((1 + (values[1:] >= values[0]).sum()) / 201), "KS": float(ks)}


def _distance(known: Evidence) -> np.ndarray[Any, Any]:
    """Mean cosine distance to the ten nearest of train."""
    unit = known.embeddings / np.linalg.norm(known.embeddings, axis=1, keepdims=True)
    similar = unit @ unit[known.splits == "train"].T
    distance: np.ndarray[Any, Any] = 1 - np.sort(similar, axis=1)[:, -10:].mean(axis=1)
    return distance


def _digits() -> Evidence:
    X, y = load_digits(return_X_y=True)
    return Evidence(
        sample_ids=np.array([f"{i:05d}" for i in range(len(X))]), labels=y.astype(np.int64),
        splits=np.full(len(X), "train"), class_names=tuple("0123456789"),
        embeddings=X.astype(np.float32),
    )  # fmt: skip


def _photos(known: Evidence) -> np.ndarray[Any, Any]:
    """The photo that a sketch is of, "" where it is of none."""
    names = known.file_facts["filename"]
    return np.array([re.sub(r"-\d+\.png$", "", n) if "-" in n else "" for n in names])


def _darken(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 0.5)


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / 100))
