"""Folds that keep what belongs together in one piece and the classes in balance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Ints


def assign_folds(
    labels: Ints, groups: NDArray[Any], n_folds: int, rng: np.random.Generator
) -> tuple[NDArray[np.int32], list[str]]:
    """Spread images over folds, groups whole and every class as evenly as they allow.

    Idea: groups of more than one image go first, from large to small, each to the fold where it
    adds least to ``sum over classes c, folds f of count[f, c]^2 / count[c]``; then the images of
    their own, class by class, fill up the folds that have fewest of their class. Ties go to the
    fold with fewest images. That is the greedy idea of scikit-learn's StratifiedGroupKFold without
    its table of groups against classes; 50,000 groups of 1,000 classes take about a second.

    Args:
        labels: (n,) class numbers, not negative.
        groups: (n,) rows with equal values are never separated; their labels may differ.
        n_folds: at least 2.
        rng: breaks ties between groups of one size, and picks among the images of a class.

    Returns:
        (n,) fold numbers from 0, none left out, and notes on what was given up. One group alone
        has one fold.
    """
    unit = np.unique(groups, return_inverse=True)[1].ravel()
    sizes = np.bincount(unit)
    of_class = np.bincount(labels).astype(np.float64)
    most, notes = int(of_class.max()), []
    possible = min(n_folds, len(sizes), max(2, most))
    if possible < n_folds:
        why = "no class has more images" if most <= possible else "there are no more groups"
        notes.append(f"{possible} fold{'s' * (possible != 1)} instead of {n_folds}: {why}")
    counts = np.zeros((possible, len(of_class)))
    totals = np.zeros(possible)
    folds = np.zeros(len(labels), dtype=np.int32)

    by_unit = np.argsort(unit, kind="stable")
    ends = np.cumsum(sizes)
    shuffled = rng.permutation(len(sizes))
    for one in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        if sizes[one] == 1:
            break
        rows = by_unit[ends[one] - sizes[one] : ends[one]]
        classes, own = np.unique(labels[rows], return_counts=True)
        cost = counts[:, classes] @ (own / of_class[classes])
        fold = min(range(possible), key=lambda f: (cost[f], totals[f]))
        folds[rows] = fold
        counts[fold, classes] += own
        totals[fold] += len(rows)

    single = rng.permutation(np.flatnonzero(sizes[unit] == 1))
    single = single[np.argsort(labels[single], kind="stable")]
    for rows in np.split(single, np.flatnonzero(np.diff(labels[single])) + 1):
        if not len(rows):
            continue
        label = labels[rows[0]]
        # The place of fold f for its j-th further image of the class is as high as its count then.
        heights = counts[:, label, None] + np.arange(len(rows))
        fullness = np.broadcast_to(totals[:, None], heights.shape)
        places = np.lexsort((fullness.ravel(), heights.ravel()))[: len(rows)] // len(rows)
        folds[rows] = places
        added = np.bincount(places, minlength=possible)
        counts[:, label] += added
        totals += added
    return folds, notes


def join_pairs(
    units: Ints, labels: Ints, is_train: Bools, pairs: Ints, n_folds: int = 2
) -> tuple[NDArray[np.int64], int]:
    """Join the units of paired training images, but never more of a class than a fold should hold.

    Idea: a fold that holds all copies of a picture tells whether it can be known without them. But
    pairs chain: frames of one film, each like the next, would become one unit, and the fold that
    holds it would be predicted by a probe that saw nothing of the class. So pairs are taken in the
    order given, surest first, and one is passed over if the unit that it makes would hold more of
    a class's training images than a fold's share (of a small class: than three), or more than
    half. Units as they are given stay whole.

    Args:
        units: (n,) rows with equal values belong together already.
        labels: (n,) class numbers, negative where unknown.
        is_train: (n,) pairs with other rows make no difference to the folds and are left out.
        pairs: (m, 2) row numbers.
        n_folds: the folds to come.

    Returns:
        (n,) units with those of the pairs joined, and how many pairs were passed over.
    """
    numbers = np.unique(units, return_inverse=True)[1].ravel().astype(np.int64)
    used = np.flatnonzero(is_train & (labels >= 0))
    of_class = np.bincount(labels[used], minlength=1)
    parent = np.arange(int(numbers.max(initial=-1)) + 1)
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    pairs = pairs[np.isin(pairs, used).all(axis=1)]
    holds: dict[int, dict[int, int]] = {int(unit): {} for unit in np.unique(numbers[pairs])}
    for row in used[np.isin(numbers[used], list(holds))]:
        mine = holds[int(numbers[row])]
        mine[int(labels[row])] = mine.get(int(labels[row]), 0) + 1

    def root(unit: int) -> int:
        while parent[unit] != unit:
            parent[unit] = parent[parent[unit]]
            unit = int(parent[unit])
        return unit

    passed_over = 0
    for a, b in pairs:
        one, other = root(int(numbers[a])), root(int(numbers[b]))
        if one == other:
            continue
        joint = dict(holds[one])
        for label, count in holds[other].items():
            joint[label] = joint.get(label, 0) + count
        if any(
            count > min(of_class[label] / 2, max(of_class[label] / n_folds, 3))
            for label, count in joint.items()
        ):
            passed_over += 1
            continue
        parent[other] = one
        holds[one] = joint
        del holds[other]
    roots = np.array([root(unit) for unit in range(len(parent))], dtype=np.int64)
    return roots[numbers], passed_over
