"""Samples that give every class its turn."""

from __future__ import annotations

import numpy as np

from curate.findings import Ints, Strings


def balanced_sample(
    labels: Ints, n: int, rng: np.random.Generator, groups: Strings | None = None
) -> Ints:
    """Up to n positions, classes in balance, in the order of drawing.

    The classes take turns, and within a class its groups: of a person with forty photographs the
    second is drawn when every other person of the class has given one. The first m of a sample of
    n are the sample of m.

    Args:
        labels: (k,) class numbers.
        n: how many to draw; fewer where there are fewer.
        rng: shuffles each class.
        groups: (k,) images that belong together share a value, "" for none.
    """
    order = rng.permutation(len(labels))
    turn = np.zeros(len(labels), dtype=np.int64)
    if groups is not None:
        names = np.asarray(groups, dtype=str)[order]
        turn[order] = np.where(names == "", 0, _occurrence(names))
    # Within a class first the first of each group; among classes, everyone's first, second, ...
    by_class = order[np.lexsort((np.arange(len(order)), turn[order], labels[order]))]
    place = _occurrence(labels[by_class])
    chosen: Ints = by_class[np.argsort(place, kind="stable")][:n]
    return chosen


def in_turns(labels: Ints, n_turns: int, most: int) -> list[Ints]:
    """Up to `most` positions for each of some turns: the images of a class go to them one by one.

    Where there are fewer than ``most * n_turns`` images, some have several turns; where there are
    fewer than `most`, all have each.

    Args:
        labels: (k,) class numbers, in an order such as `balanced_sample` gives.
        n_turns: how many turns there are.
        most: positions a turn.
    """
    place = _occurrence(labels)
    return [np.argsort((place - turn) % n_turns, kind="stable")[:most] for turn in range(n_turns)]


def _occurrence(values: Ints | Strings) -> Ints:
    """How many equal values came before each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]] if len(values) else np.zeros(0, dtype=bool)
    start = np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))
    found = np.empty(len(values), dtype=np.int64)
    found[order] = np.arange(len(values)) - start
    return found
