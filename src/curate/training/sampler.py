"""Which images an epoch of a curriculum trains on, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DistributedSampler

from curate.errors import CurriculumError
from curate.findings import Floats, Ints
from curate.recipe.curriculum import Curriculum
from curate.recipe.sampling import epoch_indices, share_of
from curate.training.dataset import CurriculumDataset, Draw
from curate.training.losses import Losses
from curate.training.processes import rank as own_rank
from curate.training.processes import size


class CurriculumSampler(DistributedSampler[int]):
    """Draws the images of each epoch: the tiers, the share, the balance and the order of its stage.

    One call a loop: ``set_epoch(epoch)`` before each epoch. It reaches the dataset too, so that
    images are augmented as the stage says. The `DataLoader` is never made anew, and its workers
    may be persistent.

    The same seed, epoch and losses give the same order, in every process and with any number of
    workers. With several processes (`torch.distributed`, asked when an epoch begins, or
    `num_replicas` and `rank`) each gets its own part of that order, all of one length: where it
    does not divide, the first images are drawn once more. It is a `DistributedSampler` because
    Lightning would wrap, and so divide, any other one a second time.

    A self-paced stage goes by what `update_losses` was told. The processes exchange it in
    `set_epoch`, so call that in each of them.

    Attributes:
        curriculum: the export.
        seed: of the order.
        epoch: the current one, from 0.
        epoch_length: draws in an epoch of all processes together, or None for as many as the stage
            has images. Trainers that count the batches of an epoch once, before the first (as
            Lightning and Hugging Face's), need a number: shorter epochs then go through their
            images again, longer ones stop there.
    """

    def __init__(
        self,
        dataset: CurriculumDataset | Curriculum,
        num_replicas: int | None = None,
        rank: int | None = None,
        seed: int | None = None,
        epoch_length: int | None = None,
    ) -> None:
        # The base class would ask torch.distributed now and measure the whole dataset; everything
        # it would set is a property here, since it changes from epoch to epoch.
        torch.utils.data.Sampler.__init__(self)
        self.curriculum = dataset if isinstance(dataset, Curriculum) else dataset.curriculum
        self._dataset = None if isinstance(dataset, Curriculum) else dataset
        _check(dataset, num_replicas, rank, epoch_length)
        self._processes = (num_replicas, rank)
        own = self.curriculum.seed if self._dataset is None else self._dataset.seed
        self.seed = own if seed is None else int(seed)
        self.epoch_length = epoch_length
        self.epoch = 0 if self._dataset is None else self._dataset.epoch
        self._losses = Losses(len(self.curriculum.table))

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch, counted from 0, and take the dataset along.

        Raises:
            CurriculumError: the schedule has no such epoch.
        """
        self.curriculum.schedule.stage_at(epoch)
        self.epoch = int(epoch)
        if self._dataset is not None:
            self._dataset.set_epoch(epoch)
        self._losses.exchange()

    def __iter__(self) -> Iterator[int]:
        """Row numbers of the dataset; from the second time in an epoch on they are `Draw`."""
        order = self._order()
        again = pd.Series(order).groupby(order).cumcount().to_numpy()
        own = share_of(np.arange(len(order)), self.rank, self.num_replicas)
        for at in own:
            row, repeat = int(order[at]), int(again[at])
            yield Draw(row, repeat) if repeat else row

    def __len__(self) -> int:
        """Draws of this process in the current epoch."""
        n = self._natural_length(self.epoch) if self.epoch_length is None else self.epoch_length
        return -(-n // self.num_replicas)

    @property
    def num_replicas(self) -> int:  # type: ignore[override] # asked anew, never set from outside
        """How many processes share an epoch."""
        given = self._processes[0]
        return size() if given is None else given

    @property
    def rank(self) -> int:  # type: ignore[override] # likewise
        """Which of them this is, from 0."""
        given = self._processes[1]
        return own_rank() if given is None else given

    @property
    def epoch_lengths(self) -> list[int]:
        """Images that each epoch of the schedule draws, over all processes."""
        return [self._natural_length(epoch) for epoch in range(self.curriculum.schedule.epochs)]

    @property
    def longest_epoch(self) -> int:
        """The most of `epoch_lengths`."""
        return max(self.epoch_lengths)

    @property
    def lr_scale(self) -> float:
        """What the base learning rate is multiplied by in the current epoch."""
        return self.curriculum.schedule.lr_scale(self.epoch)

    def update_losses(
        self, indices: Sequence[int] | torch.Tensor, losses: Sequence[float] | torch.Tensor
    ) -> None:
        """Tell the loss of images just trained on, for stages that go by it.

        Args:
            indices: row numbers, as the dataset gives them with ``return_index=True``.
            losses: one each, not yet averaged (``reduction="none"``).

        They count from the next `set_epoch` on.
        """
        self._losses.update(indices, losses)

    def exchange_losses(self) -> None:
        """Tell all processes what each was told since the last time; `set_epoch` does it as well.

        Call it in every process before the `state_dict` of one is kept.
        """
        self._losses.exchange()

    def state_dict(self) -> dict[str, Any]:
        """What a run needs to go on in the epoch it was in, from its first image."""
        return {
            "epoch": self.epoch,
            "seed": self.seed,
            "epoch_length": self.epoch_length,
            "images": len(self.curriculum.table),
            "losses": torch.from_numpy(self._losses.latest),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            CurriculumError: it is of a curriculum with another number of images.
        """
        images = len(self.curriculum.table)
        if state["images"] != images:
            raise CurriculumError(
                f"Expected the state of a curriculum of {images} training images, found one of "
                f"{state['images']}. Train on the export that the checkpoint was made with."
            )
        self.seed, self.epoch_length = int(state["seed"]), state["epoch_length"]
        self._losses.load(np.asarray(state["losses"], dtype=np.float64))
        self.set_epoch(int(state["epoch"]))

    def _order(self) -> Ints:
        """Row numbers of the current epoch for all processes together."""
        losses = self._losses.values if self._losses.known else None
        order = self._drawn(self.epoch, losses)
        if self.epoch_length is None:
            return order
        passes = [order]
        while sum(map(len, passes)) < self.epoch_length:
            rng = np.random.default_rng([abs(self.seed), self.epoch, len(passes)])
            passes.append(rng.permutation(order))
        return np.concatenate(passes)[: self.epoch_length]

    def _natural_length(self, epoch: int) -> int:
        # How many images a stage takes is known before the losses that say which.
        return len(self._drawn(epoch, self._losses.values))

    def _drawn(self, epoch: int, losses: Floats | None) -> Ints:
        curriculum = self.curriculum
        return epoch_indices(curriculum.table, curriculum.schedule, epoch, self.seed, losses)


def _check(
    dataset: CurriculumDataset | Curriculum,
    num_replicas: int | None,
    rank: int | None,
    epoch_length: int | None,
) -> None:
    if isinstance(dataset, CurriculumDataset) and dataset.split != "train":
        raise CurriculumError(
            f"Expected the dataset of the split train, found {dataset.split}. Val and test are "
            "read in order: leave out the sampler."
        )
    if (num_replicas is None) != (rank is None):
        raise CurriculumError(
            f"Expected both num_replicas and rank, or neither, found {num_replicas} and {rank}."
        )
    if num_replicas is not None and rank is not None and not 0 <= rank < num_replicas:
        raise CurriculumError(f"Expected a rank from 0 to {num_replicas - 1}, found {rank}.")
    if epoch_length is not None and epoch_length < 1:
        raise CurriculumError(f"Expected an epoch_length of at least 1, found {epoch_length}.")
