"""Wrong labels planted in every split, beside cleanlab, on the same probabilities.

Labels are spoilt at random (uniform) or each class towards the next one (pair), and the
probabilities are predicted out-of-fold from the spoilt labels. The data's own wrong labels count
as right, so that precision is understated: "flagged of clean" says how many of them are flagged
where nothing is planted. Where a row wants calibration, the figure is the mean distance between the
chance given and the share met, over ten bins; the last rows pool the images of all settings.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from material import Row, analysed, evidence
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from curate.detectors.label_error import LabelError
from curate.findings import Evidence, stage_rng
from curate.inference.probe import out_of_fold
from curate.numerics.intervals import wilson
from curate.numerics.neighbors import knn

BINS = (0.0, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 1.01)
RATES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
SEEDS = {"digits": 3, "sports11": 3, "masks3": 1, "sketch7": 1}


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """AP, F1, precision and share for every rate; few flags of clean data; chances and shares."""
    chances, wrong = [], []
    for name, seeds in SEEDS.items():
        clean = digits() if name == "digits" else evidence(analysed(data / name, weights))[0]
        for how in ("uniform", "pair"):
            for rate in RATES[how == "pair" :]:
                found = []
                for seed in range(seeds):
                    planted = spoilt(clean, rate, how, seed)
                    chance, figures = measured(planted)
                    found.append(figures)
                    chances.append(chance)
                    wrong.append(planted[1])
                mean = {key: float(np.mean([f[key] for f in found])) for key in found[0]}
                yield from lines(f"{name}, {how} {rate:.0%}, {seeds} seeds", rate, mean)
    yield from reliability(np.concatenate(chances), np.concatenate(wrong))


def lines(what: str, rate: float, mean: dict[str, float]) -> Iterator[Row]:
    """The rows of one rate of one dataset."""
    if rate == 0:
        peers = {"find_label_issues": mean["their_flags"]}
        met = mean["flags"] < 0.02
        yield Row("label_error", what, "flagged of clean", mean["flags"], "< .02", met, peers)
        return
    peers = {key: mean[key] for key in ("self_confidence", "margin", "random")}
    met = mean["AP"] >= mean["self_confidence"]
    yield Row("label_error", what, "AP", mean["AP"], ">= self_confidence", met, peers)
    peers = {"find_label_issues": mean["their_F1"]}
    met = mean["F1"] > mean["their_F1"]
    yield Row("label_error", what, "F1", mean["F1"], "> find_label_issues", met, peers)
    met = mean["ece"] <= 0.05
    yield Row("label_error", what, "calibration error", mean["ece"], "<= .05", met, {})
    peers = {key: mean[key] for key in ("expected", "low", "high")}
    met = mean["low"] <= mean["precision"] <= mean["high"]
    yield Row("label_error", what, "precision", mean["precision"], "in its interval", met, peers)
    peers = {key: mean[key] for key in ("noise", "least", "most")}
    met = mean["least"] <= mean["bad"] <= mean["most"]
    yield Row(
        "label_error", what, "share of wrong labels", mean["bad"], "in its interval", met, peers
    )


def reliability(chance: np.ndarray, bad: np.ndarray) -> Iterator[Row]:
    """The share that was wrong among the images that were given about the same chance."""
    for low, high in pairwise(BINS):
        some = (chance >= low) & (chance < high)
        stated, met = float(chance[some].mean()), float(bad[some].mean())
        least, most = wilson(bad[some].sum(), some.sum())
        peers = {"stated": stated, "low": least, "high": most, "images": float(some.sum())}
        what = f"all settings, stated {low:.2f} to {min(high, 1):.2f}"
        close = abs(met - stated) <= 0.1
        yield Row("label_error", what, "share wrong", met, "stated +- .1", close, peers)


def digits() -> Evidence:
    """scikit-learn's digits, their pixels for embeddings."""
    found = load_digits()
    n = len(found.target)
    points = (found.data / np.linalg.norm(found.data, axis=1, keepdims=True)).astype(np.float32)
    splits = np.random.default_rng(0).choice(["train", "val", "test"], n, p=[0.6, 0.2, 0.2])
    return Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=found.target.astype(np.int64),
        splits=splits.astype(str),
        class_names=tuple(str(c) for c in found.target_names),
        embeddings=points,
        neighbors=knn(points, 50),
        groups=np.array([""] * n),
    )


def spoilt(clean: Evidence, rate: float, how: str, seed: int) -> tuple[Evidence, np.ndarray]:
    """The evidence with wrong labels and what the probe makes of them; which are wrong."""
    rng, n, n_classes = np.random.default_rng(seed), len(clean), len(clean.class_names)
    bad = rng.random(n) < rate
    step = rng.integers(1, n_classes, n) if how == "uniform" else np.ones(n, dtype=int)
    labels = np.where(bad, (clean.labels + step) % n_classes, clean.labels)
    assert clean.groups is not None
    assert clean.embeddings is not None
    alone = np.array([f"row {i}" for i in range(n)])
    probe = out_of_fold(
        clean.embeddings, labels, clean.splits == "train",
        np.where(clean.groups == "", alone, clean.groups), n_classes, 5, stage_rng(seed, "folds"),
    )  # fmt: skip
    return replace(clean, labels=labels, pred_probs=probe.pred_probs), bad


def measured(planted: tuple[Evidence, np.ndarray]) -> tuple[np.ndarray, dict[str, float]]:
    """The chance of each label to be wrong; every figure of ours and of the peers."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_normalized_margin_for_each_label

    found, bad = planted
    findings = LabelError().detect(found)
    chance = 1 - findings.table["score"].to_numpy()
    flagged = findings.table["flagged"].to_numpy()
    assert found.pred_probs is not None
    probs = found.pred_probs.astype(float)
    probs /= probs.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues", UserWarning)
        theirs = find_label_issues(found.labels, probs, n_jobs=1)
    low, high = findings.info.get("precision_interval", (0.0, 1.0))
    least, most = findings.info["noise_rate_interval"]
    figures = {
        "flags": flagged.mean(),
        "their_flags": theirs.mean(),
        "F1": f1(flagged, bad),
        "their_F1": f1(theirs, bad),
        "ece": calibration_error(chance, bad),
        "precision": bad[flagged].mean() if flagged.any() else 1.0,
        "expected": chance[flagged].mean() if flagged.any() else 1.0,
        "low": low,
        "high": high,
        "noise": findings.info["noise_rate"],
        "least": least,
        "most": most,
        "bad": bad.mean(),
    }
    if bad.any():
        rankings = {
            "AP": chance,
            "self_confidence": -probs[np.arange(len(bad)), found.labels],
            "margin": -get_normalized_margin_for_each_label(found.labels, probs),
            "random": np.random.default_rng(0).random(len(bad)),
        }
        figures |= {key: average_precision_score(bad, rank) for key, rank in rankings.items()}
    return chance, figures


def f1(flagged: np.ndarray, bad: np.ndarray) -> float:
    """F1 of the flagged; 0 where there is nothing to find."""
    return 2 * float((flagged & bad).sum()) / max(float(flagged.sum() + bad.sum()), 1.0)


def calibration_error(chance: np.ndarray, bad: np.ndarray) -> float:
    """Mean distance between the chance given and the share met, over ten bins of the chance."""
    bins = np.minimum((10 * chance).astype(int), 9)
    gaps = [abs(float((chance - bad)[bins == b].sum())) for b in range(10)]
    return sum(gaps) / len(chance)
