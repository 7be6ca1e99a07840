"""Classes that deserve a look before anything is trained, each with its reasons.

Idea: a class is compared with the other classes of the same data, and named only where a difference
is both large (by the bounds below) and beyond chance. Beyond chance means an exact test of the
count at level `ALPHA` for all classes and properties of one kind of look together (Bonferroni), so
that neither small classes nor many of them cry wolf: balanced data of equal classes give an empty
table.

Not a verdict: a class of night scenes is dark, and rare things are rare. But a model can learn any
difference told here instead of the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from curate.data.file_facts import present_splits
from curate.numerics.tails import binomial_lower, binomial_upper, poisson_lower
from curate.pipeline.class_looks import ALPHA, Reason, differences

FEW = 0.25
"""A class of at most this share of the median class's images is small; below `SMALL` images it is
so already at half the median, since nothing is learned or measured well from so few."""

SMALL = 10

SHIFT = 2.0
"""A class's share of val or test is odd at so many times that of train, or the inverse."""

FAULTY = 3
"""Problems or copies are many when they are at least three, and three times as frequent."""


def odd_classes(
    table: pd.DataFrame, problems: pd.DataFrame, statistics: pd.DataFrame
) -> list[dict[str, Any]]:
    """The classes that deserve a look, worst first.

    Args:
        table: the readable images, as in the catalog.
        problems: the images that cannot be used.
        statistics: pixel statistics of all images or of a sample, by `sample_id`.

    Returns:
        Per class `label`, `severity` (the sum over its reasons, by which they are ordered) and
        `reasons`.
    """
    labelled = table[table["label"].notna()]
    reasons = [
        *_few(labelled),
        *_shifted(labelled),
        *_faults(labelled, problems),
        *differences(labelled, statistics, "label", "classes"),
    ]
    return list(_by_name(reasons, "label"))


def odd_splits(table: pd.DataFrame, statistics: pd.DataFrame) -> list[dict[str, Any]]:
    """The splits whose images look unlike those of the others, by the same comparisons."""
    return list(_by_name(differences(table, statistics, "split", "splits"), "split"))


def _by_name(reasons: Iterable[Reason], key: str) -> Iterator[dict[str, Any]]:
    found: dict[str, list[Reason]] = {}
    for reason in reasons:
        found.setdefault(reason.name, []).append(reason)
    total = {name: sum(reason.severity for reason in those) for name, those in found.items()}
    for name in sorted(found, key=lambda name: (-total[name], name)):
        worst_first = sorted(found[name], key=lambda reason: -reason.severity)
        yield {
            key: name,
            "severity": round(total[name], 4),
            "reasons": [
                {"kind": reason.kind, "severity": round(reason.severity, 4), "text": reason.text}
                for reason in worst_first
            ],
        }


def _counts(labels: pd.Series[Any], names: Iterable[str]) -> dict[str, int]:
    """How many images each class has, 0 for none."""
    counts = labels.dropna().value_counts()
    return {name: int(counts.get(name, 0)) for name in names}


def _few(labelled: pd.DataFrame) -> Iterator[Reason]:
    """Classes with few images to learn from, by the median class and by Poisson's tail."""
    splits = present_splits(labelled)
    if not splits:
        return
    split, names = splits[0], sorted(set(labelled["label"]))
    counts = _counts(labelled.loc[labelled["split"] == split, "label"], names)
    median = float(pd.Series(counts).median())
    for label, n in counts.items():
        small = n <= FEW * median or (n < SMALL and n <= median / 2)
        if small and poisson_lower(n, median) < ALPHA / len(counts):
            text = f"{n:,} {split} image{'s' * (n != 1)}, the median class has {median:,.0f}"
            yield Reason(label, "few", 1 - n / median, text)


def _shifted(labelled: pd.DataFrame) -> Iterator[Reason]:
    """Classes that val or test hold too rarely or too often, by their share of train."""
    splits, names = present_splits(labelled), sorted(set(labelled["label"]))
    others = [split for split in splits if split != "train"]
    if "train" not in splits:
        return
    counts = {s: _counts(labelled.loc[labelled["split"] == s, "label"], names) for s in splits}
    n_train = sum(counts["train"].values())
    for split in others:
        n_split = sum(counts[split].values())
        share = n_split / (n_split + n_train)
        for label in names:
            here, there = counts[split][label], counts["train"][label]
            ratio = (here / n_split) / (there / n_train) if there else float("inf")
            if 1 / SHIFT < ratio < SHIFT:
                continue
            tail = binomial_upper if ratio >= SHIFT else binomial_lower
            if tail(here, here + there, share) >= ALPHA / (2 * len(names) * len(others)):
                continue
            text = (
                f"{here:,} of {n_split:,} {split} images; by its share of train "
                f"({there:,} of {n_train:,}) {there / n_train * n_split:,.0f} are to be expected"
            )
            yield Reason(label, "split", 1 - min(ratio, 1 / ratio if ratio else 0.0), text)


def _faults(labelled: pd.DataFrame, problems: pd.DataFrame) -> Iterator[Reason]:
    """Classes with many problems, or many files of the same bytes as an earlier one."""
    names = sorted(set(labelled["label"]) | set(problems["label"].dropna()))
    readable, bad = _counts(labelled["label"], names), _counts(problems["label"], names)
    copies = _counts(labelled.loc[labelled.duplicated("content_digest"), "label"], names)
    images = {name: readable[name] + bad[name] for name in names}
    for kind, what, faults, total in (
        ("problems", "cannot be used", bad, images),
        ("copies", "are byte-identical copies of another", copies, readable),
    ):
        n_all, k_all = sum(total.values()), sum(faults.values())
        for label in names:
            k, n = faults[label], total[label]
            rest, k_rest = n_all - n, k_all - k
            usual = (k_rest + 1) / (rest + 2)
            if k < FAULTY or k < FAULTY * usual * n:
                continue
            if binomial_upper(k, n, usual) < ALPHA / len(names):
                text = f"{k:,} of {n:,} images {what}; of the other classes' {k_rest:,} of {rest:,}"
                yield Reason(label, kind, k / n, text)
