"""Plain facts about an image's pixels, and the thumbnail by which copies are confirmed."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.data.margins import margin_stats

SHOWN = ("brightness", "contrast", "sharpness", "entropy", "saturation")
"""Those of `STATISTICS` that a person is shown of every image; the others are for detectors."""

SHOWN_WORDS = {
    "brightness": ("darker", "brighter"),
    "contrast": ("of lower contrast", "of higher contrast"),
    "sharpness": ("less sharp or plainer", "sharper or busier"),
    "entropy": ("of lower entropy", "of higher entropy"),
    "saturation": ("less saturated", "more saturated"),
}
"""What a low and a high value of each is called."""

HUES = ("reds", "yellows", "greens", "cyans", "blues", "magentas")

STATISTICS = (
    *SHOWN,
    "red", "green", "blue", "chroma", "coloured", *HUES, "commonest_colour", "burnt",
    "dark_share", "bright_share", "darkest", "brightest", "smoothness", "noise",
    "border", "margin", "background_red", "background_green", "background_blue",
    "background_spread",
)  # fmt: skip
"""The keys of `image_stats`, in its order."""

THUMBNAIL_SIDE = 64
LONGEST_SIDE = 256

COLOURED = 24
"""A pixel whose channels differ by more of 255 levels has a colour that a person sees."""

LINES = 32
"""Lines that are differenced together."""

STEP = np.uint8(43)
"""Levels of 255 in one of the 6 levels a channel by which colours are counted."""


def image_stats(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """Measure one image: light, sharpness, colour, and what lies along its edge.

    Images are first averaged down by a whole factor to at most 256 pixels a side: that bounds the
    time, and lets the sharpness of images of different resolution be compared. Grey is the ITU-R
    601 luma. All shares and colours run from 0 to 1.

    - brightness: mean grey, 0 (black) to 1 (white).
    - contrast: standard deviation of grey, 0 to 0.5.
    - sharpness: variance of the 4-neighbour Laplacian of grey on the 0-255 scale (Pech-Pacheco et
      al., "Diatom autofocusing in brightfield microscopy", ICPR 2000). It is low for a blurred
      image and just as low for a plain one: it does not tell the two apart.
    - entropy: Shannon entropy of the 256-bin grey histogram, 0 to 8 bits.
    - saturation: mean HSV saturation, 0 (grey) to 1.
    - red, green, blue: the mean of each channel.
    - chroma: mean difference of the largest and the smallest channel; unlike saturation, it is
      small where an image is dark.
    - coloured: share of pixels whose channels differ by more than `COLOURED` of 255 levels. A grey
      photograph has none, also where JPEG left a tint.
    - reds, yellows, greens, cyans, blues, magentas: share of pixels of that hue, within 30 degrees,
      whose channels differ clearly (by two of 6 levels).
    - commonest_colour: share of the commonest of 216 colours (6 levels a channel); 1 for a plain
      image.
    - dark_share, bright_share: share of pixels of at most 12, and at least 243, of 255 levels of
      grey: what is lost in the dark, and what is burnt out.
    - burnt: share of pixels of which one channel is full (at least 253) and another is not: colours
      that an exposure too long has changed. White has none, being full in all three.
    - darkest, brightest: the 1st and the 99th percentile of grey.
    - smoothness: ``log2(g(2) / g(1)) / 2`` with g(h) the mean squared difference of grey h pixels
      apart: the slope of the variogram at its fine end (the Hurst exponent by which fractal
      surfaces are told, Burrough 1981). 0 for noise, 0.5 where edges are steps, 1 where all is
      blurred, whatever the contrast and however few the edges; 0.5 where nothing varies.
    - noise: standard deviation of the noise in levels of 255, by Immerkaer, "Fast noise variance
      estimation" (CVIU 1996): the mean absolute response to a mask that edges hardly excite.
    - border, margin, background_red, background_green, background_blue, background_spread: what
      lies along the edge, see `curate.data.margins`.

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
    factor = -(-max(image.size) // LONGEST_SIDE)
    if factor > 1:
        image = image.reduce(factor)
    grey = image.convert("L")
    share = np.asarray(grey.histogram(), dtype=np.float64) / (grey.width * grey.height)
    level = np.arange(256) / 255
    brightness = float(share @ level)
    seen, values = share[share > 0], np.asarray(grey)
    below: NDArray[np.float64] = np.cumsum(share)
    measured = {
        "brightness": brightness,
        "contrast": float(np.sqrt(share @ (level - brightness) ** 2)),
        "entropy": float(abs(seen @ np.log2(seen))),
        "dark_share": float(below[12]),
        "bright_share": float(share[243:].sum()),
        "darkest": _percentile(below, 0.01),
        "brightest": _percentile(below, 0.99),
        **_fine_structure(values),
        **_colours(image),
        **margin_stats(np.asarray(image), values),
    }
    return {name: measured[name] for name in STATISTICS}


def thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    """Average an image down to (64, 64) uint8 grey; the aspect ratio is not kept.

    Averages overlap (a triangle, not a box): thin lines then keep their place to a fraction of a
    pixel, so that a crop of a drawing can be laid over it.
    """
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    small = image.convert("L").resize(side, Image.Resampling.BILINEAR, reducing_gap=3)
    return np.array(small, dtype=np.uint8)


def _percentile(below: NDArray[np.float64], share: float) -> float:
    """The first of 256 levels up to which that share of the pixels lies; 0 to 1."""
    return int(np.count_nonzero(below < share)) / 255


def _fine_structure(grey: NDArray[np.uint8]) -> dict[str, float]:
    """Sharpness, smoothness and noise, by lines few enough that their differences stay in cache."""
    if min(grey.shape) < 3:  # nothing can be said
        return {"sharpness": 0.0, "smoothness": 0.5, "noise": 0.0}
    sums = np.zeros(5)
    for start in range(0, len(grey), LINES):
        lines = grey[start : start + LINES + 2].astype(np.float32)
        own = lines[:LINES]
        across, down = own[:, 1:] - own[:, :-1], lines[1:] - lines[:-1]
        bend = lines[:, 1:-1] - lines[:, :-2]
        bend += lines[:, 1:-1] - lines[:, 2:]
        laplacian = down[:-1, 1:-1] - down[1:, 1:-1]
        laplacian += bend[1:-1]
        mask = bend[1:-1] - bend[:-2]
        mask += bend[1:-1] - bend[2:]
        sums += (
            _squares(across) + _squares(down[:LINES]),
            _squares(own[:, 2:] - own[:, :-2]) + _squares(lines[2:] - lines[:-2]),
            _squares(laplacian),
            laplacian.sum(dtype=np.float64),
            np.abs(mask, out=mask).sum(dtype=np.float64),
        )
    h, w = grey.shape
    inner = (h - 2) * (w - 2)
    near, far = sums[0] / (h * (w - 1) + w * (h - 1)), sums[1] / (h * (w - 2) + w * (h - 2))
    return {
        "sharpness": float(sums[2] / inner - (sums[3] / inner) ** 2),
        "smoothness": float(np.clip(np.log2(far / near) / 2, 0, 1)) if near and far else 0.5,
        "noise": float(np.sqrt(np.pi / 2) / 6 * sums[4] / inner),
    }


def _squares(values: NDArray[np.float32]) -> float:
    return float(np.vdot(values, values))


def _colours(image: Image.Image) -> dict[str, float]:
    red, green, blue = (np.asarray(channel) for channel in image.split())
    high = np.maximum(np.maximum(red, green), blue)
    spread = high - np.minimum(np.minimum(red, green), blue)
    n = high.size
    codes = (red // STEP) * np.uint8(36) + (green // STEP) * np.uint8(6) + blue // STEP
    common = np.asarray(Image.fromarray(codes).histogram(), dtype=np.float64)[:216] / n
    return {
        "saturation": float(np.mean(spread / np.maximum(high, 1, dtype=np.float32))),
        "red": _mean(red),
        "green": _mean(green),
        "blue": _mean(blue),
        "chroma": _mean(spread),
        "coloured": np.count_nonzero(spread > COLOURED) / n,
        **dict(zip(HUES, (common @ _hue_table()).tolist(), strict=True)),
        "commonest_colour": float(common.max()),
        "burnt": np.count_nonzero((high >= 253) & (spread > 10)) / n,
    }


def _mean(values: NDArray[np.uint8]) -> float:
    return int(values.sum(dtype=np.uint32)) / (255 * values.size)


@cache
def _hue_table() -> NDArray[np.float64]:
    """(216, 6) 1 where a colour of 6 levels a channel is of a hue, at least two levels from grey.

    One level apart are also the greys on either side of a limit between levels.
    """
    code = np.arange(6**3)
    levels = np.stack([code // 36, code // 6 % 6, code % 6], axis=1)
    spread = np.ptp(levels, axis=1)
    red, green, blue = levels.T
    angle = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    hue = np.round(angle / (np.pi / 3)).astype(int) % len(HUES)
    table: NDArray[np.float64] = np.eye(len(HUES))[hue] * (spread >= 2)[:, None]
    return table
