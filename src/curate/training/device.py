"""The one device that is trained on."""

from __future__ import annotations

import os

import torch

from curate.errors import TrainingError
from curate.inference.engines import pick_device


def train_device(name: str) -> torch.device:
    """The first device of those that a name means, see `curate.inference.engines.pick_devices`.

    Raises:
        ModelError: there is no such device.
        TrainingError: several processes were started to share the work.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError(
            "Expected one process, found several of torchrun. Train on one GPU: --device cuda:1; "
            "or write a loop of your own around curate.CurriculumDataset."
        )
    device: torch.device = pick_device(name)
    return device
