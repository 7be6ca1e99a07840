"""Before and after augmentation: from a picture of any size to the tensor that a model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from curate.inference.data_config import data_config as whole_config
from curate.inference.geometry import in_one_step


class Resized:
    """Resizing and cropping by some of torchvision's steps, in one step where that is the same.

    Args:
        steps: none of them for a picture that is to stay as large as it is.
    """

    def __init__(self, steps: Sequence[Any]) -> None:
        self._steps = list(steps)
        self._run: Callable[[Image.Image], Image.Image] | None = None

    def __call__(self, image: Image.Image) -> Image.Image:
        """Resize one picture."""
        if not self._steps:
            return image
        if self._run is None:
            self._run = in_one_step(self._steps)
        return self._run(image)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the function, which no worker process could be sent."""
        return {"_steps": self._steps, "_run": None}


class ToTensor:
    """A picture to a float32 tensor (channels, height, width) of 0 to 1, normalised if asked.

    Args:
        mean: of each channel; one for models of grey images. None for 0 to 1.
        std: their standard deviations.
    """

    def __init__(
        self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
    ) -> None:
        self._grey = mean is not None and len(mean) == 1
        self._mean = torch.tensor(mean or (0.0,)).view(-1, 1, 1)
        self._std = torch.tensor(std or (1.0,)).view(-1, 1, 1)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Convert one."""
        rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))
        # Laid out anew while it is one byte a value, and then changed in place.
        pixels = torch.from_numpy(rgb).permute(2, 0, 1).contiguous().float().div_(255)
        if self._grey:  # as the analysis gives such a model its images
            pixels = pixels.mean(0, keepdim=True)
        return pixels.sub_(self._mean).div_(self._std)


def prepare(
    image_size: int | None, data_config: Mapping[str, Any] | None
) -> tuple[Resized, ToTensor]:
    """What is done before augmentation, and after it where the caller has no transform.

    Args:
        image_size: height and width, or None for those of `data_config`, and without it for each
            image's own.
        data_config: timm's, for the resize, crop and normalisation that it evaluates with: the
            augmentation is the policy's.

    Raises:
        ModelError: the data config cannot be.
    """
    if data_config is None:
        return Resized(_square(image_size) if image_size else []), ToTensor()
    from timm.data import create_transform

    config = whole_config(data_config, "data_config", image_size)
    steps = create_transform(**config, is_training=False).transforms
    geometry = [step for step in steps if "Tensor" not in type(step).__name__][:-1]
    return Resized(geometry), ToTensor(config["mean"], config["std"])


def _square(side: int) -> list[Any]:
    from torchvision.transforms import CenterCrop, InterpolationMode, Resize

    return [Resize(side, InterpolationMode.BICUBIC, antialias=True), CenterCrop(side)]
