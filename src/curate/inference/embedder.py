"""What every source of embeddings is, so that one pass over the images serves them all."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.findings import Floats
from curate.inference.gpu_jpeg import JpegDecoder


class Output(NamedTuple):
    """One batch: (b, d) float32 embeddings and, from a classifier, (b, n_classes) logits."""

    embeddings: Floats
    logits: Floats | None


class Embedder(Protocol):
    """Turns images into embeddings.

    Attributes:
        name: the model's name, as given.
        digest: identifies the weights and the preprocessing: the cache key of its outputs.
        class_names: the classes of its logits in their column order, or None.
        batch_size: images a forward pass.
        device: device, precision and engine in words.
        jpeg_decoder: decodes JPEG files where the model is, or None.
    """

    name: str
    digest: str
    class_names: tuple[str, ...] | None
    batch_size: int
    device: str
    jpeg_decoder: JpegDecoder | None

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop one RGB image to the (size, size, channels) input."""

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Embed a (b, size, size, channels) batch, b at least 1; the batch is left as it is.

        A row depends on its own image only: the others in the batch make no difference beyond
        rounding, and rows follow the images' order.
        """

    def start(self, n_forward: int) -> None:
        """Make ready for about `n_forward` images: the place to convert or compile."""

    def settings(self) -> dict[str, Any]:
        """What `run.json` records of it."""


class Engine(Protocol):
    """Runs batches as `Embedder.forward` does; `description` names device, precision and engine."""

    description: str

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Embed a (b, size, size, channels) uint8 batch."""


class Loaded(NamedTuple):
    """A torch model, ready for an engine.

    Attributes:
        network: of `curate.inference.networks`; (b, c, h, w) floats to embeddings and logits.
        config: timm's data config: input_size, interpolation, crop_pct, crop_mode, mean, std.
        digest: identifies the weights and, of a user's own module, its code.
        class_names: the classes of its logits, or None where it gives none.
    """

    network: Any
    config: dict[str, Any]
    digest: str
    class_names: tuple[str, ...] | None
