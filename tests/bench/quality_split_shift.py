"""Are splits that differ found, and random ones left alone?

Val is partly darkened or blurred, or taken from another source of drawings, and each time compared
with train by the detector, by MMD with a permutation test (Gretton et al. 2012) and by
Kolmogorov-Smirnov tests on 32 principal axes with Bonferroni's correction (Rabanser et al. 2019),
all at one per cent. Which images give the shift away is compared with their distance to train.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import material
import numpy as np
import pandas as pd
from material import Row, repaint
from PIL import Image, ImageFilter
from scipy.stats import ks_2samp
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from curate.detectors.split_shift import SplitShift
from curate.findings import Evidence

SETS = ("sketch7", "masks3", "sports11")
ALPHA = 0.01
SEEDS = 5
GROUPED = "sketch7 in groups"
RESPLITS = {"sports11": 100, "masks3": 100, "digits": 100, "sketch7": 20, GROUPED: 20}
FOLDERS = {"val", "valid", "validation"}


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
            run = material.planted(
                data / name,
                weights,
                f"split_shift-{fault}",
                lambda home, c=change: _some_of_val(home, c),
            )
            yield from _mixed(name, fault, clean[name], material.evidence(run))
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


def _mixed(
    name: str, fault: str, clean: tuple[Evidence, pd.Series], planted: tuple[Evidence, pd.Series]
) -> Iterator[Row]:
    """A share of val from the planted run, the rest as it was."""
    place = {_inner(path): i for i, path in enumerate(planted[1])}
    other = np.array([place[_inner(path)] for path in clean[1]])
    known, bad = clean[0], planted[0]
    val = np.flatnonzero(known.splits == "val")
    ready = val[[_changed(Path(clean[1][i])) for i in val]]
    for share in (0.3, 0.1):
        found, named, score, theirs = [], [], [], []
        peers: dict[str, list[bool]] = {"MMD": [], "KS": []}
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            chosen = rng.choice(ready, min(round(share * len(val)), len(ready)), replace=False)
            embeddings, stats = known.embeddings.copy(), known.image_stats.copy()
            embeddings[chosen] = bad.embeddings[other[chosen]]
            same = [column for column in stats.columns if column != "sample_id"]
            stats.loc[chosen, same] = bad.image_stats.loc[other[chosen], same].to_numpy()
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
        wanted = "1" if share == 0.3 else ""
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
        found, mmd, ks = [], [], []
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            draw = _draw(known, rng)
            one = replace(
                known, splits=np.where(draw < np.where(mixed & ~photo, rate, 0.2), "val", "train"),
                groups=_photos(known),
            )  # fmt: skip
            found.append(bool(SplitShift().detect(one).info["pairs"][0]["embedding"]["differs"]))
            p = _peers(one, rng)
            mmd.append(p["MMD"] < ALPHA)
            ks.append(p["KS"] < ALPHA)
        share = float(np.mean(found))
        yield Row(
            "split_shift", f"sketch7, val has {rate:.0%} of one source, 20 % of other",
            "share found", share, "1" if rate == 0.6 else "", rate != 0.6 or share == 1,
            {"MMD": float(np.mean(mmd)), "KS": float(np.mean(ks))},
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


def _inner(path: str) -> tuple[str, ...]:
    return Path(path).parts[-3:]


def _changed(path: Path) -> bool:
    """Two fifths of val, by a digest of the name."""
    return bool(FOLDERS & set(path.parts[-3:-1])) and zlib.crc32(path.name.encode()) % 5 < 2


def _some_of_val(home: Path, change: Any) -> None:
    for path in sorted(home.rglob("*")):
        if path.is_file() and _changed(path):
            repaint(path, change)


def _darken(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 0.5)


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / 100))
