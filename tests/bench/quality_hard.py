"""Hard images by type: wrong labels against rare images with right labels, and bad pictures.

A trial leaves a few images of one class and calls them by another's name, which is what a rare
mode of a wide class is: unlike the rest of it, and labelled right. Beside them some labels are
made wrong, evenly or always for the next class. Where there are turned copies, a few images are
replaced by theirs: a rare pose. All out-of-fold probabilities and neighbours are computed anew,
and a small head is trained on all images while its dynamics are recorded. Every class is left out
once; a figure is the mean over the trials, with its standard error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from material import Row, analysed, evidence, planted, repaint
from PIL import Image, ImageFilter

from curate.detectors.difficulty_types import weigh_rows
from curate.detectors.hard import Hard
from curate.findings import Evidence
from curate.inference.probe import out_of_fold
from curate.numerics import dynamics
from curate.numerics.neighbors import knn
from curate.numerics.probabilities import margin, self_confidence
from curate.pipeline.stages import NEIGHBORS

WRONG = 0.05
TURNED = 0.01
SETS = {"digits": (range(10), 5), "masks3": (range(3), 5), "sports11": (range(11), 3),
        "sketch7": (range(7), 8)}  # fmt: skip
"""Per data the classes of which few are left, one a trial, and how many."""


class Trial(NamedTuple):
    """Evidence with planted faults, and which (n,) rows they are."""

    evidence: Evidence
    wrong: np.ndarray
    mode: np.ndarray
    pose: np.ndarray


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Wrong against rare in four sets of data, then planted bad pictures."""
    for name, (held, kept) in SETS.items():
        X, y, turned = _material(name, data, weights)
        figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        typed: dict[str, list[bool]] = defaultdict(list)
        for seed, held_class in enumerate(held):
            for even in (True, False) if name == "digits" else (seed % 2 == 0,):
                _measure(_trial(X, y, turned, held_class, kept, even, seed), figures, typed)
        for against, found in figures.items():
            means = {who: float(np.mean(values)) for who, values in found.items()}
            for who, peers in (
                ("ours", ("entropy", "margin", "self-confidence")),
                ("ours with AUM", ("AUM", "EL2N", "confidence")),
            ):
                ours = means[who]
                error = float(np.std(found[who], ddof=1) / np.sqrt(len(found[who])))
                how = "AUROC" if who == "ours" else "recorded, AUROC"
                yield Row(
                    "hard", f"{name}: wrong labels against {against}", f"{how} +-{error:.3f}",
                    ours, ">= .9", ours >= 0.9, {peer: means[peer] for peer in peers},
                )  # fmt: skip
        for measure, flags in typed.items():
            yield Row("hard", f"{name}: planted", measure, float(np.mean(flags)), "", True, {})
    yield from _bad_pictures(data, weights)


def _material(name: str, data: Path, weights: Path) -> tuple[Any, Any, dict[int, Any]]:
    """Embeddings, labels, and per row that has one the embedding of its copy on its head."""
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        heads = digits.images[:, ::-1, ::-1].reshape(len(digits.data), -1).astype(np.float32)
        return (
            digits.data.astype(np.float32),
            digits.target.astype(np.int64),
            dict(enumerate(heads)),
        )
    found = evidence(analysed(data / name, weights))[0]
    views = found.view_embeddings or {}
    turned = views.get("rot180", np.zeros((0, 0)))
    places = (found.view_rows or {}).get("rot180", np.arange(len(turned)))
    return (
        np.array(found.embeddings), found.labels.astype(np.int64),
        dict(zip(places.tolist(), turned, strict=True)),
    )  # fmt: skip


def _trial(
    X: Any, y: Any, turned: dict[int, Any], held: int, kept: int, even: bool, seed: int
) -> Trial:
    rng = np.random.default_rng(seed)
    n_classes = int(y.max())
    few = rng.choice(np.flatnonzero(y == held), kept, replace=False)
    rows = np.sort(np.r_[np.flatnonzero(y != held), few])
    names = [c for c in range(n_classes + 1) if c != held]
    called = np.where(y == held, (held + 1) % (n_classes + 1), y)[rows]
    labels, mode = np.searchsorted(names, called), np.isin(rows, few)
    free = rng.permutation(np.flatnonzero(~mode))
    wrong, pose = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    wrong[free[: round(WRONG * len(free))]] = True
    by = rng.integers(1, n_classes, wrong.sum()) if even else 1
    labels[wrong] = (labels[wrong] + by) % n_classes
    embeddings = X[rows]
    able = [i for i in free if not wrong[i] and int(rows[i]) in turned]
    pose[able[: round(TURNED * len(free))]] = True
    for i in np.flatnonzero(pose):
        embeddings[i] = turned[int(rows[i])]
    n = len(rows)
    probe = out_of_fold(
        embeddings, labels, np.ones(n, dtype=bool), np.arange(n).astype(str), n_classes, 5, rng
    )
    made = Evidence(
        sample_ids=np.array([f"{i:05d}" for i in range(n)]),
        labels=labels,
        splits=np.array(["train"] * n),
        class_names=tuple(str(c) for c in names),
        pred_probs=probe.pred_probs,
        embeddings=embeddings,
        neighbors=knn(embeddings, NEIGHBORS),
        dynamics=_recorded(embeddings, labels, n_classes, rng),
    )
    return Trial(made, wrong, mode, pose)


