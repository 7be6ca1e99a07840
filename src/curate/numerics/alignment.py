"""How alike the pixels of two thumbnails are, wherever one was moved, mirrored or brightened."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats

REACH = 2
"""Largest shift that is tried, in thumbnail pixels (a sixteenth of the picture)."""

BLOCK = 2048
"""Pairs a block, which bounds memory."""


def residual(left: NDArray[np.uint8], right: NDArray[np.uint8], worth: float = 0.1) -> Floats:
    """(m,) what pixels of two (m, s, s) stacks do not share: 1 less their best correlation.

    Idea: Pearson correlation ignores brightness and contrast. It is taken over whole-pixel shifts
    of up to `REACH` and a mirror and, for pairs that then share all but `worth`, over half-pixel
    shifts around the best one. Both pictures are slightly blurred first, so that a shift by a
    fraction of a pixel (linear interpolation) costs nothing. The same picture ends near 0, two
    pictures of one thing well above. Two flat pictures share everything.

    Args:
        left: grey thumbnails, area-averaged.
        right: the pictures that they are compared with.
        worth: largest residual that is refined.
    """
    result = np.empty(len(left))
    for start in range(0, len(left), BLOCK):
        rows = slice(start, start + BLOCK)
        result[rows] = _block(left[rows], right[rows], worth)
    return result


def _block(left: NDArray[np.uint8], right: NDArray[np.uint8], worth: float) -> Floats:
    a, b = _blurred(left), _blurred(right)
    flat = (np.ptp(a, axis=(1, 2)) < 2) & (np.ptp(b, axis=(1, 2)) < 2)
    best, shift, mirrored = np.full(len(a), -1.0), np.zeros((len(a), 2)), np.zeros(len(a), bool)
    for mirror in (False, True):
        other = b[:, :, ::-1] if mirror else b
        for dy in range(-REACH, REACH + 1):
            for dx in range(-REACH, REACH + 1):
                value = _correlation(a, _shifted(other, dy, dx))
                better = value > best
                best[better], mirrored[better] = value[better], mirror
                shift[better] = dy, dx
    close = np.flatnonzero(best > 1 - worth)
    if len(close):
        near_a = a[close]
        near_b = np.where(mirrored[close, None, None], b[close][:, :, ::-1], b[close])
        for whole in np.unique(shift[close], axis=0):
            own = np.flatnonzero((shift[close] == whole).all(axis=1))
            for half in np.ndindex(3, 3):
                fy, fx = whole + (np.array(half) - 1) / 2
                moved = _shifted(near_b[own], float(fy), float(fx))
                value = _correlation(near_a[own], moved)
                best[close[own]] = np.maximum(best[close[own]], value)
    residuals: Floats = np.where(flat, 0.0, np.clip(1 - best, 0, 2))
    return residuals


def _blurred(stack: NDArray[np.uint8]) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    result: NDArray[np.float32] = gaussian_filter(stack.astype(np.float32), (0, 0.7, 0.7))
    return result


def _shifted(stack: NDArray[Any], dy: float, dx: float) -> NDArray[Any]:
    """Move by a fraction of a pixel; the border that wraps round is cut by `_correlation`."""
    iy, ix = int(np.floor(dy)), int(np.floor(dx))
    fy, fx = dy - iy, dx - ix
    moved = np.roll(stack, (-iy, -ix), (1, 2))
    if fy:
        moved = (1 - fy) * moved + fy * np.roll(moved, -1, 1)
    if fx:
        moved = (1 - fx) * moved + fx * np.roll(moved, -1, 2)
    return moved


def _correlation(left: NDArray[Any], right: NDArray[Any]) -> Floats:
    inner = slice(REACH + 1, -(REACH + 1))
    x = left[:, inner, inner].reshape(len(left), -1)
    y = right[:, inner, inner].reshape(len(right), -1)
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    dot = np.einsum("ij,ij->i", x, y)
    value: Floats = np.divide(dot, scale, out=np.zeros(len(x), x.dtype), where=scale > 1e-6)
    return value
