"""Pairs of classes: planted merges must come first and be ambiguous, starved classes fixable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import material
import numpy as np
from cleanlab.dataset import find_overlapping_classes
from material import Row
from sklearn.datasets import load_digits

from curate.detectors.confusable import Confusable
from curate.findings import Evidence
from curate.inference.probe import out_of_fold
from curate.numerics.metrics import confusion_matrix
from curate.numerics.neighbors import knn

SEEDS = range(2)
NAMES = ("sketch7", "masks3", "sports11", "digits")


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Merges, a mixture of two classes' labels, and classes of which few training images stay."""
    for name in NAMES:
        clean = digits() if name == "digits" else of(data / name, weights)
        share = Confusable().detect(clean).info["flagged_share"]
        yield Row("confusable", f"{name}: nothing planted", "share flagged", share, "", True, {})
        rng = np.random.default_rng(0)
        # A merge splits the smallest class, which counts of mistakes rank last, and random ones.
        sizes = np.bincount(clean.labels)
        classes = [int(sizes.argmin()), *rng.choice(len(sizes), len(SEEDS), replace=False).tolist()]
        yield from _ranked(name, "one class split in two", [_split(clean, c) for c in classes])
        pairs = [rng.choice(len(sizes), 2, replace=False) for _ in SEEDS]
        mixed = [_mix(clean, int(a), int(b)) for a, b in pairs]
        yield from _ranked(name, "two classes' labels mixed", mixed)
        starved = [found for a, b in pairs if (found := _starve(clean, int(a)))]
        if starved:
            right = [pair["verdict"] == "fixable" for found in starved for pair in found]
            wrong = [pair["verdict"] == "ambiguous" for found in starved for pair in found]
            yield Row(
                "confusable", f"{name}: {len(starved)} classes cut to 10, {len(right)} pairs",
                "called fixable", float(np.mean(right or [0])), "> .5",
                float(np.mean(right or [0])) > 0.5,
                {"called ambiguous": float(np.mean(wrong or [0]))},
            )  # fmt: skip


def of(data: Path, weights: Path) -> Evidence:
    """The evidence of a dataset as it is."""
    return material.evidence(material.analysed(data, weights))[0]


def digits() -> Evidence:
    """scikit-learn's digits, the pixels as embedding."""
    X, y = load_digits(return_X_y=True)
    n = len(y)
    evidence = Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=y.astype(np.int64),
        splits=np.array(["train", "train", "train", "val", "test"])[np.arange(n) % 5],
        class_names=tuple(f"digit{c}" for c in range(10)),
        embeddings=X.astype(np.float32),
        neighbors=knn(X.astype(np.float32), 50),
        groups=np.array([""] * n),
    )
    return relabelled(evidence, evidence.labels, evidence.class_names)


def relabelled(evidence: Evidence, labels: np.ndarray, names: tuple[str, ...]) -> Evidence:
    """The same images under other labels, with out-of-fold probabilities for these."""
    assert evidence.embeddings is not None
    groups = evidence.groups if evidence.groups is not None else np.array([""] * len(evidence))
    groups = np.where(groups == "", evidence.sample_ids, groups)
    probe = out_of_fold(
        evidence.embeddings, labels, evidence.splits == "train", groups, len(names), 5,
        np.random.default_rng(0),
    )  # fmt: skip
    return replace(
        evidence, labels=labels, class_names=names, pred_probs=probe.pred_probs, folds=probe.folds
    )


Planted = tuple[Evidence, frozenset[str]]


def _split(clean: Evidence, label: int) -> Planted:
    """Half of a class under a new name."""
    rng = np.random.default_rng(label)
    mine = np.flatnonzero(clean.labels == label)
    labels = clean.labels.copy()
    labels[rng.choice(mine, len(mine) // 2, replace=False)] = len(clean.class_names)
    names = (*clean.class_names, "other name")
    return relabelled(clean, labels, names), frozenset((names[label], "other name"))


def _mix(clean: Evidence, a: int, b: int) -> Planted:
    """The labels of two classes shuffled."""
    rng = np.random.default_rng(a)
    mine = np.flatnonzero((clean.labels == a) | (clean.labels == b))
    labels = clean.labels.copy()
    labels[mine] = rng.permutation(labels[mine])
    names = clean.class_names
    return relabelled(clean, labels, names), frozenset((names[a], names[b]))


def _starve(clean: Evidence, label: int) -> list[dict[str, object]]:
    """The pairs of a class of which ten training images stay, if it is now mixed up with any."""
    rng = np.random.default_rng(label)
    mine = np.flatnonzero((clean.labels == label) & (clean.splits == "train"))
    labels = clean.labels.copy()
    labels[rng.choice(mine, max(len(mine) - 10, 0), replace=False)] = -1
    name = clean.class_names[label]
    found = Confusable().detect(relabelled(clean, labels, clean.class_names)).info["pairs"]
    return [pair for pair in found if name in (pair["class_a"], pair["class_b"])]


def _ranked(name: str, what: str, planted: list[Planted]) -> Iterator[Row]:
    ranks, counted, cleanlabs, verdicts = [], [], [], []
    for evidence, truth in planted:
        pairs = Confusable().detect(evidence).info["pairs"]
        ours = [frozenset((pair["class_a"], pair["class_b"])) for pair in pairs]
        ranks.append(_rank(ours, truth))
        verdicts += [pair["verdict"] == "ambiguous" for pair in pairs[:1]]
        names = np.array(evidence.class_names)
        assert evidence.pred_probs is not None
        confusion = confusion_matrix(evidence.labels, evidence.pred_probs.argmax(1), len(names))
        both = np.triu(confusion + confusion.T, 1)
        order = np.column_stack(np.unravel_index(np.argsort(-both, axis=None), both.shape))
        counted.append(_rank([frozenset(names[pair]) for pair in order], truth))
        table = find_overlapping_classes(
            labels=evidence.labels, pred_probs=evidence.pred_probs, class_names=names.tolist()
        )
        listed = zip(table["Class Name A"], table["Class Name B"], strict=True)
        cleanlabs.append(_rank([frozenset(pair) for pair in listed], truth))
    peers = {"count": float(np.mean(counted)), "cleanlab": float(np.mean(cleanlabs))}
    rank, sure = float(np.mean(ranks)), float(np.mean(verdicts or [0]))
    label = f"{name}: {what} ({len(planted)} times)"
    yield Row("confusable", label, "mean rank of the pair", rank, "1", rank == 1, peers)
    yield Row("confusable", label, "called ambiguous", sure, "1", sure == 1, {})


def _rank(pairs: list[frozenset[str]], truth: frozenset[str]) -> int:
    return pairs.index(truth) + 1 if truth in pairs else 999
