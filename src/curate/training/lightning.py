"""A curriculum in Lightning's Trainer."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from curate.errors import CurriculumError
from curate.training.rates import ScaledRates
from curate.training.sampler import CurriculumSampler

_STATE = "curate.curriculum"


class CurriculumCallback(Callback):  # type: ignore[misc] # Lightning's types are not followed
    """Takes the sampler, its dataset and the learning rate through the stages of a schedule.

    Give the sampler to the `DataLoader`, and this callback to the Trainer; the loader is made once
    (no ``reload_dataloaders_every_n_epochs``), and workers may be persistent. What it minds:

    - Lightning counts the batches of an epoch once, before the first one, and would cut off later
      and longer epochs. So every epoch gets as many draws as the longest has, unless the sampler
      was given an `epoch_length`: an epoch of fewer images goes through them again. All else that
      Lightning derives from the count (`estimated_stepping_batches`, a `OneCycleLR`) is then right.
    - Learning rates are scaled in the optimizer's steps only (`ScaledRates`), so any scheduler is
      right, and checkpoints hold the rate without the factor. The factor is logged as `lr_scale`.
    - A checkpoint holds the epoch to go on with. Lightning starts the workers of a resumed run
      before it says which epoch that is.

    Mixup and cutmix are yours to do, in ``training_step``: `curate.training.mixing.Mixing`.

    Args:
        sampler: of the training `DataLoader`.
    """

    def __init__(self, sampler: CurriculumSampler) -> None:
        self.sampler = sampler
        self._rates: list[ScaledRates] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make epochs equally long, and see that the schedule covers them.

        Raises:
            CurriculumError: the Trainer is to run longer than the schedule.
        """
        if stage != "fit":
            return
        epochs, planned = trainer.max_epochs, self.sampler.curriculum.schedule.epochs
        if epochs is not None and not 0 <= epochs <= planned:
            asked = "no end" if epochs < 0 else f"max_epochs={epochs}"
            raise CurriculumError(
                f"Expected a Trainer of at most the schedule's {planned} epochs, found {asked}. "
                f"Give max_epochs={planned}, or export a longer schedule."
            )
        if self.sampler.epoch_length is None:
            self.sampler.epoch_length = self.sampler.longest_epoch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scale the learning rates from now on."""
        self._rates = [
            ScaledRates(one, lambda: self.sampler.lr_scale) for one in trainer.optimizers
        ]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go to the epoch; the batches are drawn after this."""
        if self.sampler.epoch != trainer.current_epoch:
            self.sampler.set_epoch(trainer.current_epoch)
        pl_module.log(
            "lr_scale", self.sampler.lr_scale, on_step=False, on_epoch=True, sync_dist=True
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the optimizers as they were."""
        self._release()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the optimizers as they were, before a checkpoint of the exception is written."""
        self._release()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the seed, the losses and the epoch to go on with."""
        following = trainer.fit_loop.epoch_progress.current.processed
        checkpoint[_STATE] = {**self.sampler.state_dict(), "epoch": following}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on with them."""
        state = checkpoint.get(_STATE)
        last = self.sampler.curriculum.schedule.epochs - 1
        if state is not None and trainer.training:
            self.sampler.load_state_dict({**state, "epoch": min(state["epoch"], last)})

    def _release(self) -> None:
        for rates in self._rates:
            rates.remove()
        self._rates = []
