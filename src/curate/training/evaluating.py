"""A model's logits of a split, and how good they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, Subset

from curate.findings import Ints
from curate.numerics.intervals import wilson
from curate.progress import Bar
from curate.training.batches import fetched
from curate.training.history import Row
from curate.training.processes import gathered, rank, size


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


def is_best(rows: Sequence[Row], found: Score | None) -> bool:
    """Whether a model is better on val than any before it; without val the last one is.

    Args:
        rows: of the epochs before.
        found: how good it is.
    """
    before = [row for row in rows if row["best"]]
    if found is None or not before:
        return True
    last = before[-1]
    return bool((found.accuracy, -found.loss) > (last["val_accuracy"], -last["val_loss"]))


def waited(rows: Sequence[Row], begin: int) -> int:
    """Epochs of the last stage in which no model was better.

    Args:
        rows: of all epochs so far, at least one.
        begin: the first epoch of the last stage; those before it do not count.
    """
    best = int(max(row["epoch"] for row in rows if row["best"]))
    return int(rows[-1]["epoch"]) - max(best, begin - 1)


def part_of(dataset: Dataset[Any], n: int) -> Dataset[Any]:
    """The images that this process evaluates: every so many-th; all where there are too few.

    Args:
        dataset: of a split.
        n: its images.
    """
    return Subset(dataset, range(rank(), n, size())) if 1 < size() <= n else dataset


def of_all(own: torch.Tensor, n: int) -> torch.Tensor:
    """(n, ...) the logits of a split, from what each process has of its `part_of` it."""
    if len(own) == n:
        return own
    every = gathered(own)
    whole = own.new_empty((n, *own.shape[1:]))
    for number, part in enumerate(every):
        whole[number :: len(every)] = part
    return whole


def score(logits: torch.Tensor, targets: Ints) -> Score:
    """Compare logits with class numbers.

    Args:
        logits: (n, n_classes), n at least 1.
        targets: (n,).
    """
    wanted = torch.tensor(targets)
    right = int((logits.argmax(dim=1) == wanted).sum())
    return Score(float(cross_entropy(logits, wanted)), right, len(wanted))
