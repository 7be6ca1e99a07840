"""Models as embedders: timm's, a user's own module, a TorchScript or an ONNX file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.errors import ModelError
from curate.inference import onnx_files, scripted
from curate.inference.choosing import open_engine
from curate.inference.embedder import Embedder, Engine, Loaded, Output
from curate.inference.engines import pick_devices
from curate.inference.geometry import in_one_step
from curate.inference.gpu_jpeg import JpegDecoder
from curate.inference.hog import Hog
from curate.inference.modules import is_import_path, load_module
from curate.inference.onnx_files import OnnxModel
from curate.inference.timm_models import be_quick_when_offline, check_known, load_timm
from curate.progress import log

CPU_BATCH, GPU_BATCH = 32, 256
"""Images a forward pass on a CPU, and on each GPU."""

SMALLEST = 8
"""Pixels: no model takes smaller images."""


class Backbone:
    """A model with its preprocessing: embeddings and, of a classifier, logits.

    Args:
        name: as given.
        loaded: the model's config, digest and class list.
        batch_size: images a forward pass.
        device: the device in words, until the engine is known.
        open_: makes the engine for so many forward passes.
        decodes_on: a torch device on which JPEG files are decoded, or None.
        cost: what is recorded of its size: "parameters", "weights_bytes".
    """

    def __init__(
        self,
        name: str,
        loaded: Loaded | OnnxModel,
        batch_size: int,
        device: str,
        open_: Callable[[int], Engine],
        decodes_on: Any = None,
        cost: Mapping[str, int] | None = None,
    ) -> None:
        import timm.data

        config = loaded.config
        steps = timm.data.create_transform(**config, is_training=False).transforms
        # The last two steps make a float tensor and normalise it, which the engine does on the
        # whole batch and on its own device.
        self._geometry = [step for step in steps if "Tensor" not in type(step).__name__][:-1]
        self._resized = in_one_step(self._geometry)
        self._channels, self._size = config["input_size"][0], config["input_size"][-1]
        self._open = open_
        self._engine: Engine | None = None
        self._planned = 0
        self.name = name
        self.class_names = loaded.class_names
        self.digest = digest_of(loaded)
        self.batch_size = batch_size
        self.device = device
        self.cost = dict(cost or {})
        self.jpeg_decoder: JpegDecoder | None = None
        if decodes_on is not None:
            self.jpeg_decoder = JpegDecoder.where_it_works(
                decodes_on, self._geometry, self._channels
            )

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and centre-crop as the model's own configuration says."""
        pixels = np.array(self._resized(image))
        return pixels if self._channels == 3 else pixels.mean(axis=2, keepdims=True).astype("u1")

    def start(self, n_forward: int) -> None:
        """Choose the engine for this much work; one that was chosen for as much is kept."""
        if self._engine is None or n_forward > self._planned:
            self._engine, self._planned = self._open(n_forward), n_forward
            self.device = self._engine.description

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Embed a batch; where memory runs out, in smaller ones."""
        if self._engine is None:
            self.start(len(batch))
        assert self._engine is not None
        return self._engine.forward(batch)

    def settings(self) -> dict[str, Any]:
        """Record the model, its input and where it ran."""
        return {
            "model": self.name,
            "img_size": self._size,
            "device": self.device,
            "batch_size": self.batch_size,
            "weights_digest": self.digest,
            **self.cost,
        }


def digest_of(loaded: Loaded | OnnxModel) -> str:
    """What identifies a model's outputs: weights, preprocessing, and the columns of its logits."""
    config = loaded.config
    parts = [loaded.digest, *(config[key] for key in sorted(config)), loaded.class_names]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def load_embedder(
    name: str,
    weights: Path | None = None,
    checkpoint: Path | None = None,
    class_names: tuple[str, ...] = (),
    device: str = "auto",
    batch_size: int | None = None,
    img_size: int | None = None,
) -> Embedder:
    """Make the embedder that the options ask for.

    Args:
        name: "hog", any timm model (also ``hf-hub:OWNER/NAME`` and ``local-dir:FOLDER``),
            ``package.module:factory`` (`curate.inference.modules`; it runs that code), a
            TorchScript file (`curate.inference.scripted`) or an ONNX file
            (`curate.inference.onnx_files`).
        weights: a backbone's state dict; its head is ignored.
        checkpoint: a trained classifier with its class list.
        class_names: the dataset's classes, which a classifier must share.
        device: "auto", "cpu", "cuda" (all GPUs), "cuda:1", "mps".
        batch_size: images a pass; None chooses.
        img_size: height and width of the images in pixels; None takes the model's own.

    Raises:
        ModelError: an unknown model, unreachable hub, weights of another architecture, a class
            list that differs, or a size that the model cannot take.
    """
    if weights and checkpoint:
        raise ModelError("Expected --weights or --checkpoint, found both. Give one of them.")
    if img_size is not None and img_size < SMALLEST:
        raise ModelError(f"Expected --img-size of at least {SMALLEST}, found {img_size}.")
    if name == "hog":
        return _hog(weights or checkpoint, img_size)
    path = Path(name).expanduser()
    if path.suffix.lower() in (*scripted.EXTENSIONS, onnx_files.EXTENSION):
        if weights or checkpoint:
            raise ModelError(
                f"Expected no weights with --model {name}, which has its own, found "
                f"{weights or checkpoint}. Leave one out; a class list goes into "
                f"{path.stem}.classes.txt."
            )
        if path.suffix.lower() == onnx_files.EXTENSION:
            return _from_onnx(name, path, class_names, device, batch_size, img_size)
        loaded = scripted.load_scripted(path, class_names, img_size)
    elif is_import_path(name):
        loaded = load_module(name, weights, checkpoint, class_names, img_size)
    else:
        if weights is None and checkpoint is None:
            be_quick_when_offline()
        check_known(
            name,
            "a timm model name or hog",
            " A module of your own is package.module:factory; a file ends in .onnx, .pt or .ts.",
        )
        loaded = load_timm(name, weights, checkpoint, class_names, img_size)
    return _on_torch(name, loaded, device, batch_size)


