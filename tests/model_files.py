"""What tests of model files share: loading one, a picture, and what a mean of it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curate.inference.backbone import load_embedder

CLASSES = ("cat", "dog", "fox")


def load(path: Path, **options: Any) -> Any:
    """The embedder of a file, on the CPU, for `CLASSES` unless told otherwise."""
    return load_embedder(str(path), **{"device": "cpu", "class_names": CLASSES, **options})


def small_picture() -> Image.Image:
    """Noise of 40 x 30 pixels."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8))


def means(pixels: np.ndarray) -> np.ndarray:
    """The mean of each channel after ImageNet's normalisation."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return (pixels.mean(axis=(0, 1)) / 255 - mean) / std
