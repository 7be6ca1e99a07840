"""Running a model's forward pass: torch on any device, on several at once, or OpenVINO on a CPU."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import ModelError
from curate.inference.converted import openvino_model
from curate.inference.embedder import Engine, Output
from curate.progress import log

MIN_COSINE = 0.9999
"""Agreement with torch in float32 below which a converted model is not used."""

MIN_COSINE_HALF = 0.999
"""The same for half precision on a GPU: bfloat16 has 8 significant bits."""


def pick_device(device: str) -> Any:
    """The torch device that was asked for; "auto" takes a GPU when there is one.

    Raises:
        ModelError: the device is unknown or not on this machine.
    """
    return pick_devices(device)[0]


def pick_devices(device: str) -> list[Any]:
    """The torch devices to share the work: all GPUs for "auto" and "cuda", the one for "cuda:1".

    Raises:
        ModelError: the device is unknown or not on this machine.
    """
    import torch

    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if n_gpus else "mps" if has_mps else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelError(
            f"Expected a device such as auto, cpu, cuda, cuda:0 or mps, found {device!r}."
        ) from error
    if not {"cpu": True, "cuda": n_gpus > 0, "mps": has_mps}.get(chosen.type, False):
        raise ModelError(
            f"Expected a {chosen.type} device, found none that torch can use. Use --device cpu, "
            "or see `curate doctor`."
        )
    if chosen.type != "cuda":
        return [chosen]
    if chosen.index is None:
        return [torch.device("cuda", i) for i in range(n_gpus)]
    if chosen.index >= n_gpus:
        raise ModelError(
            f"Expected one of {n_gpus} GPUs, cuda:0 to cuda:{n_gpus - 1}, found {device}. "
            "Name one of them, or cuda for all."
        )
    return [chosen]


class TorchEngine:
    """torch in inference mode, in batches that shrink where memory runs out.

    Args:
        whole: a module from (b, size, size, channels) uint8 to a tuple of tensors.
        device: a torch device; the module is moved there.
        half: the dtype of autocast on a GPU, or None for float32.
        fixed_batch: pad smaller batches to this size: a compiled module is compiled for one size.
    """

    def __init__(
        self, whole: Any, device: Any, half: Any = None, fixed_batch: int | None = None
    ) -> None:
        import torch

        self._torch, self._device, self._half = torch, device, half
        self._whole = whole.to(device)
        if getattr(whole, "is_convolutional", False):
            # A transformer gains nothing on a GPU and loses on a CPU.
            self._whole = self._whole.to(memory_format=torch.channels_last)
        self._fixed_batch, self._limit = fixed_batch, 2**31
        self.name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        self.precision = str(half or torch.float32).removeprefix("torch.")
        self.description = f"{self.name}, {self.precision}, torch"

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Run a batch whole or, once memory has run out, in parts that fit.

        Raises:
            ModelError: memory runs out at a single image.
        """
        parts: list[Output] = []
        done = 0
        while done < len(batch):
            chunk = batch[done : done + self._limit]
            found = self._run(chunk)
            if found is None:
                self._shrink(len(chunk))
                continue
            parts.append(found)
            done += len(chunk)
        return joined(parts)

    def _run(self, batch: NDArray[np.uint8]) -> Output | None:
        """One batch, or None when memory runs out."""
        torch, n = self._torch, len(batch)
        batch = padded(batch, self._fixed_batch or n)
        half = torch.autocast(self._device.type, self._half) if self._half else nullcontext()
        try:
            with torch.inference_mode(), half:
                pixels = torch.from_numpy(np.require(batch, requirements=["C", "W"]))
                if self._device.type == "cuda":
                    pixels = pixels.pin_memory()
                out = self._whole(pixels.to(self._device, non_blocking=True))
                return to_output([tensor.float().cpu().numpy()[:n] for tensor in out])
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        return None

    def _shrink(self, n: int) -> None:
        """Halve the batch for good: the next ones would not fit either."""
        if n == 1:
            raise ModelError(
                f"Expected memory for one image on {self.name}, found too little. Free it, choose "
                "a smaller --model or --img-size, or use --device cpu."
            )
        if self._device.type == "cuda":
            self._torch.cuda.empty_cache()
        self._limit = n // 2
        log.warning(
            "memory ran out at %d images on %s; going on with batches of %d",
            n, self.name, self._limit,
        )  # fmt: skip


