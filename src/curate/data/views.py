"""The eight symmetries of the square, by name: how an image looks turned or mirrored."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

_STEPS = MappingProxyType(
    {
        "identity": (False, False, False),
        "hflip": (False, False, True),
        "vflip": (False, True, False),
        "rot90": (True, True, False),
        "rot180": (False, True, True),
        "rot270": (True, False, True),
        "transpose": (True, False, False),
        "transverse": (True, True, True),
    }
)
"""Each view as: swap rows and columns, then reverse the rows, then reverse the columns."""

VIEWS = tuple(_STEPS)
"""The names. Rotations are counter-clockwise, as `numpy.rot90`; `transpose` mirrors at the main
diagonal (top left to bottom right), `transverse` at the other one."""


def apply_view(array: NDArray[Scalar], name: str) -> NDArray[Scalar]:
    """Transform one image, or a stack of them.

    Args:
        array: (..., height, width, channels).
        name: one of `VIEWS`.

    Returns:
        (..., height, width, channels), or (..., width, height, channels) where the view swaps the
        sides; C-contiguous, for libraries that take no negative strides. `identity` may return
        `array` itself.

    Raises:
        ValueError: `name` is no view, or `array` has fewer than three axes.
    """
    if array.ndim < 3:
        raise ValueError(f"Expected (..., height, width, channels), found shape {array.shape}")
    swap, rows, columns = _steps(name)
    viewed: NDArray[Any] = np.swapaxes(array, -3, -2) if swap else array
    if rows:
        viewed = viewed[..., ::-1, :, :]
    if columns:
        viewed = viewed[..., ::-1, :]
    return np.ascontiguousarray(viewed)


def inverse_view(name: str) -> str:
    """The view that undoes `name`.

    Raises:
        ValueError: `name` is no view.
    """
    _steps(name)
    # All others are mirrors or half a turn: their own inverses.
    return {"rot90": "rot270", "rot270": "rot90"}.get(name, name)


def _steps(name: str) -> tuple[bool, bool, bool]:
    if name not in _STEPS:
        raise ValueError(f"Expected a view of {', '.join(VIEWS)}, found {name!r}")
    return _STEPS[name]
