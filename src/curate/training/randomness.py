"""Random numbers that belong to a training and an epoch, and to nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from curate.training.processes import rank


@contextmanager
def own_random_numbers(seed: int, device: torch.device, epoch: int | None = None) -> Iterator[None]:
    """Give a block the same random numbers every time; those of before go on after it.

    An epoch has its own, so that a training which goes on after a kill draws what it would have
    drawn, and nothing has to be kept of the state of a generator. On a GPU the same numbers come
    out only of the same algorithms, so cuDNN is kept from choosing them by their speed.

    Args:
        seed: of the training.
        device: that is computed on.
        epoch: from 0; None for what comes before the first, and is the same in all processes.
    """
    words = [abs(seed)] if epoch is None else [abs(seed), epoch + 1]
    if epoch is not None and rank():
        words.append(rank())
    number = int(np.random.SeedSequence(words).generate_state(1)[0])
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(number)
        cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = before
