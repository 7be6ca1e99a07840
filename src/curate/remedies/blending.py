"""The sums over images that a linear probe needs, of train images and changed copies of some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.moments import BLOCK, Moments
from curate.numerics.parallel import side_by_side
from curate.numerics.spaces import Training
from curate.remedies.augmented import Augmented

DESIGN_EFFECT = 1.25
"""Where few images were copied and each copy counts for several, a fifth of what the images are
worth may be lost by it (Kish 1965: n * sum of squared weights / square of their sum)."""

MOST_CHANGED = 0.9
"""The images as they are stay in: a transform that is always applied is judged as if it was left
out now and then."""


def copies_weight(share: float, probability: float) -> tuple[float, float]:
    """How often the copies of an image count, and the share of what is seen that is changed.

    Idea: of what a training run sees, `probability` is changed: ``w / (1 / share + w)`` where each
    image counts once as it is and, if it was copied, w times as its copies. Where few were copied w
    is large, and all is decided by few images; it is bounded by `DESIGN_EFFECT`, and the share of
    changed images may then be lower than was asked for.

    Args:
        share: of the images that were copied, above 0.
        probability: asked for; above `MOST_CHANGED` it counts as that.

    Returns:
        w and the share that it comes to.
    """
    probability = min(probability, MOST_CHANGED)
    wanted = probability / (1 - probability) / share
    more, square = DESIGN_EFFECT - 1, share - DESIGN_EFFECT * share**2
    # (1 - share) + share (1 + w)^2 = DESIGN_EFFECT (1 + share w)^2, solved for w.
    most = (
        (more * share + np.sqrt((more * share) ** 2 + square * more)) / square
        if square > 0
        else np.inf
    )
    weight = float(min(wanted, most))
    return weight, share * weight / (1 + share * weight)


def blended(
    training: Training, shares: Sequence[Moments], copies: Sequence[Augmented], probability: float,
    excluded: Sequence[int],
) -> tuple[list[Moments], float]:  # fmt: skip
    """The moments of each fold, as a training run sees it that changes images now and then.

    They have twice the classes: those of the images as they are, and after them those of their
    copies. A copy belongs to the fold of its image; the copies of one image at several levels share
    its weight.

    Args:
        training: rows, labels and folds.
        shares: the moments of each fold of the images as they are.
        copies: of one transform; rows outside `training` are passed over.
        probability: the share of images to be seen changed, of the classes that may be.
        excluded: class numbers that stay as they are.

    Returns:
        the moments, and the share that is seen changed.
    """
    t, origin = training, shares[0].origin
    free = ~np.isin(t.labels, np.asarray(excluded, dtype=np.int64))
    place = np.full(1 + max([int(t.rows.max()), *(int(c.rows.max(initial=0)) for c in copies)]), -1)
    place[t.rows[free]] = np.flatnonzero(free)
    times = np.zeros(len(t.rows))
    for copy in copies:
        own = place[copy.rows]
        times[own[own >= 0]] += 1
    copied: Bools = times > 0
    if not copied.any():
        return [_wider(share) for share in shares], 0.0
    weight, probability = copies_weight(float(copied[free].mean()), probability)
    each = weight / np.maximum(times, 1)

    def share(fold: int) -> Moments:
        found = _wider(shares[fold])
        for copy in copies:
            own = place[copy.rows]
            inside = np.flatnonzero((own >= 0) & (t.folds[own] == fold))
            train = own[inside]
            counts, sums, second = _sums(
                copy.embeddings, inside, t.n_classes + t.labels[train], each[train], origin,
                2 * t.n_classes,
            )  # fmt: skip
            found = Moments(origin, found.counts + counts, found.sums + sums, found.second + second)
        return found

    return side_by_side(share, range(t.n_folds)), probability


def merged(moments: Moments) -> Moments:
    """The moments of `blended` with the copies counted to the classes of their images."""
    k = len(moments.counts) // 2
    return Moments(
        moments.origin,
        moments.counts[:k] + moments.counts[k:],
        moments.sums[:k] + moments.sums[k:],
        moments.second,
    )


def _wider(moments: Moments) -> Moments:
    """With as many classes more, of which nothing was seen."""
    counts = np.concatenate([moments.counts, np.zeros_like(moments.counts)])
    sums = np.concatenate([moments.sums, np.zeros_like(moments.sums)])
    return Moments(moments.origin, counts, sums, moments.second)


def _sums(
    E: Floats, rows: Ints, labels: Ints, weights: Floats, origin: NDArray[np.float64],
    n_classes: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Counts, sums and second moment of some rows of E, each counted as its weight says."""
    sums = np.zeros((n_classes, E.shape[1]))
    second = np.zeros((E.shape[1], E.shape[1]))
    for start in range(0, len(rows), BLOCK):
        some = slice(start, start + BLOCK)
        root = np.sqrt(np.asarray(weights[some], dtype=np.float64))[:, None]
        block = (np.asarray(E[rows[some]], dtype=np.float64) - origin) * root
        second += block.T @ block
        one_hot = np.zeros((len(block), n_classes))
        one_hot[np.arange(len(block)), labels[some]] = 1.0
        sums += one_hot.T @ (block * root)
    counts = np.bincount(labels, weights, minlength=n_classes).astype(np.float64)
    return counts, sums, second
