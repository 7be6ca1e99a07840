"""How far each image lies from each class, by a few images of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints, Strings
from curate.numerics.neighbors import normalized

MOST = 50
"""Images by which a class is represented: of more, an even choice in the order of their names."""

BLOCK = 4096
LEAST_SPREAD = 0.05
"""Of logarithms of distances: closer than by 5 % nobody would tell apart."""


def class_stance(
    embeddings: Floats, labels: Ints, names: Strings, n_classes: int, share: float, least: int
) -> NDArray[np.float32]:
    """(n, n_classes) how far each image is from each class, in the class's own robust spreads.

    The distance to a class is the cosine distance up to which a `share` of (at most `MOST`) images
    of that class lie, itself left out: a few foreign images in the class, alike or not, do not
    bring each other near. With m and s the median and 1.4826 times the median deviation of the
    logarithm of that distance among the class's own images, the result is ``(log d - m) / s``.
    Source: distances to class-conditional distributions (Lee et al. 2018), by order statistics
    instead of a Gaussian.

    Time and memory are O(n C MOST) and O(BLOCK C MOST); a class of fewer than `least` images has
    no spread of its own and is infinitely far.

    Args:
        embeddings: (n, d).
        labels: (n,) class numbers, negative where unknown.
        names: (n,) unique, by which the order of the rows does not matter.
        n_classes: columns of the result.
        share: above 0, at most 1.
        least: at least 2.
    """
    unit = normalized(embeddings)
    order = np.argsort(names, kind="stable")
    members = [order[labels[order] == c] for c in range(n_classes)]
    few = [
        rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)] for rows in members
    ]
    result = np.full((len(unit), n_classes), np.inf, dtype=np.float32)
    for c, own in enumerate(few):
        if len(members[c]) < least:
            continue
        place = max(0, int(np.ceil(share * (len(own) - 1))) - 1)
        column = np.empty(len(unit), dtype=np.float32)
        for start in range(0, len(unit), BLOCK):
            distance = 1 - unit[start : start + BLOCK] @ unit[own].T
            here = (own >= start) & (own < start + BLOCK)
            distance[own[here] - start, here] = np.inf
            column[start : start + BLOCK] = np.partition(distance, place, axis=1)[:, place]
        value = np.log(np.maximum(column, 1e-6))
        median = np.median(value[members[c]])
        spread = 1.4826 * np.median(np.abs(value[members[c]] - median))
        result[:, c] = (value - median) / max(float(spread), LEAST_SPREAD)
    return result
