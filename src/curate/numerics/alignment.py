"""How alike the pixels of two thumbnails are, once one is laid over the other exactly."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats
from curate.numerics.framing import Framing, sampling
from curate.numerics.parallel import side_by_side

BLUR = 0.7
"""Standard deviation, in pixels, of the blur under which pictures are compared."""

DETAIL = 1 / 16
"""Standard deviation, as a share of the side, of the blur that is taken off: what is left is
detail, without the light and dark areas that look-alikes share."""

OVERLAP = 0.6
"""Least share of the target that the source has to cover."""

SCALES = (0.75, 1.34)
OFFSETS = (-0.25, 0.25)

BLOCK = 256
"""Pairs a block, which bounds memory."""


class Level(NamedTuple):
    """One step from coarse to fine.

    Attributes:
        side: pixels a side.
        blur: in pixels.
        rounds: of Gauss-Newton.
        goes_on: the residual up to which a pair goes on to the next level.
    """

    side: int
    blur: float
    rounds: int
    goes_on: float


LEVELS = (Level(16, 0.6, 4, 0.1), Level(32, BLUR, 3, 0.1))
"""Before the last one, which has the thumbnails' own side."""

FINEST_ROUNDS = 3


def residual(thumbnails: NDArray[np.uint8], framing: Framing) -> Floats:
    """(m,) what two pictures do not share: 1 less the correlation of their details.

    Idea: the source is laid over the target by scale and offset along each axis, together with
    brightness and contrast, so that the squared difference is least. That is Gauss-Newton on six
    numbers a pair (image registration of Lucas & Kanade 1981, with the photometric terms of
    Evangelidis & Psarakis 2008), from coarse to fine. Then both are freed of their large areas of
    light and dark by a high pass, and correlated where they overlap. The same picture re-encoded,
    resized, cropped, mirrored or brightened ends near 0. Two photographs of one thing do not: their
    outlines agree, their details do not. Two flat pictures share everything.

    A pair that is clearly another picture at a coarse level keeps the residual it has there.

    Args:
        thumbnails: (n, s, s) grey.
        framing: where to begin, see `curate.numerics.framing.best_framing`.
    """
    side = thumbnails.shape[1]
    finest = Level(side, BLUR, FINEST_ROUNDS, 0)
    levels = [level for level in LEVELS if level.side < side] + [finest]
    starts = range(0, len(framing.source), BLOCK)
    parts = [framing.take(np.arange(s, min(s + BLOCK, len(framing.source)))) for s in starts]
    done = side_by_side(partial(_block, thumbnails, levels), parts)
    return np.concatenate([np.zeros(0), *done])


def _block(thumbnails: NDArray[np.uint8], levels: list[Level], framing: Framing) -> Floats:
    source = thumbnails[framing.source].astype(np.float32)
    source = np.where(framing.mirrored[:, None, None], source[:, :, ::-1], source)
    target = thumbnails[framing.target].astype(np.float32)
    flat = (np.ptp(source, axis=(1, 2)) < 2) & (np.ptp(target, axis=(1, 2)) < 2)
    result = np.where(flat, 0.0, 1.0)
    left, window = np.flatnonzero(~flat), framing.window.astype(np.float64).copy()
    for level in levels:
        if not len(left):
            break
        window[left], found = _align(source[left], target[left], window[left], level)
        result[left] = found
        left = left[found <= level.goes_on]
    return result


def _align(
    source: NDArray[np.float32], target: NDArray[np.float32], window: Floats, level: Level
) -> tuple[Floats, Floats]:
    """The best windows of one level, and the residual of detail under them."""
    n, side = len(source), target.shape[1]
    still = sampling(side, level.side, np.ones(1), np.zeros(1), level.blur)[0]
    wanted = still @ target @ still.T
    best, least = window.copy(), np.full(n, np.inf)
    for last in [False] * level.rounds + [True]:
        shown, seen = _lay(source, window, level)
        error = 1 - _correlation(shown, wanted, seen)
        better = error < least
        best[better], least[better] = window[better], error[better]
        if not last:
            window = window + _step(shown, wanted, seen, window)
            window[:, ::2] = window[:, ::2].clip(*SCALES)
            window[:, 1::2] = window[:, 1::2].clip(*OFFSETS)
    shown, seen = _lay(source, best, level)
    smooth = sampling(level.side, level.side, np.ones(1), np.zeros(1), level.side * DETAIL)[0]
    error = 1 - _correlation(
        shown - smooth @ shown @ smooth.T, wanted - smooth @ wanted @ smooth.T, seen
    )
    return best, error.clip(0, 2)


