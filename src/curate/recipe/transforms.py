"""The transforms that a policy may name: what each does, its unit, and how it is carried out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.recipe import geometric, library, photometric
from curate.recipe.geometric import Size
from curate.recipe.naming import near
from curate.recipe.specs import Spec

Pixels = NDArray[np.uint8]
_Make = Callable[[float, float, float, Size], Spec]

VERSION = 1
"""Raised when a transform makes other pixels of the same input; part of the key of what is kept."""

ON_OFF = (1.0,)


@dataclass(frozen=True)
class Transform:
    """One transform under one name.

    Attributes:
        name: as in `policy.json`.
        title: for people.
        unit: of the magnitude; empty for a transform that is on or off. A larger magnitude always
            means a larger change.
        levels: magnitudes at which it is judged, rising; `(1.0,)` for one that is on or off.
        most: the largest magnitude that can be asked for.
        batch: a setting of the trainer (mixup, cutmix), which mixes images of a batch; the
            magnitude is the alpha of its Beta distribution.
        shown_by: symptoms of held-out images that it answers.
        summary: one sentence.
        sized: its albumentations form depends on the size of the images.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    most: float
    summary: str
    shown_by: tuple[str, ...] = ()
    batch: bool = False
    sized: bool = False
    make: _Make | None = field(default=None, repr=False, compare=False)

    def spec(self, low: float, high: float, p: float, size: Size) -> Spec:
        """What albumentations is told: magnitudes from `low` to `high`, for images of a size.

        Raises:
            ValueError: a setting of the trainer, or magnitudes out of range.
        """
        if self.make is None:
            raise ValueError(f"Expected a transform of one image, found {self.name!r}")
        if not self.unit and (low, high) != (1, 1):
            raise ValueError(f"Expected the magnitude 1 of {self.name!r}, found {low} to {high}")
        if not 0 <= low <= high <= self.most:
            raise ValueError(
                f"Expected magnitudes of {self.name!r} from 0 to {self.most:g}, rising, "
                f"found {low} to {high}"
            )
        return self.make(low, high, p, size)


_ALL = (
    Transform(
        "horizontal_flip", "Horizontal flip", "", ON_OFF, 1,
        "Left and right change places.", make=geometric.horizontal_flip,
    ),
    Transform(
        "vertical_flip", "Vertical flip", "", ON_OFF, 1,
        "Top and bottom change places.", ("upside_down",), make=geometric.vertical_flip,
    ),
    Transform(
        "half_turn", "Half turn", "", ON_OFF, 1,
        "Turned by 180 degrees.", ("upside_down",), make=geometric.half_turn,
    ),
    Transform(
        "quarter_turn", "Quarter turn", "", ON_OFF, 1,
        "Turned by 90 degrees to either side.", ("rotated",), make=geometric.quarter_turn,
    ),
    Transform(
        "rotate", "Rotation", "degrees", (5, 10, 15, 20, 30, 45), 180,
        "Turned about the centre, to either side.", ("rotated",), make=geometric.rotate,
    ),
    Transform(
        "affine", "Shift and scale", "% of the side", (5, 10, 15, 20, 30), 90,
        "Shifted along both sides and zoomed, each by the same share.",
        ("cropped", "small"), make=geometric.affine,
    ),
    Transform(
        "perspective", "Perspective", "% of the side", (2.5, 5, 10, 15), 25,
        "Seen from another side: the corners move by normal draws of this standard deviation.",
        make=geometric.perspective,
    ),
    Transform(
        "random_resized_crop", "Random resized crop", "% of the area cut away",
        (10, 25, 50, 75), 95,
        "A piece at a random place, brought back to the full size.",
        ("cropped",), sized=True, make=geometric.random_resized_crop,
    ),
    Transform(
        "elastic", "Elastic", "% of the side", (0.5, 1, 2, 4), 20,
        "A smooth random field moves the pixels; root mean square of the moves along each side.",
        sized=True, make=geometric.elastic,
    ),
    Transform(
        "grid_distortion", "Grid distortion", "% of a cell", (10, 20, 30, 50), 90,
        "The cells of a 5 x 5 grid become wider and narrower by up to this share.",
        sized=True, make=geometric.grid_distortion,
    ),
    Transform(
        "optical_distortion", "Optical distortion", "% of the corner's distance",
        (5, 10, 20, 30), 90,
        "Bent as by a barrel or pincushion lens: how far the corners move.",
        make=geometric.optical_distortion,
    ),
    Transform(
        "hue_saturation_value", "Hue, saturation, value", "%", (10, 20, 30, 50), 100,
        "Saturation and brightness change by this share, the hue by a fifth of it.",
        make=photometric.hue_saturation_value,
    ),
    Transform(
        "brightness_contrast", "Brightness and contrast", "%", (10, 20, 30, 50), 100,
        "Brightness and contrast grow or shrink by this share.",
        ("dark", "bright", "low_contrast"), make=photometric.brightness_contrast,
    ),
    Transform(
        "gamma", "Gamma", "%", (20, 50, 100, 150), 900,
        "Mid-tones darker or brighter: gamma of 1 + this share, or 1 over it.",
        ("dark", "bright"), make=photometric.gamma,
    ),
    Transform(
        "grey", "Grey", "", ON_OFF, 1,
        "Without colour.", ("grey",), make=photometric.grey,
    ),
    Transform(
        "blur", "Blur", "sigma in % of the side", (0.5, 1, 2, 4), 20,
        "A Gaussian blur.", ("blurred",), sized=True, make=photometric.blur,
    ),
    Transform(
        "noise", "Noise", "standard deviation in % of white", (2, 5, 10, 20), 100,
        "Independent Gaussian noise on every pixel, without colour.",
        ("noisy",), make=photometric.noise,
    ),
    Transform(
        "jpeg", "JPEG compression", "100 - quality", (50, 70, 85, 95), 99,
        "Written as JPEG and read again.", make=photometric.jpeg,
    ),
    Transform(
        "sharpen", "Sharpen", "% of the sharpened copy", (5, 10, 20, 40), 100,
        "Mixed with its own sharpened copy.", ("blurred",), make=photometric.sharpen,
    ),
    Transform(
        "coarse_dropout", "Coarse dropout", "% of the area", (5, 10, 20, 40), 90,
        "A rectangle covered by mid-grey.", make=geometric.coarse_dropout,
    ),
    Transform(
        "mixup", "Mixup", "alpha", (0.2, 0.8), 10,
        "The trainer blends pairs of images and their labels.", batch=True,
    ),
    Transform(
        "cutmix", "CutMix", "alpha", (1.0,), 10,
        "The trainer pastes a piece of one image into another and mixes their labels.", batch=True,
    ),
)  # fmt: skip

