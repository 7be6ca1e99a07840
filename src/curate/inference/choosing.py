"""Which engine runs a model: the fastest of those that say the same, by measurement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.inference.converted import is_kept
from curate.inference.embedder import Engine, Output
from curate.inference.engines import (
    MIN_COSINE,
    MIN_COSINE_HALF,
    OpenVinoEngine,
    TorchEngine,
    agree,
    on_devices,
)
from curate.progress import log

TRIAL = 16
"""Images of the batch by which engines are compared and timed."""

PATIENCE = 2.0
"""Seconds after which an engine has been timed long enough."""

WORTH_TIMING = 64
"""Forward passes below which nothing is measured: torch would be done first."""

CONVERT_SECONDS, READ_SECONDS = 10.0, 2.0
"""What converting a model to OpenVINO takes on two cores (5 to 11 s), and reading it again."""

COMPILE_SECONDS, COMPILE_GAIN = 60.0, 0.25
"""What torch.compile takes for a large model, and the share of the time it usually saves on a GPU;
estimates, by which it is decided whether to try. Whether it is used, is measured."""


def open_engine(
    whole: Any,
    size: tuple[int, int, int],
    devices: Sequence[Any],
    batch_size: int,
    digest: str,
    n_forward: int,
) -> Engine:
    """Choose the engine for this much work.

    On a CPU torch is timed on one small batch. Where the work would take much longer than a
    conversion, OpenVINO is tried; it is used if it agrees with torch (the cosine of every pair of
    embeddings at least 0.9999, and the same likeliest class) and is faster. On a GPU the first of
    bfloat16, float16 and float32 is used that agrees with float32 (cosine 0.999). The log has the
    figures, and the reason where the faster engine was not taken.

    Args:
        whole: a module from (b, height, width, channels) uint8 to a tuple of tensors.
        size: (channels, height, width).
        devices: torch devices of one kind.
        batch_size: images a forward pass.
        digest: identifies weights and preprocessing, for the cache of converted models.
        n_forward: images to come.
    """
    channels, height, width = size
    pixels = np.random.default_rng(0).integers(0, 256, (TRIAL, height, width, channels), np.uint8)
    if devices[0].type == "cuda":
        return _on_gpu(whole, devices, n_forward, batch_size, pixels)
    reference = on_devices(whole, devices)
    if devices[0].type != "cpu" or n_forward < WORTH_TIMING:
        return reference
    return _on_cpu(whole, reference, n_forward, digest, pixels)


def _on_cpu(
    whole: Any, reference: Engine, n_forward: int, digest: str, pixels: NDArray[np.uint8]
) -> Engine:
    want, torch_rate = timed(reference, pixels)
    cost = READ_SECONDS if is_kept(pixels, digest) else CONVERT_SECONDS
    # OpenVINO saves about two thirds of the time, so this is where converting breaks even.
    if n_forward / torch_rate < 1.5 * cost:
        log.info("cpu: torch %.0f images/s, too little work to convert the model", torch_rate)
        return reference
    try:
        converted = OpenVinoEngine(whole, pixels[:2], digest)
        got, rate = timed(converted, pixels)
    except Exception as error:  # noqa: BLE001 (any failure to convert means torch, and is said)
        log.warning("OpenVINO cannot run this model (%s); torch does", first_line(error))
        return reference
    if not agree(want, got, MIN_COSINE):
        log.warning("OpenVINO's outputs differ from torch's; torch is used")
        return reference
    chosen = converted if rate > torch_rate else reference
    log.info(
        "cpu: OpenVINO %.0f images/s, torch %.0f: %s",
        rate, torch_rate, "OpenVINO" if chosen is converted else "torch",
    )  # fmt: skip
    return chosen


def _on_gpu(
    whole: Any,
    devices: Sequence[Any],
    n_forward: int,
    batch_size: int,
    pixels: NDArray[np.uint8],
) -> Engine:
    import torch

    want = TorchEngine(whole, devices[0]).forward(pixels)
    halves = [torch.bfloat16] if torch.cuda.is_bf16_supported() else []
    for half in (*halves, torch.float16):
        got = TorchEngine(whole, devices[0], half).forward(pixels)
        if agree(want, got, MIN_COSINE_HALF):
            break
        log.warning("%s changes this model's outputs too much; it is not used", half)
    else:
        half = None
    engine = on_devices(whole, devices, half)
    if not isinstance(engine, TorchEngine):
        return engine  # torch.compile is not safe in several threads
    compiled = compiled_if_worth(engine, whole, devices[0], half, n_forward, batch_size, pixels)
    return compiled or engine


def compiled_if_worth(
    eager: TorchEngine,
    whole: Any,
    device: Any,
    half: Any,
    n_forward: int,
    batch_size: int,
    pixels: NDArray[np.uint8],
) -> TorchEngine | None:
    """torch.compile, where it pays back within the job and turns out faster; else None."""
    import torch

    batch = np.resize(pixels, (batch_size, *pixels.shape[1:]))
    want, eager_rate = timed(eager, batch)
    if n_forward / eager_rate * COMPILE_GAIN < COMPILE_SECONDS:
        return None
    log.info("compiling the model: there is work for %.0f s", n_forward / eager_rate)
    try:
        compiled = TorchEngine(torch.compile(whole), device, half, batch_size)
        got, rate = timed(compiled, batch)
    except Exception as error:  # noqa: BLE001 (any failure to compile means eager, and is said)
        log.warning("torch.compile cannot take this model (%s)", first_line(error))
        return None
    faster = rate > eager_rate and agree(want, got, MIN_COSINE_HALF)
    log.info(
        "%s: compiled %.0f images/s, eager %.0f: %s",
        eager.name, rate, eager_rate, "compiled" if faster else "eager",
    )  # fmt: skip
    if faster:
        compiled.description += ".compile"
    return compiled if faster else None


def timed(engine: Engine, pixels: NDArray[np.uint8]) -> tuple[Output, float]:
    """An engine's output, and its best images/s of up to three passes."""
    best = spent = 0.0
    for _ in range(3):
        started = time.perf_counter()
        out = engine.forward(pixels)
        seconds = time.perf_counter() - started
        best, spent = max(best, len(pixels) / seconds), spent + seconds
        if spent > PATIENCE:
            break
    return out, best


def first_line(error: Exception) -> str:
    """What an error says, on one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
