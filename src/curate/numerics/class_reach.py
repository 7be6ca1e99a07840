"""How near the images of a class lie, by the neighbour graph alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.difficulty import at_least, doubt_to_belief

Reach = NDArray[np.float64]

STEEPEST = 50.0
"""The largest exponent of `growth`: where all distances are equal there is none."""


def reach(found: Bools, distances: Floats, k: int) -> Reach:
    """(m,) mean distance to the k nearest neighbours that count.

    A neighbour that is not in the graph is put at its edge, which is the least it can be.

    Args:
        found: (m, width) which neighbours count, nearest first.
        distances: (m, width) ascending.
        k: at least 1.
    """
    taken = found & (np.cumsum(found, axis=1) <= k)
    return _filled(np.where(taken, distances, 0).sum(axis=1), taken.sum(axis=1), distances, k)


def reaches(found: Ints, distances: Floats, n_classes: int, k: int) -> Reach:
    """(m, n_classes) `reach` to every class.

    Args:
        found: (m, width) class numbers of the neighbours, negative where unknown.
        distances: (m, width) ascending.
        n_classes: columns of the result.
        k: at least 1.
    """
    m, width = found.shape
    order = np.argsort(found, axis=1, kind="stable")
    classes = np.take_along_axis(found, order, axis=1)
    # The place of a neighbour among those of its class: since the run of equal numbers began.
    place = np.broadcast_to(np.arange(width), (m, width))
    begins = np.ones((m, width), dtype=bool)
    begins[:, 1:] = classes[:, 1:] != classes[:, :-1]
    place = place - np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    row, column = np.nonzero((classes >= 0) & (place < k))
    cell = row * n_classes + classes[row, column]
    near = np.take_along_axis(np.asarray(distances, dtype=np.float64), order, axis=1)[row, column]
    total = np.bincount(cell, near, m * n_classes).astype(np.float64).reshape(m, n_classes)
    count: Ints = np.bincount(cell, minlength=m * n_classes).reshape(m, n_classes)
    return _filled(total, count, distances, k)


def growth(distances: Floats) -> float:
    """The power of the distance by which the number of images within it grows.

    For cosine distances, which are squares, half of the intrinsic dimension. The maximum likelihood
    estimate ``1 / mean_j log(d_k / d_j)`` (Levina and Bickel 2004), whose inverse is averaged over
    the images (MacKay and Ghahramani 2005), here by the median for the sake of copies.

    Args:
        distances: (n, width) ascending, of the neighbour graph.
    """
    if distances.shape[1] < 2 or not len(distances):
        return 1.0
    logs = np.log(np.maximum(distances.astype(np.float64), 1e-9))
    inverse = float(np.median((logs[:, -1:] - logs[:, :-1]).mean(axis=1)))
    return 1 / max(inverse, 1 / STEEPEST)


def as_near_as_others(
    labels: Ints, other: Ints, asked: Reach, asked_labels: Ints, found: Ints, distances: Floats,
    k: int,
) -> Reach:  # fmt: skip
    """(m,) belief that an image of the other class lies where each of m rows does.

    Idea: if a row is an image of class c that was called y by mistake, it is one of the images of
    c, whatever it is called, and lies as near to the images of y as they do. The share of them for
    which ``log(d_c / d_y)`` is as large is a conformal p-value; the ratio of the distances to two
    classes is the nonconformity of Proedrou et al. (2002), "Transductive confidence machines for
    pattern recognition". `curate.numerics.difficulty.doubt_to_belief` makes a belief of it. Where
    labels are wrong the images of y are far; where a few images of y look alike they are near each
    other, however much they look like c.

    Args:
        labels: (n,) class numbers of all images.
        other: (m,) c.
        asked: (m, n_classes) of `reaches`.
        asked_labels: (m,) y.
        found: (n, width) class numbers of all images' neighbours.
        distances: (n, width) of all images.
        k: as in `reaches`.
    """
    p_values = np.ones(len(other))
    rows = np.arange(len(other))
    ratio = _ratio(asked[rows, other], asked[rows, asked_labels])
    for c in np.unique(other):
        members = np.flatnonzero(labels == c)
        classes, near = found[members], distances[members]
        own = reach(classes == c, near, k)
        for y in np.unique(asked_labels[other == c]):
            these = (other == c) & (asked_labels == y)
            theirs = np.sort(_ratio(own, reach(classes == y, near, k)))
            p_values[these] = at_least(theirs, ratio[these], np.ones(int(these.sum()), dtype=bool))
    return doubt_to_belief(p_values)


def _filled(total: Floats, count: Ints, distances: Floats, k: int) -> Reach:
    """Mean of k distances of which `count` are in `total` and the others at the edge."""
    edge = distances[:, -1] if distances.shape[1] else np.zeros(len(distances))
    edge = edge.astype(np.float64).reshape(-1, *[1] * (total.ndim - 1))
    mean: Reach = (total + (k - count) * edge) / k
    return mean


def _ratio(near: Floats, far: Floats) -> Reach:
    logs: Reach = np.log(np.maximum(near, 1e-9)) - np.log(np.maximum(far, 1e-9))
    return logs
