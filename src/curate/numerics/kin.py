"""Which images belong together: the user's groups and the copies of one picture, joined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Evidence, Ints
from curate.numerics.folds import join_pairs


def kin(evidence: Evidence, parts: Ints) -> NDArray[np.int64]:
    """(n,) numbers; rows with equal ones share a group or are copies of one picture.

    Groups stay whole. Copies are joined from the surest pair on, as `join_pairs` does, so that no
    chain of look-alikes swallows more than half of a part.

    Args:
        evidence: of which `groups` and `copies` are read, where there are any.
        parts: (n,) not negative.
    """
    n = len(evidence)
    order = np.argsort(evidence.sample_ids.astype(str), kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    units = place.copy()
    if evidence.groups is not None:
        named = np.flatnonzero(evidence.groups != "")
        _, number = np.unique(evidence.groups[named], return_inverse=True)
        units[named] = n + number.ravel()
    if evidence.copies is None:
        return np.unique(units, return_inverse=True)[1].ravel()
    sure = np.flatnonzero(evidence.copies.confirmed)
    ends = np.sort(np.column_stack([place[evidence.copies.a], place[evidence.copies.b]])[sure], 1)
    by_trust = np.lexsort((ends[:, 1], ends[:, 0], evidence.copies.residuals[sure].round(9)))
    joined, _ = join_pairs(units[order], parts[order], np.ones(n, dtype=bool), ends[by_trust])
    return joined[place]


def design_effect(units: Ints) -> float:
    """How many times the variance grows if images of one unit are all alike (Kish 1965).

    ``sum of size^2 / sum of size``: 1 where every image is a unit of its own.
    """
    sizes = np.unique(units, return_counts=True)[1].astype(np.float64)
    return float(np.square(sizes).sum() / sizes.sum()) if len(sizes) else 1.0