def _lay(source: NDArray[np.float32], window: Floats, level: Level
         ) -> tuple[NDArray[Any], NDArray[np.float32]]:  # fmt: skip
    """The source under its window, and 1 where it covers the target."""
    side = source.shape[1]
    down = sampling(side, level.side, window[:, 0], window[:, 1], level.blur)
    across = sampling(side, level.side, window[:, 2], window[:, 3], level.blur)
    seen = _covered(level.side, window[:, 0], window[:, 1])[:, :, None]
    seen = seen & _covered(level.side, window[:, 2], window[:, 3])[:, None, :]
    return down @ source @ across.transpose(0, 2, 1), seen.astype(np.float32)


def _covered(side: int, scale: Floats, offset: Floats) -> Bools:
    at = offset[:, None] + scale[:, None] * (np.arange(side) + 0.5) / side
    covered: Bools = (at > 0) & (at < 1)
    return covered


def _correlation(x: NDArray[np.float32], y: NDArray[np.float32], seen: NDArray[np.float32]
                 ) -> Floats:  # fmt: skip
    """Pearson's, over what is seen; 0 where one is flat there, -1 where too little is seen."""
    count = seen.sum(axis=(1, 2))
    x, y = x * seen, y * seen
    many = np.maximum(count, 1)[:, None, None]
    x = (x - x.sum(axis=(1, 2), keepdims=True) / many) * seen
    y = (y - y.sum(axis=(1, 2), keepdims=True) / many) * seen
    dot = np.einsum("ijk,ijk->i", x, y, dtype=np.float64)
    scale = np.sqrt(np.einsum("ijk,ijk->i", x, x) * np.einsum("ijk,ijk->i", y, y))
    value = np.divide(dot, scale, out=np.zeros(len(x)), where=scale > 1e-3)
    return np.where(count >= OVERLAP * seen[0].size, value, -1.0)


def _step(
    shown: NDArray[np.float32], wanted: NDArray[np.float32], seen: NDArray[np.float32],
    window: Floats,
) -> Floats:  # fmt: skip
    """(n, 4) the change of the windows that Gauss-Newton asks for, at most 0.05 each.

    ``wanted = gain * shown(window + change) + level`` is linear in the unknowns to first order.
    """
    n, side = len(shown), shown.shape[1]
    at = ((np.arange(side) + 0.5) / side).astype(np.float32)
    scale = window.astype(np.float32)
    down = np.gradient(shown, 1 / side, axis=1) / scale[:, 0, None, None]
    across = np.gradient(shown, 1 / side, axis=2) / scale[:, 2, None, None]
    columns = [down * at[:, None], down, across * at, across, shown, np.ones_like(shown)]
    slopes = np.stack(columns, axis=1) * seen[:, None]
    slopes = slopes.reshape(n, len(columns), -1)
    normal = slopes @ slopes.transpose(0, 2, 1)
    right = slopes @ wanted.reshape(n, -1, 1)
    size = np.sqrt(np.maximum(np.einsum("mii->mi", normal), 1e-6))[:, :, None]
    # A trace of ridge keeps pictures without texture along an axis from running away on it.
    scaled = (normal / (size * size.transpose(0, 2, 1))).astype(np.float64) + 1e-4 * np.eye(6)
    found = (np.linalg.solve(scaled, right / size) / size)[:, :, 0]
    gain = found[:, 4:5]
    change = np.divide(found[:, :4], gain, out=np.zeros((n, 4)), where=np.abs(gain) > 0.1)
    clipped: Floats = change.clip(-0.05, 0.05)
    return clipped
