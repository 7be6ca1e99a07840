"""The latest loss of each image, the same in all processes of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from curate.errors import CurriculumError
from curate.findings import Floats, Ints
from curate.training.processes import running


class Losses:
    """What an image last cost, NaN where nothing was told yet.

    Attributes:
        values: (n,) losses that all processes know.
    """

    def __init__(self, n: int) -> None:
        self.values: Floats = np.full(n, np.nan)
        self._told: Floats = np.full(n, np.nan)

    @property
    def known(self) -> bool:
        """Whether any image has a loss."""
        return bool(np.isfinite(self.values).any())

    @property
    def latest(self) -> Floats:
        """`values`, and over them what this process was told since."""
        return np.where(np.isfinite(self._told), self._told, self.values)

    def update(self, indices: Any, losses: Any) -> None:
        """Note the losses of some images; the last one told of an image counts.

        Raises:
            CurriculumError: not one finite loss an image, or no such image.
        """
        rows, values = _array(indices).astype(np.int64), _array(losses).astype(np.float64)
        n = len(self.values)
        if rows.shape != values.shape:
            raise CurriculumError(
                f"Expected one loss an image, found {rows.size} indices and {values.size} losses. "
                'Give losses before they are averaged: reduction="none".'
            )
        if rows.size and (rows.min() < 0 or rows.max() >= n):
            raise CurriculumError(
                f"Expected indices of the {n} training images, found {rows.min()} to {rows.max()}. "
                "Give those of the dataset: return_index=True."
            )
        finite = np.isfinite(values)
        # A loss that is no number says nothing of an image: it keeps its last one.
        self._told[rows[finite]] = values[finite]

    def exchange(self) -> None:
        """Take over what was told since the last time, by every process: the mean of an image.

        With several processes each of them has to call it.
        """
        told = np.isfinite(self._told)
        total, count = np.where(told, self._told, 0.0), told.astype(np.float64)
        if running():
            both = torch.from_numpy(np.stack([total, count]))
            if dist.get_backend() == "nccl":  # it moves nothing but what lies on a GPU
                both = both.cuda()
            dist.all_reduce(both)
            total, count = both.cpu().numpy()
        new = count > 0
        self.values[new] = total[new] / count[new]
        self._told[:] = np.nan

    def load(self, values: Floats) -> None:
        """Begin with these losses, known to every process."""
        self.values = values.copy()
        self._told = np.full(len(values), np.nan)


def _array(values: Sequence[float] | torch.Tensor) -> Floats | Ints:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)
