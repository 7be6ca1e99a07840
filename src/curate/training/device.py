"""The device that a process trains on."""

from __future__ import annotations

import os

import torch

from curate.errors import TrainingError
from curate.inference.engines import pick_device
from curate.training.processes import started


def train_device(name: str) -> torch.device:
    """The first device of those that a name means, see `curate.inference.engines.pick_devices`.

    Of several processes that torchrun started, each takes the GPU of its own number.

    Raises:
        ModelError: there is no such device.
        TrainingError: several processes were started on one device, or on more GPUs than there are.
    """
    device: torch.device = pick_device(name)
    processes = started()
    if processes == 1 or device.type == "cpu":
        return device
    if device.type != "cuda" or ":" in name:
        raise TrainingError(
            f"Expected --device cuda or cpu for {processes} processes of torchrun, found {name}, "
            f"which is one {device.type}. Leave --device out, or start one process."
        )
    own, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= there:
        raise TrainingError(
            f"Expected a GPU for each process, found {there} for process {own + 1}. Start fewer: "
            f"torchrun --nproc-per-node {there}."
        )
    return torch.device("cuda", own)