class ReplicatedEngine:
    """Copies of a module on several devices, each of which embeds its share of every batch."""

    def __init__(self, whole: Any, devices: Sequence[Any], half: Any = None) -> None:
        modules = [whole, *(copy.deepcopy(whole) for _ in devices[1:])]
        self._engines = [
            TorchEngine(module, device, half)
            for module, device in zip(modules, devices, strict=True)
        ]
        self._pool = ThreadPoolExecutor(len(devices), thread_name_prefix="device")
        self.description = f"{len(devices)} x {self._engines[0].description}"

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Split the batch evenly, in order; torch frees the threads while a device computes."""
        shares = [part for part in np.array_split(batch, len(self._engines)) if len(part)]
        running = [
            self._pool.submit(engine.forward, share)
            for engine, share in zip(self._engines, shares, strict=False)
        ]
        return joined([one.result() for one in running])


class OpenVinoEngine:
    """The same model converted to OpenVINO, in float32: three to four times torch on a CPU."""

    description = "cpu, float32, OpenVINO"

    def __init__(self, whole: Any, example: NDArray[np.uint8], digest: str) -> None:
        """Convert and compile for the CPU; see `curate.inference.converted`."""
        self._compiled = compiled_for_cpu(openvino_model(whole, example, digest))

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Run one batch."""
        out = self._compiled(np.ascontiguousarray(batch))
        return to_output([np.array(out[i]) for i in range(len(self._compiled.outputs))])


def compiled_for_cpu(model: Any) -> Any:
    """An OpenVINO model, ready to be called, in float32."""
    import openvino

    # Without the hint, CPUs that have bfloat16 would silently compute in it.
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return openvino.Core().compile_model(model, "CPU", hints)


def on_devices(whole: Any, devices: Sequence[Any], half: Any = None) -> Engine:
    """Torch on one device or several."""
    if len(devices) == 1:
        return TorchEngine(whole, devices[0], half)
    return ReplicatedEngine(whole, devices, half)


def agree(want: Output, got: Output, min_cosine: float = MIN_COSINE) -> bool:
    """Whether two engines' outputs are the same for every purpose here."""
    if not np.isfinite(got.embeddings).all():
        return False
    dot = (want.embeddings * got.embeddings).sum(axis=1)
    norms = np.linalg.norm(want.embeddings, axis=1) * np.linalg.norm(got.embeddings, axis=1)
    if not (dot >= min_cosine * norms).all():
        return False
    if want.logits is None or got.logits is None:
        return want.logits is got.logits
    return bool((want.logits.argmax(1) == got.logits.argmax(1)).all())


def joined(parts: Sequence[Output]) -> Output:
    """The rows of several outputs, one after the other."""
    if len(parts) == 1:
        return parts[0]
    logits = [part.logits for part in parts if part.logits is not None]
    return Output(
        np.concatenate([part.embeddings for part in parts]),
        np.concatenate(logits) if logits else None,
    )


def to_output(arrays: Sequence[NDArray[np.float32]]) -> Output:
    """One array is embeddings; a second one is logits."""
    return Output(arrays[0], arrays[1] if len(arrays) > 1 else None)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has a type for it; Apple's GPUs and the CPU's allocator have only words."""
    import torch

    words = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(w in str(error) for w in words)


def padded(batch: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A batch of at least `size` images: the last one is repeated."""
    if len(batch) >= size:
        return batch
    return np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
