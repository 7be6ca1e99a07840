"""Running a model's forward pass: torch everywhere, OpenVINO on a CPU when it pays back."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from curate.errors import ModelError
from curate.inference.embedder import Output
from curate.progress import log

WORTH_CONVERTING = 500
"""Forward passes from which OpenVINO's conversion (5 to 11 s) is earned back on two cores."""

MIN_COSINE = 0.9999
"""Agreement with torch below which a converted model is not used."""


class Engine(Protocol):
    """Runs batches; `description` names device, precision and engine."""

    description: str

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Embed a (b, size, size, channels) uint8 batch."""


def pick_device(device: str) -> Any:
    """The torch device that was asked for; "auto" takes a GPU when there is one.

    Raises:
        ModelError: the device is unknown or not on this machine.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelError(
            f"Expected a device such as auto, cpu, cuda, cuda:0 or mps, found {device!r}."
        ) from error
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not here.get(chosen.type, False):
        raise ModelError(
            f"Expected a {chosen.type} device, found none that torch can use. Use --device cpu, "
            "or see `curate doctor`."
        )
    return chosen


def _whole(model: Any, config: dict[str, Any], has_logits: bool) -> Any:
    """The model with its normalisation inside: uint8 NHWC in, embeddings and logits out."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            mean = torch.tensor(config["mean"]).view(1, -1, 1, 1) * 255
            std = torch.tensor(config["std"]).view(1, -1, 1, 1) * 255
            self.register_buffer("mean", mean)
            self.register_buffer("std", std)

        def forward(self, pixels: Any) -> Any:
            x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
            features = self.model.forward_features(x)
            embeddings = self.model.forward_head(features, pre_logits=True)
            if not has_logits:
                return (embeddings.flatten(1),)
            return embeddings.flatten(1), self.model.forward_head(features)

    return Whole().eval()


class TorchEngine:
    """torch in inference mode; half precision and channels_last on a GPU."""

    def __init__(self, whole: Any, device: Any) -> None:
        """Move the model to its device."""
        import torch

        self._torch, self._device = torch, device
        self._whole = whole.to(device)
        self._half = None
        if device.type == "cuda":
            self._whole = self._whole.to(memory_format=torch.channels_last)
            self._half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        precision = str(self._half or torch.float32).removeprefix("torch.")
        self.description = f"{name}, {precision}, torch"

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Run one batch; when GPU memory runs out, the two halves one after the other."""
        torch = self._torch
        try:
            half = torch.autocast(self._device.type, self._half) if self._half else nullcontext()
            with torch.inference_mode(), half:
                pixels = torch.from_numpy(np.ascontiguousarray(batch))
                out = self._whole(pixels.to(self._device, non_blocking=True))
            return _output([tensor.float().cpu().numpy() for tensor in out])
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            log.warning("GPU memory ran out at %d images; going on in halves", len(batch))
            middle = len(batch) // 2
            one, two = self.forward(batch[:middle]), self.forward(batch[middle:])
            embeddings = np.concatenate([one.embeddings, two.embeddings])
            if one.logits is None or two.logits is None:
                return Output(embeddings, None)
            return Output(embeddings, np.concatenate([one.logits, two.logits]))


class OpenVinoEngine:
    """The same model converted to OpenVINO, in float32: three to four times torch on a CPU."""

    description = "cpu, float32, OpenVINO"

    def __init__(self, whole: Any, example: NDArray[np.uint8]) -> None:
        """Convert and compile for the CPU."""
        import openvino
        import torch

        with torch.inference_mode(), warnings.catch_warnings():
            # OpenVINO traces the model by torch.jit, which torch calls deprecated.
            warnings.simplefilter("ignore")
            converted = openvino.convert_model(whole, example_input=torch.from_numpy(example))
        # Without the hint, CPUs that have bfloat16 would silently compute in it.
        self._compiled = openvino.Core().compile_model(
            converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        )

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Run one batch."""
        out = self._compiled(batch)
        return _output([np.array(out[i]) for i in range(len(self._compiled.outputs))])


def open_engine(
    model: Any, config: dict[str, Any], device: Any, n_forward: int, has_logits: bool
) -> Engine:
    """Choose the engine: torch, or on a CPU with enough work OpenVINO if it agrees with torch.

    Agreement is measured on random pixels: the cosine of every pair of embeddings must exceed
    0.9999 and the most likely class must be the same; else torch is used and the log says so.
    """
    whole = _whole(model, config, has_logits)
    reference = TorchEngine(whole, device)
    if device.type != "cpu" or n_forward < WORTH_CONVERTING:
        return reference
    channels, height, width = config["input_size"]
    pixels = np.random.default_rng(0).integers(0, 256, (8, height, width, channels), np.uint8)
    log.info("converting the model to OpenVINO")
    try:
        converted = OpenVinoEngine(whole, pixels)
        got = converted.forward(pixels)
    except Exception as error:  # noqa: BLE001 (any failure to convert means torch, and is said)
        log.warning("OpenVINO cannot run this model (%s); torch does", str(error).splitlines()[0])
        return reference
    want = reference.forward(pixels)
    if not agree(want, got):
        log.warning("OpenVINO's embeddings differ from torch's; torch is used")
        return reference
    return converted


def _output(arrays: list[NDArray[np.float32]]) -> Output:
    return Output(arrays[0], arrays[1] if len(arrays) > 1 else None)


def agree(want: Output, got: Output) -> bool:
    """Whether two engines' outputs are the same for every purpose here."""
    dot = (want.embeddings * got.embeddings).sum(axis=1)
    norms = np.linalg.norm(want.embeddings, axis=1) * np.linalg.norm(got.embeddings, axis=1)
    if not (dot >= MIN_COSINE * norms).all():
        return False
    if want.logits is None or got.logits is None:
        return want.logits is got.logits
    return bool((want.logits.argmax(1) == got.logits.argmax(1)).all())