def _recorded(
    embeddings: Any, labels: Any, n_classes: int, rng: np.random.Generator, epochs: int = 10
) -> pd.DataFrame:
    """The dynamics of a head with one hidden layer that is trained on all images by AdamW."""
    import torch

    torch.manual_seed(int(rng.integers(2**31)))
    X = (embeddings - embeddings.mean(axis=0)) / (embeddings.std(axis=0) + 1e-3)
    X *= np.sqrt(X.shape[1]) / 4 / np.linalg.norm(X, axis=1, keepdims=True)
    inputs, target = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(labels)
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], 256), torch.nn.ReLU(), torch.nn.Linear(256, n_classes)
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    at = np.arange(len(labels))
    kept: list[list[Any]] = [[], [], [], []]
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs[batch]), target[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            given = net(inputs)
            probs = torch.softmax(given, dim=1).numpy()
        logits = given.numpy().copy()
        own = logits[at, labels]
        logits[at, labels] = -np.inf
        epoch = own, logits.max(axis=1), probs[at, labels], dynamics.error_length(probs, labels)
        for rows, values in zip(kept, epoch, strict=True):
            rows.append(values)
    own, other, p, lengths = (np.array(rows) for rows in kept)
    return dynamics.table(own, other, own > other, p, lengths)


def _measure(trial: Trial, figures: Any, typed: Any) -> None:
    """AUROC of wrong against rare by each figure, and what the planted images are called."""
    from sklearn.metrics import roc_auc_score

    made = trial.evidence
    silent = replace(made, dynamics=None)
    labels, probs, told = made.labels, made.pred_probs, made.dynamics
    assert probs is not None
    assert told is not None
    for against, rare in (("few of a class", trial.mode), ("images on their head", trial.pose)):
        if not rare.any():
            continue
        rows = np.flatnonzero(trial.wrong | rare)

        def wrongness(evidence: Evidence, rows: Any = rows) -> Any:
            hard = Hard()
            return weigh_rows(evidence, rows, hard.k, hard.span, hard.near).causes.mislabelled

        by = {
            "ours": wrongness(silent),
            "ours with AUM": wrongness(made),
            "entropy": -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1)[rows],
            "margin": -margin(labels, probs)[rows],
            "self-confidence": -self_confidence(labels, probs)[rows],
            "AUM": -told["aum"].to_numpy()[rows],
            "EL2N": told["el2n"].to_numpy()[rows],
            "confidence": -told["confidence"].to_numpy()[rows],
        }
        for who, values in by.items():
            auroc = float(roc_auc_score(trial.wrong[rows], values))
            # Nobody says which way entropy should point: the better one counts.
            figures[against][who].append(max(auroc, 1 - auroc) if who == "entropy" else auroc)
    types = Hard().detect(silent).table["type"].to_numpy()
    typed["wrong called mislabelled"] += (types[trial.wrong] == "mislabelled").tolist()
    rare = (trial.mode | trial.pose) & (types != "")
    typed["hard rare called mislabelled"] += (types[rare] == "mislabelled").tolist()
    typed["hard rare called rare"] += (types[rare] == "rare").tolist()


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / 25))


def _blacken(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value // 12)


def _bad_pictures(data: Path, weights: Path) -> Iterator[Row]:
    """Every thirtieth image is blurred or nearly black: what are those called that are hard?"""
    changed: set[Path] = set()

    def plant(folder: Path) -> None:
        paths = sorted(p for p in folder.rglob("*") if p.suffix in (".jpg", ".jpeg", ".png"))
        for at, path in enumerate(paths[::30]):
            repaint(path, _blur if at % 2 else _blacken)
            changed.add(path.resolve())

    found, paths = evidence(planted(data / "masks3", weights, "hard-bad", plant))
    table = Hard().detect(found).table
    bad = np.array([Path(path).resolve() in changed for path in paths])
    typed = table["type"].to_numpy() != ""
    low = table["type"].to_numpy() == "low_quality"
    what = f"masks3: {int((typed & bad).sum())} hard of {int(bad.sum())} blurred or black"
    yield Row("hard", what, "recall of low quality", float(low[bad & typed].mean()), "", True, {})
    yield Row("hard", what, "others called so", float(low[~bad & typed].mean()), "", True, {})
