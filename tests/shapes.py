"""Small class folders of drawn shapes, for tests that need real images but not real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("disc", "square", "stripes")


def draw(shape: str, rng: np.random.Generator) -> Image.Image:
    """A 48-pixel grey picture of one shape, anywhere."""
    image = Image.fromarray(rng.integers(0, 40, (48, 48), np.uint8))
    pen = ImageDraw.Draw(image)
    x, y, r = rng.integers(4, 16), rng.integers(4, 16), int(rng.integers(20, 28))
    box = (x, y, x + r, y + r)
    if shape == "disc":
        pen.ellipse(box, fill=200)
    elif shape == "square":
        pen.rectangle(box, fill=200)
    else:
        # As many and as far apart as it comes: equal stripes would be copies of one picture.
        for _ in range(int(rng.integers(3, 6))):
            height = int(rng.integers(0, 48))
            pen.line((0, height, 48, height), fill=200, width=int(rng.integers(2, 5)))
    return image


def write_shapes(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Class folders of shapes, with so many images a class and split."""
    rng = np.random.default_rng(seed)
    for split, count in counts.items():
        for shape in SHAPES:
            folder = root / split / shape
            folder.mkdir(parents=True)
            for i in range(count):
                draw(shape, rng).save(folder / f"{i:03d}.png")
    return root
