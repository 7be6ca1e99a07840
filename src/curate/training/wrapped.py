"""The model as its training calls it: shared between processes, and compiled where that pays."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from curate.progress import log
from curate.training.options import AUTO, OFF
from curate.training.processes import is_first, of_the_first, running

Step = Callable[[torch.nn.Module], object]

WORTH_MEASURING = 600.0
"""Seconds of training below which compiling is not even tried: it takes about a minute, and a tenth
of the training saved is a usual gain."""

WARM_UP, MEASURED = 3, 10
"""Steps that are not timed, and steps that are."""


def shared(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """The model with gradients averaged over all processes; itself where there is one.

    Batch norm goes by the images of each process; the statistics kept are the first one's.
    """
    if not running():
        return model
    return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


def forward(model: torch.nn.Module, images: torch.Tensor) -> Any:
    """What the model makes of a batch.

    One that is compiled is told that batches differ in size: else it would be compiled for the
    first size, and once more for all others at the second.
    """
    if hasattr(model, "_orig_mod"):
        torch._dynamo.maybe_mark_dynamic(images, 0)
    return model(images)


def apart(model: torch.nn.Module, last: bool) -> AbstractContextManager[Any]:
    """What a batch is to run in: only the last one of a step has to meet those of the others."""
    inner = getattr(model, "_orig_mod", model)
    if last or not isinstance(inner, DistributedDataParallel):
        return nullcontext()
    return inner.no_sync()


def pays_to_compile(
    wanted: str, model: torch.nn.Module, step: Step, steps: int, device: torch.device
) -> bool:
    """Whether the training is to run compiled.

    Asked for, a step is tried, since a compiler says only then that it cannot. By "auto" a few
    steps are timed both ways: compiling pays where the steps to come save more than it took. It is
    tried on a copy of the model, which is as before. The first of several processes decides.

    Not part of what a seed settles: compiled kernels round otherwise, and a choice by time may
    fall otherwise another day; so it is "off" unless asked for, and a training that goes on after
    a kill keeps the choice it began with.

    Args:
        wanted: "auto", "on" or "off".
        model: that is trained, not wrapped.
        step: a forward and a backward pass of a module like the model.
        steps: of the training.
        device: of the model.
    """
    if wanted == OFF:
        return False
    found = _decided(wanted, model, step, steps, device) if is_first() else False
    return bool(of_the_first(float(found)))


def _decided(
    wanted: str, model: torch.nn.Module, step: Step, steps: int, device: torch.device
) -> bool:
    twin = copy.deepcopy(model)
    plain = _seconds(step, twin, device) if wanted == AUTO else 0.0
    if wanted == AUTO and plain * steps < WORTH_MEASURING:
        log.info(
            "torch.compile: not tried, since all %d steps take about %.0f s without it and "
            "compiling about a minute", steps, plain * steps,
        )  # fmt: skip
        return False
    start = time.perf_counter()
    try:
        compiled: Any = torch.compile(twin)
        step(compiled)
    except Exception as error:  # noqa: BLE001 - a compiler may raise anything; eager still works
        why = next((line for line in str(error).splitlines() if line.strip()), "")
        log.warning(
            "torch.compile: not used, since it cannot compile this model here (%s: %s)",
            type(error).__name__, why,
        )  # fmt: skip
        return False
    took = time.perf_counter() - start
    if wanted != AUTO:
        log.info("torch.compile: used; it took %.0f s", took)
        return True
    quick = _seconds(step, compiled, device)
    saved = (plain - quick) * steps
    log.info(
        "torch.compile: %s, a step takes %.1f ms compiled and %.1f ms as it is: over %d steps that "
        "saves %.0f s, and compiling took %.0f s", "used" if saved > took else "not used",
        1000 * quick, 1000 * plain, steps, saved, took,
    )  # fmt: skip
    return saved > took


def _seconds(step: Step, model: torch.nn.Module, device: torch.device) -> float:
    """The median time of a step."""
    times = []
    for number in range(WARM_UP + MEASURED):
        start = time.perf_counter()
        step(model)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= WARM_UP:
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]
