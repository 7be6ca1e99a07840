"""Resizing and cropping in one step, where that gives the same pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

Geometry = Callable[[Image.Image], Image.Image]


def in_one_step(steps: Sequence[Any]) -> Geometry:
    """What a transform's steps do to an image, without the pixels that a crop throws away.

    Idea: resizing an image and cutting out its centre is resizing the part of the image that lies
    under the crop. Pillow takes that part as `box`, in fractions of a pixel, and looks beyond its
    edges as it would in the whole image, so that the pixels come out the same for less work, up to
    rounding: the box is of single precision, and Pillow may take rows before columns or after.

    Args:
        steps: of torchvision. Other than a resize of the shorter side followed by a smaller
            centre crop, they are done one after the other; and so they are for an image that has
            to be enlarged, where single precision shows.
    """
    from torchvision.transforms import CenterCrop, InterpolationMode, Resize

    filters = {
        InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
        InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
        InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
    }
    if [type(step) for step in steps] == [Resize, CenterCrop]:
        resize, crop = steps
        high, wide = crop.size
        plain = isinstance(resize.size, int) and resize.max_size is None
        if plain and resize.interpolation in filters and max(high, wide) <= resize.size:
            short, filter_ = resize.size, filters[resize.interpolation]
            return lambda image: (
                _resized_centre(image, short, (wide, high), filter_)
                if min(image.size) >= short
                else crop(resize(image))
            )

    def one_by_one(image: Image.Image) -> Image.Image:
        for step in steps:
            image = step(image)
        return image

    return one_by_one


def _resized_centre(
    image: Image.Image, short: int, size: tuple[int, int], filter_: Image.Resampling
) -> Image.Image:
    """The centre of the image that has been resized to a shorter side of `short`."""
    smaller = min(image.size)
    whole = [short if side == smaller else int(short * side / smaller) for side in image.size]
    first = [round((full - part) / 2) for full, part in zip(whole, size, strict=True)]
    scale = [side / full for side, full in zip(image.size, whole, strict=True)]
    box = (
        first[0] * scale[0],
        first[1] * scale[1],
        min((first[0] + size[0]) * scale[0], image.width),
        min((first[1] + size[1]) * scale[1], image.height),
    )
    return image.resize(size, filter_, box=box)
