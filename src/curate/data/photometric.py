"""Named changes of light, sharpness and encoding, which leave everything where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def _darker(image: Pixels) -> Pixels:
    return _rounded(image * np.float32(0.5))


def _brighter(image: Pixels) -> Pixels:
    return _rounded(image * np.float32(1.5))


def _low_contrast(image: Pixels) -> Pixels:
    middle = image.mean(dtype=np.float32)
    return _rounded(middle + (image - middle) * np.float32(0.4))


def _grey(image: Pixels) -> Pixels:
    if image.shape[2] == 1:
        return image
    luma = image @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.repeat(_rounded(luma)[:, :, None], image.shape[2], axis=2)


def _blurred(image: Pixels) -> Pixels:
    from scipy.ndimage import gaussian_filter

    sigma = max(image.shape[:2]) / 112
    found: Pixels = gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
    return found


def _jpeg(image: Pixels) -> Pixels:
    buffer = BytesIO()
    flat = image[:, :, 0] if image.shape[2] == 1 else image
    Image.fromarray(flat).save(buffer, "JPEG", quality=15)
    found: Pixels = np.asarray(Image.open(buffer)).reshape(image.shape)
    return found


_CHANGES: Mapping[str, Callable[[Pixels], Pixels]] = MappingProxyType(
    {
        "darker": _darker,
        "brighter": _brighter,
        "low_contrast": _low_contrast,
        "grey": _grey,
        "blurred": _blurred,
        "jpeg": _jpeg,
    }
)

PHOTOMETRIC = tuple(_CHANGES)
"""The names: half the light, half as much again, 0.4 of the contrast about the mean, ITU-R 601 luma
in every channel, a Gaussian of 1/112 of the longer side, JPEG of quality 15."""


def change(image: NDArray[Any], name: str) -> Pixels:
    """Change one image.

    Args:
        image: (height, width, 1 or 3) uint8; it is left as it is.
        name: one of `PHOTOMETRIC`.

    Returns:
        The same shape and type, C-contiguous. `grey` may return `image` itself.

    Raises:
        ValueError: `name` is no change, or the array is of another shape or type.
    """
    if name not in _CHANGES:
        raise ValueError(f"Expected a change of {', '.join(PHOTOMETRIC)}, found {name!r}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"Expected (height, width, 1 or 3) uint8, found {image.shape}")
    changed: Pixels = np.ascontiguousarray(_CHANGES[name](image))
    return changed


def _rounded(values: NDArray[Any]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
