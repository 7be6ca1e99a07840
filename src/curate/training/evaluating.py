"""A model's logits of a split, and how good they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from curate.findings import Ints
from curate.numerics.intervals import wilson
from curate.progress import Bar
from curate.training.batches import fetched


@dataclass(frozen=True)
class Score:
    """How good a model is on the labelled images of a split.

    Attributes:
        loss: mean cross entropy.
        right: images whose class has the largest logit.
        n: images.
    """

    loss: float
    right: int
    n: int

    @property
    def accuracy(self) -> float:
        """The share of right ones."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy."""
        return wilson(self.right, self.n)


def logits_of(
    model: torch.nn.Module,
    loader: DataLoader[Any],
    device: torch.device,
    memory_format: torch.memory_format = torch.contiguous_format,
    precision: Callable[[], AbstractContextManager[Any]] = nullcontext,
    bar: Bar | None = None,
) -> torch.Tensor:
    """(n, n_classes) float32 logits on the CPU, in the order of the loader.

    Args:
        model: on the device; it is set to evaluation.
        loader: gives ``(images, ...)``.
        device: of the model.
        memory_format: of the images.
        precision: what the forward pass is to run in.
        bar: is told of the images.
    """
    model.eval()
    found = []
    with torch.inference_mode():
        for images, *_ in fetched(loader, lambda _: None):
            images = images.to(device, non_blocking=True, memory_format=memory_format)
            with precision():
                found.append(model(images).float())
            if bar is not None:
                bar.update(len(images))
    return torch.cat(found).cpu()


def score(logits: torch.Tensor, targets: Ints) -> Score:
    """Compare logits with class numbers.

    Args:
        logits: (n, n_classes), n at least 1.
        targets: (n,).
    """
    wanted = torch.tensor(targets)
    right = int((logits.argmax(dim=1) == wanted).sum())
    return Score(float(cross_entropy(logits, wanted)), right, len(wanted))