def _on_torch(name: str, loaded: Loaded, device: str, batch_size: int | None) -> Backbone:
    """A torch model on the device that is asked for, on the engine that suits the work."""
    from curate.inference.networks import Whole

    devices = pick_devices(device)
    size = batch_size or (CPU_BATCH if devices[0].type == "cpu" else GPU_BATCH * len(devices))
    whole = Whole(loaded.network, loaded.config).eval()
    shape = loaded.config["input_size"]
    open_ = partial(open_engine, whole, shape, devices, size, digest_of(loaded))
    # Apple's GPUs have no decoder that torchvision knows.
    decodes_on = devices[0] if devices[0].type == "cuda" else None
    cost = size_of(loaded.network)
    return Backbone(name, loaded, size, str(devices[0]), open_, decodes_on, cost)


def size_of(network: Any) -> dict[str, int]:
    """How many parameters a torch module has, and the bytes of them and of its buffers."""
    parameters = list(network.parameters())
    tensors = [*parameters, *network.buffers()]
    return {
        "parameters": sum(one.numel() for one in parameters),
        "weights_bytes": sum(one.numel() * one.element_size() for one in tensors),
    }


def _from_onnx(
    name: str,
    path: Path,
    class_names: tuple[str, ...],
    device: str,
    batch_size: int | None,
    img_size: int | None,
) -> Backbone:
    if device not in ("auto", "cpu"):
        raise ModelError(
            f"Expected --device cpu with an ONNX file, which OpenVINO runs there, found {device}. "
            "For a GPU, give the torch model."
        )
    if device == "auto" and pick_devices(device)[0].type != "cpu":
        log.warning("an ONNX file runs on the CPU; for the GPU, give the torch model")
    found = onnx_files.load_onnx(path, class_names, img_size)
    engine = found.engine
    size = batch_size or CPU_BATCH
    cost = {"weights_bytes": path.stat().st_size}
    return Backbone(name, found, size, engine.description, lambda _: engine, cost=cost)


def _hog(file: Path | None, img_size: int | None) -> Hog:
    if file:
        raise ModelError(
            "Expected no weights with --model hog, found a file. Name the timm model that the "
            "file belongs to by --model."
        )
    if img_size is not None:
        raise ModelError(
            "Expected no --img-size with --model hog, which has its own. Leave it out."
        )
    return Hog()