TRANSFORMS: Mapping[str, Transform] = MappingProxyType({t.name: t for t in _ALL})
"""Every transform that can be recommended, by name."""


def render(name: str, pixels: Pixels, magnitude: float, seed: int) -> Pixels:
    """Change one picture by exactly one magnitude.

    Where the transform has a direction, a place or a field, they are drawn from `seed`; the same
    arguments give the same bytes in any process.

    Args:
        name: of `TRANSFORMS`.
        pixels: (height, width, 1 or 3) uint8, at least 8 pixels a side; it is left as it is.
        magnitude: in the transform's unit, from 0 to its `most`; 1 for one that is on or off.
        seed: not negative.

    Returns:
        A new array of the same shape and type, C-contiguous.

    Raises:
        ValueError: the name is unknown or a setting of the trainer (mixup, cutmix), the magnitude
            is out of range, or the array is of another shape or type.
    """
    checked = pictured(pixels)
    height, width, channels = checked.shape
    # A pipeline holds the stream it draws from, so no two threads may share one.
    made = _pipeline(name, float(magnitude), (height, width), channels, threading.get_ident())
    return np.ascontiguousarray(library.apply(made, checked, seed)).reshape(checked.shape)


@lru_cache(maxsize=256)
def _pipeline(name: str, magnitude: float, size: Size, channels: int, thread: int) -> Any:
    if name not in TRANSFORMS:
        raise ValueError(
            f"Expected one of {', '.join(TRANSFORMS)}, found {name!r}{near(name, TRANSFORMS)}"
        )
    return library.make([TRANSFORMS[name].spec(magnitude, magnitude, 1.0, size)], channels)


def pictured(pixels: Pixels) -> Pixels:
    """Check that an array is a picture.

    Raises:
        ValueError: another shape, type or size.
    """
    shape = pixels.shape
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or shape[2] not in (1, 3) or min(shape[:2]) < 8:
        raise ValueError(
            f"Expected (height, width, 1 or 3) uint8 of at least 8 pixels a side, "
            f"found {shape} {pixels.dtype}"
        )
    return pixels
