"""Which part of one picture shows the other, at a glance: the start of an exact alignment."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

SIDE = 16
"""Pixels a side at which pictures are compared."""

CROP = 0.9
"""Share of a side that the smaller windows keep; the alignment goes on from the nearest one."""

BLOCK = 4096
"""Pairs a block, which bounds memory."""


class Framing(NamedTuple):
    """How picture `source` is laid over picture `target`, for m pairs.

    Attributes:
        source, target: (m,) row numbers.
        mirrored: (m,) whether the source is mirrored first.
        window: (m, 4) scale and offset down, scale and offset across: the point u of the target,
            between 0 and 1, is the point ``offset + scale * u`` of the source.
        alike: (m,) the correlation.
    """

    source: Ints
    target: Ints
    mirrored: Bools
    window: Floats
    alike: Floats

    def take(self, which: Ints | Bools) -> Framing:
        """Those pairs alone."""
        return Framing(
            self.source[which], self.target[which], self.mirrored[which],
            self.window[which], self.alike[which],
        )  # fmt: skip


def best_framing(thumbnails: NDArray[np.uint8], a: Ints, b: Ints) -> Framing:
    """The windows under which the pairs (a, b) look most alike.

    Idea: a crop shows a window of its original. The whole picture and nine windows of `CROP` of
    its side (corners, edges, centre), each also mirrored, are averaged to 16 x 16 pixels and
    correlated with the whole of the other picture; then the other way round. A crop that lies
    between the windows still correlates, so that only pairs which do need an exact alignment.

    Args:
        thumbnails: (n, s, s) grey.
        a: (m,) row numbers.
        b: (m,) row numbers.
    """
    windows = np.array([(1.0, 0.0, 1.0, 0.0)] + [
        (CROP, y, CROP, x) for y in _offsets() for x in _offsets()
    ])  # fmt: skip
    side = thumbnails.shape[1]
    cuts = [(_averages(side, y), _averages(side, x)) for y, x in
            zip(windows[:, :2], windows[:, 2:], strict=True)]  # fmt: skip
    best = np.full(len(a), -np.inf)
    variant, backward = np.zeros(len(a), int), np.zeros(len(a), bool)
    for back, (source, target) in enumerate(((a, b), (b, a))):
        for start in range(0, len(a), BLOCK):
            rows = slice(start, start + BLOCK)
            own, of_own = np.unique(source[rows], return_inverse=True)
            other, of_other = np.unique(target[rows], return_inverse=True)
            pictures = thumbnails[own].astype(np.float32)
            whole = _unit(_cut(thumbnails[other].astype(np.float32), cuts[0]))[of_other]
            for number, cut in enumerate(cuts):
                shown = _cut(pictures, cut)
                for mirrored in (0, 1):
                    turned = _unit(shown[:, :, ::-1] if mirrored else shown)[of_own]
                    value = np.einsum("ij,ij->i", turned, whole)
                    better = value > best[rows]
                    best[rows][better] = value[better]
                    variant[rows][better] = 2 * number + mirrored
                    backward[rows][better] = bool(back)
    window, turned_round = windows[variant // 2], (variant % 2).astype(bool)
    # The window of the picture as it is, told as a window of its mirror image.
    window[turned_round, 3] = 1 - window[turned_round, 2] - window[turned_round, 3]
    source, target = np.where(backward, b, a), np.where(backward, a, b)
    return Framing(source, target, turned_round, window, np.minimum(best, 1))


def sampling(
    side_in: int, side_out: int, scale: Floats, offset: Floats, sigma: float
) -> NDArray[np.float32]:
    """(m, side_out, side_in) weights that move, scale and blur a row of pixels at once.

    Output pixel u is the mean of the input around ``offset + scale * u``, weighted by a Gaussian
    of `sigma` output pixels; beyond the border the last pixels go on.
    """
    at = (np.arange(side_out) + 0.5) / side_out
    centre = (offset[:, None] + scale[:, None] * at) * side_in
    width = np.maximum(sigma * scale * side_in / side_out, 0.4)
    inside = np.clip(centre, 0, side_in)
    far = (inside[:, :, None] - (np.arange(side_in) + 0.5)) / width[:, None, None]
    weights = np.exp(-0.5 * far * far).astype(np.float32)
    weights /= weights.sum(axis=2, keepdims=True)
    normalised: NDArray[np.float32] = weights
    return normalised


def _offsets() -> Floats:
    offsets: Floats = np.linspace(0, 1 - CROP, 3)
    return offsets


def _averages(side: int, window: Floats) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = sampling(side, SIDE, window[:1], window[1:], 0.6)[0]
    return weights


def _cut(pictures: NDArray[np.float32], cut: tuple[NDArray[np.float32], NDArray[np.float32]]
         ) -> NDArray[np.float32]:  # fmt: skip
    down, across = cut
    cut_out: NDArray[Any] = down @ pictures @ across.T
    return cut_out


def _unit(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of mean 0 and length 1; a flat picture stays 0."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(flat, length, out=np.zeros_like(flat), where=length > 0.5)
    return unit
