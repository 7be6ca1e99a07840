"""The batches of an epoch, and the loaders that fetch them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from curate.errors import CurateError
from curate.training.dataset import CurriculumDataset

MOST_WORKERS = 16
"""Processes that load images unless more are asked for, as in an analysis."""


class EvenBatches(Sampler[list[int]]):
    """Batches of nearly one size that leave no image out.

    Idea: as few batches as the largest size allows, all equally large to within one image. So
    each image of an epoch is trained on, and none alone: a last batch of one image would have no
    statistics to normalise by. timm's and torch's loaders drop the last batch instead, or keep it
    as small as it is.

    Args:
        sampler: of row numbers; its order and its length may change from epoch to epoch.
        size: images of a batch at most.
    """

    def __init__(self, sampler: Sampler[int], size: int) -> None:
        self._sampler, self._size = sampler, size

    def __iter__(self) -> Iterator[list[int]]:
        """Lists of what the sampler gives, in its order."""
        rows = list(self._sampler)
        n = -(-len(rows) // self._size)
        for i in range(n):
            yield rows[i * len(rows) // n : (i + 1) * len(rows) // n]

    def __len__(self) -> int:
        """Batches of the epoch to come."""
        return -(-len(self._sampler) // self._size)  # type: ignore[arg-type] # ours have a length


def train_loader(
    dataset: CurriculumDataset, sampler: Sampler[int], size: int, workers: int | None,
    device: torch.device,
) -> DataLoader[Any]:  # fmt: skip
    """Loads ``(images, targets, rows)``; made once, also where workers stay."""
    batches = EvenBatches(sampler, size)
    return DataLoader(dataset, batch_sampler=batches, **_processes(workers, device))


def plain_loader(
    dataset: Dataset[Any], size: int, workers: int | None, device: torch.device
) -> DataLoader[Any]:
    """Loads images in their own order."""
    return DataLoader(dataset, batch_size=size, **_processes(workers, device))


def _processes(workers: int | None, device: torch.device) -> dict[str, Any]:
    count = min(MOST_WORKERS, os.cpu_count() or 1) if workers is None else workers
    return {
        "num_workers": count,
        "persistent_workers": count > 0,
        "pin_memory": device.type == "cuda",
    }


def fetched(loader: DataLoader[Any], waited: Callable[[float], object]) -> Iterator[Any]:
    """The batches of a loader.

    Args:
        loader: of images.
        waited: told the seconds that each batch was waited for.

    Raises:
        CurateError: of a worker, as it would be without workers.
    """
    batches = iter(loader)
    while True:
        start = time.perf_counter()
        try:
            batch = next(batches, None)
        except CurateError as error:
            # torch puts the worker's traceback into the message of an exception of the same type.
            said = str(error).rpartition(f"{type(error).__name__}: ")[2].strip()
            raise type(error)(said) from error
        waited(time.perf_counter() - start)
        if batch is None:
            return
        yield batch
