"""Places of the picture that look alike in all images of a class: stamps, frames, backdrops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Ints

NEAR = 12
"""Grey levels by which a place may differ and still look the same: 5 % of the scale."""

MOST = 0.8
FEW = 0.3
"""A place is fixed if so many images of the class, and so few others, look like the class there."""

LEAST_PLACES = 8
"""Fixed places, of 32 x 32, from which a class counts as having a template."""

SAMPLE = 2000
"""Images of other classes that are looked at to find the places."""


@dataclass(frozen=True)
class Template:
    """What one class looks like at its fixed places.

    Attributes:
        label: the class.
        where: "top left", "edge on all sides", ...
        likeness: (n,) share of the fixed places at which an image looks like the class; each image
            is judged by a template made of the other half of the images.
    """

    label: int
    where: str
    likeness: NDArray[np.float64]


def templates(thumbnails: NDArray[np.uint8], labels: Ints, halves: Ints, k: int) -> list[Template]:
    """Classes that have fixed places, in both halves of the images.

    Idea: where a stamp, frame or backdrop covers all images of a class, a place of the thumbnail
    is near its median in most of them, and seldom near it in the others. Not found is what is
    half-transparent, moves about, or is on few images of the class.

    Args:
        thumbnails: (n, side, side) grey.
        labels: (n,) from 0 to k - 1.
        halves: (n,) 0 or 1.
        k: how many classes there are.
    """
    n, side = thumbnails.shape[:2]
    flat = thumbnails.reshape(n, side * side)
    found = []
    some = np.linspace(0, n - 1, min(n, SAMPLE)).astype(int)
    for label in range(k):
        mine = labels == label
        masks, likeness = [], np.zeros(n)
        for half in (0, 1):
            own = flat[mine & (halves != half)]
            if len(own) < 10:
                break
            middle = np.median(own, axis=0).astype(np.int16)
            rest = flat[some[(labels[some] != label) & (halves[some] != half)]]
            fixed = (_near(own, middle) >= MOST) & (_near(rest, middle) <= FEW)
            if not len(rest) or fixed.sum() < LEAST_PLACES:
                break
            masks.append(fixed)
            judged = np.flatnonzero(halves == half)
            gap = np.abs(flat[np.ix_(judged, fixed)].astype(np.int16) - middle[fixed])
            likeness[judged] = (gap <= NEAR).mean(axis=1)
        if len(masks) == 2:
            where = _where((masks[0] | masks[1]).reshape(side, side))
            found.append(Template(label, where, likeness))
    return found


def _near(X: NDArray[np.uint8], middle: NDArray[np.int16]) -> NDArray[np.float64]:
    if not len(X):
        return np.zeros(len(middle))
    share: NDArray[np.float64] = (np.abs(X.astype(np.int16) - middle) <= NEAR).mean(axis=0)
    return share


def _where(fixed: NDArray[np.bool_]) -> str:
    """The part of the picture in which most fixed places lie, in words."""
    side = len(fixed)
    margin = max(side // 8, 1)
    edge = np.ones_like(fixed)
    edge[margin:-margin, margin:-margin] = False
    strips = [fixed[:margin], fixed[-margin:], fixed[:, :margin], fixed[:, -margin:]]
    if all(strip.mean() > 0.5 for strip in strips) and fixed[edge].sum() > fixed.sum() / 2:
        return "edge on all sides"
    rows, columns = np.nonzero(fixed)
    down = ("top", "middle", "bottom")[min(int(3 * (rows.mean() + 0.5) / side), 2)]
    across = ("left", "centre", "right")[min(int(3 * (columns.mean() + 0.5) / side), 2)]
    return "centre" if (down, across) == ("middle", "centre") else f"{down} {across}"
