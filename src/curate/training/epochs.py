"""One pass of the training over the images of an epoch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from curate.progress import Bar
from curate.training.batches import fetched
from curate.training.criteria import Criterion
from curate.training.dataset import CurriculumDataset
from curate.training.faults import Fault, find_fault, the_earliest
from curate.training.mixing import Mixing
from curate.training.optimising import Optimising
from curate.training.processes import gathered
from curate.training.recording import Recorder
from curate.training.wrapped import apart, forward

CHECKED_AFTER = 16
"""Batches between two looks at the losses: each look waits for a GPU to catch up."""


class Pass:
    """Trains on the batches of one epoch and counts.

    Args:
        model: in training mode; as `curate.training.wrapped` makes it.
        optimising: its steps.
        criterion: the loss of each image.
        dataset: the training images, at their epoch.
        accumulate: batches that a step takes together.
        device: of the model.
        memory_format: of the images.

    Attributes:
        rows: (m,) of this process's images in the order trained on.
        losses: (m,) of them.
        images: how many all processes trained on; one that is drawn twice counts twice.
        loss: the mean of all of them.
        accuracy: the share of them whose own class had the largest logit.
        seconds: that the pass took.
        waited: of these, until images were there, in the process that waited most.
    """

    def __init__(
        self, model: torch.nn.Module, optimising: Optimising, criterion: Criterion,
        dataset: CurriculumDataset, accumulate: int, device: torch.device,
        memory_format: torch.memory_format,
    ) -> None:  # fmt: skip
        self._model, self._optimising, self._criterion = model, optimising, criterion
        self._mix = Mixing(dataset)
        self._accumulate, self._device, self._format = accumulate, device, memory_format
        self.rows: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.losses: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self.images = 0
        self.loss = self.accuracy = self.seconds = self.waited = 0.0

    def run(self, loader: DataLoader[Any], recorder: Recorder, bar: Bar) -> Fault | None:
        """Train on every batch; stop at a loss that is no number.

        Args:
            loader: gives ``(images, labels, rows)``; as many batches in each process.
            recorder: notes the dynamics.
            bar: is told of the images.
        """
        start = time.perf_counter()
        rows: list[torch.Tensor] = []
        losses: list[torch.Tensor] = []
        right = torch.zeros((), dtype=torch.long, device=self._device)
        n = len(loader)
        for number, (images, labels, own) in enumerate(fetched(loader, self._wait)):
            images = images.to(self._device, non_blocking=True, memory_format=self._format)
            labels = labels.to(self._device, non_blocking=True)
            mixed, targets = self._mix(images, labels)
            first = number - number % self._accumulate
            together = min(self._accumulate, n - first)
            last = number == first + together - 1
            with apart(self._model, last):
                with self._optimising.forward():
                    logits = forward(self._model, mixed)
                loss = self._criterion(logits, targets)
                self._optimising.backward(loss.mean() / together, last)
            recorder.note(logits, labels, own, targets)
            rows.append(own)
            losses.append(loss.detach())
            right += (logits.detach().argmax(dim=1) == labels).sum()
            bar.update(len(own))
            if (number + 1) % CHECKED_AFTER == 0 or number == n - 1:
                begin = number - number % CHECKED_AFTER
                fault = the_earliest(find_fault(rows[begin:], losses[begin:], begin))
                if fault is not None:
                    return fault
        self.rows = torch.cat(rows).numpy()
        self.losses = torch.cat(losses).cpu().numpy()
        self._count(int(right), time.perf_counter() - start)
        return None

    def _count(self, right: int, seconds: float) -> None:
        own = [len(self.rows), self.losses.sum(dtype=np.float64), right, seconds, self.waited]
        every = torch.cat(gathered(torch.tensor([own], dtype=torch.float64)))
        images, losses, correct = every[:, :3].sum(dim=0).tolist()
        self.images, self.loss, self.accuracy = int(images), losses / images, correct / images
        self.seconds, self.waited = every[:, 3:].amax(dim=0).tolist()

    def _wait(self, seconds: float) -> None:
        self.waited += seconds
