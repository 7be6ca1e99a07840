"""The embedder that needs no weights: histograms of oriented gradients.

For demos, tests and machines that reach no model hub. It describes shapes and nothing learnt: good
for digits and line drawings, poor for photographs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.inference.embedder import Output
from curate.inference.gpu_jpeg import JpegDecoder

SIDE = 64


class Hog:
    """HOG (Dalal and Triggs 2005) of the grey image at 64 x 64, by scikit-image.

    Eight unsigned orientations, cells of 8 x 8 pixels, blocks of 2 x 2 cells normalised by
    L2-Hys, flattened to 1,568 numbers.
    """

    name = "hog"
    digest = "hog-64-8-8-2"
    class_names: tuple[str, ...] | None = None
    batch_size = 64
    device = "cpu, float32, scikit-image HOG"
    jpeg_decoder: JpegDecoder | None = None

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Stretch to a grey square of (64, 64, 1)."""
        grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
        return np.asarray(grey)[:, :, None]

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Describe each image of the batch."""
        from skimage.feature import hog

        rows = [
            hog(image[:, :, 0], orientations=8, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
            for image in batch
        ]
        return Output(np.asarray(rows, dtype=np.float32), None)

    def start(self, n_forward: int) -> None:
        """Nothing to make ready."""

    def settings(self) -> dict[str, Any]:
        """Record the name alone."""
        return {"model": self.name, "device": self.device}
