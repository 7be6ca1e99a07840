"""The processes that torchrun started to share one training: who writes, and how they agree.

Import this file where it is used: it imports torch.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from curate.errors import InputError, TrainingError
from curate.progress import log

T = TypeVar("T")

PATIENCE = timedelta(days=30)
"""How long the others wait for the first process, which may write and analyse for hours."""

_talking: list[Any] = []


def started() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def running() -> bool:
    """Whether several processes are joined."""
    return dist.is_available() and dist.is_initialized()


def size() -> int:
    """How many processes share the training."""
    return dist.get_world_size() if running() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if running() else 0


def is_first() -> bool:
    """Whether this is the process that writes, and tells."""
    return rank() == 0


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun started; nothing where it started one, or they are joined.

    The first one writes and tells; the others are silent but for errors. Tensors on a GPU travel by
    NCCL, all others by gloo.

    Args:
        device: that this process computes on.

    Raises:
        TrainingError: another process ended, whose own message says why.
    """
    if running() or started() == 1:
        yield
        return
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    except ValueError as error:  # of a variable that torchrun would have set
        raise TrainingError(
            f"Expected the environment of torchrun, since WORLD_SIZE is {started()}, found: "
            f"{error}. Start it as `torchrun --nproc-per-node N -m curate train ...`, or unset "
            "WORLD_SIZE."
        ) from error
    level, ended_well = log.level, False
    try:
        if rank():
            log.setLevel(max(level, logging.ERROR))
        yield
        ended_well = True
    except (RuntimeError, dist.DistError) as error:
        if not _is_of_another(error):
            raise
        raise TrainingError(
            f"Expected all {size()} processes to take part to the end, found that another one "
            "ended before this one. Its own message says why; without one it was killed, as by "
            "the system where memory ran out."
        ) from error
    finally:
        log.setLevel(level)
        _talking.clear()
        # After a failure NCCL would wait for the others; the end of the process closes it too.
        if ended_well or not on_gpu:
            dist.destroy_process_group()


def gathered(values: torch.Tensor) -> list[torch.Tensor]:
    """What each process has, by its rank.

    Args:
        values: on the CPU; the first dimension may differ between processes, the others not.
    """
    if not running():
        return [values]
    lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(size())]
    dist.all_gather(lengths, torch.tensor([len(values)]), group=_talk())
    most = max(int(one) for one in lengths)
    padded = values.new_zeros((most, *values.shape[1:]))
    padded[: len(values)] = values
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded, group=_talk())
    return [part[: int(one)] for part, one in zip(parts, lengths, strict=True)]


def same_buffers(model: torch.nn.Module) -> None:
    """Give every process the first one's statistics of batch norm.

    Parameters, and buffers that are no floats, are the same already: all take the same steps.
    """
    if running():
        for buffer in model.buffers():
            if buffer.is_floating_point():
                dist.broadcast(buffer, 0)


def of_the_first(value: float) -> float:
    """The number that the first process has."""
    return float(gathered(torch.tensor([value], dtype=torch.float64))[0])


def in_all(make: Callable[[], T]) -> T:
    """Make something in every process, or in none.

    Raises:
        InputError: what `make` raised, in the first process that failed; the others end silently.
    """
    error: BaseException | None = None
    try:
        made = make()
    except InputError as found:
        error = found
    failed = [bool(one) for one in gathered(torch.tensor([error is not None]))]
    if not any(failed):
        return made
    if error is not None and failed.index(True) == rank():
        raise error
    raise SystemExit(InputError.exit_code)


def by_the_first(do: Callable[[], object]) -> None:
    """Do something in the first process, while the others wait.

    Raises:
        InputError: what `do` raised, in the first process; the others end silently.
    """
    in_all(do if is_first() else lambda: None)


def _talk() -> Any:
    """The group that small things are told by; made once, by all together."""
    if not _talking:
        _talking.append(dist.new_group(backend="gloo", timeout=PATIENCE))
    return _talking[0]


def _is_of_another(error: BaseException) -> bool:
    """Whether an error says that a process could not be reached."""
    text = str(error).lower()
    return isinstance(error, dist.DistError) or "gloo" in text or "closed by peer" in text
