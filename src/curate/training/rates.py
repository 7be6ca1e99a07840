"""The learning rate of a stage, beside whatever scheduler the run has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class ScaledRates:
    """Multiplies an optimizer's learning rates by a factor, in its steps only.

    Idea: just before a step each group's rate is multiplied by the factor of the moment, and just
    after it the rate from before is put back. The optimizer learns at the scaled rate, and whoever
    reads or sets ``group["lr"]`` between steps never meets the factor. That makes it right with
    every scheduler: with those that go on from the rate they find (`StepLR`, `ReduceLROnPlateau`),
    which would otherwise carry the factor along or multiply it again, and with those that compute
    the rate anew from the base rate (`LambdaLR`, `OneCycleLR`, all of Hugging Face's), which would
    otherwise undo it. A checkpoint of optimizer and scheduler is the same with and without.

    Not seen, for the same reason, by what logs ``group["lr"]``: the rate that is used is that times
    the factor. An optimizer whose ``step`` is not torch's own (DeepSpeed's) calls no hooks.

    Args:
        optimizer: torch's, or one of accelerate or Lightning around it.
        factor: asked before each step, such as ``dataset.lr_scale``.
    """

    def __init__(self, optimizer: Any, factor: Callable[[], float]) -> None:
        self._factor = factor
        self._before: list[Any] = []
        while hasattr(optimizer, "optimizer"):  # accelerate's and Lightning's wrappers
            optimizer = optimizer.optimizer
        self._optimizer: torch.optim.Optimizer = optimizer
        self._hooks = (
            optimizer.register_step_pre_hook(self._scale),
            optimizer.register_step_post_hook(self.restore),
        )

    def remove(self) -> None:
        """Let the optimizer step at its own rates again."""
        self.restore()
        for hook in self._hooks:
            hook.remove()

    def restore(self, *_: Any) -> None:
        """Put the rates from before a step back; of use where an exception broke off a step."""
        for group, rate in zip(self._optimizer.param_groups, self._before, strict=False):
            group["lr"] = rate
        self._before = []

    def _scale(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.restore()
        # The very objects are kept: a rate may be a tensor that a captured graph reads.
        self._before = [group["lr"] for group in optimizer.param_groups]
        factor = self._factor()
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
