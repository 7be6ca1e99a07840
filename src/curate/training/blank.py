"""A step on blank images, to see what fits into memory and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from curate.training.criteria import Criterion
from curate.training.optimising import Optimising
from curate.training.wrapped import forward


class BlankStep:
    """A forward and a backward pass of black images; no weight is changed by it.

    Args:
        optimising: says the precision.
        criterion: the loss.
        input_size: channels, height and width.
        device: of the model.
        memory_format: of the images.
    """

    def __init__(
        self, optimising: Optimising, criterion: Criterion, input_size: Sequence[int],
        device: torch.device, memory_format: torch.memory_format,
    ) -> None:  # fmt: skip
        self._optimising, self._criterion = optimising, criterion
        self._size, self._device, self._format = tuple(input_size), device, memory_format

    def __call__(self, model: torch.nn.Module, n: int) -> None:
        """Take one step of n images, with a model in training mode."""
        images = torch.zeros(n, *self._size, device=self._device)
        targets = torch.zeros(n, dtype=torch.long, device=self._device)
        with self._optimising.forward():
            logits = forward(model, images.contiguous(memory_format=self._format))
        self._criterion(logits, targets).mean().backward()
        model.zero_grad()
