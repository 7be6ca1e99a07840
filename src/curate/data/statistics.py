"""Plain facts about an image's pixels, and the thumbnail by which copies are confirmed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STATISTICS = ("brightness", "contrast", "sharpness", "entropy", "saturation")
"""The keys of `image_stats`, in its order."""

THUMBNAIL_SIDE = 32
_LONGEST_SIDE = 256


def image_stats(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """Measure brightness, contrast, sharpness, entropy and saturation of one image.

    Images are first averaged down by a whole factor to at most 256 pixels a side: that bounds the
    time, and lets the sharpness of images of different resolution be compared. Grey is the ITU-R
    601 luma.

    - brightness: mean grey, 0 (black) to 1 (white).
    - contrast: standard deviation of grey, 0 to 0.5.
    - sharpness: variance of the 4-neighbour Laplacian of grey on the 0-255 scale (Pech-Pacheco et
      al., "Diatom autofocusing in brightfield microscopy", ICPR 2000). It is low for a blurred
      image and just as low for a plain one: it does not tell the two apart.
    - entropy: Shannon entropy of the 256-bin grey histogram, 0 to 8 bits.
    - saturation: mean HSV saturation, 0 (grey) to 1.

    Args:
        rgb: (height, width, 3) uint8.

    Returns:
        A finite float for each of `STATISTICS`.

    Raises:
        ValueError: the shape or type is another, or there is no pixel.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"Expected (height, width, 3) uint8, found {rgb.shape} {rgb.dtype}")
    image = Image.fromarray(rgb)
    factor = -(-max(image.size) // _LONGEST_SIDE)
    if factor > 1:
        image = image.reduce(factor)
    grey = image.convert("L")
    share = np.asarray(grey.histogram(), dtype=np.float64) / (grey.width * grey.height)
    level = np.arange(256) / 255
    brightness = float(share @ level)
    seen = share[share > 0]
    return {
        "brightness": brightness,
        "contrast": float(np.sqrt(share @ (level - brightness) ** 2)),
        "sharpness": _laplacian_variance(np.asarray(grey, dtype=np.float32)),
        "entropy": float(abs(seen @ np.log2(seen))),
        "saturation": _saturation(np.asarray(image)),
    }


def thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    """Average an image down to (32, 32) uint8 grey; the aspect ratio is not kept."""
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.array(image.convert("L").resize(side, Image.Resampling.BOX), dtype=np.uint8)


def _laplacian_variance(grey: NDArray[np.float32]) -> float:
    """Variance over the inner pixels; 0 where there are none."""
    if min(grey.shape) < 3:
        return 0.0
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(around - 4 * grey[1:-1, 1:-1], dtype=np.float64))


def _saturation(rgb: NDArray[np.uint8]) -> float:
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    high = np.maximum(np.maximum(red, green), blue)
    low = np.minimum(np.minimum(red, green), blue)
    return float(np.mean((high - low) / np.maximum(high, 1, dtype=np.float32)))
