"""A curriculum in Hugging Face's Trainer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Trainer, TrainerCallback

from curate.errors import CurriculumError
from curate.progress import log
from curate.recipe.curriculum import Curriculum
from curate.training.dataset import CurriculumDataset
from curate.training.rates import ScaledRates
from curate.training.sampler import CurriculumSampler


class CurriculumTrainer(Trainer):  # type: ignore[misc] # transformers' types are not followed
    """The Trainer with our sampler and our callback, for a `CurriculumDataset` as train_dataset.

    - The Trainer takes its sampler from `_get_train_sampler`. accelerate then shares out its
      batches among the processes, so the sampler itself draws for all of them, the same in each.
    - The Trainer counts the batches of an epoch once, before the first one. So every epoch gets as
      many draws as the longest has: an epoch of fewer images goes through them again. Steps,
      learning-rate schedule, gradient accumulation and resuming go by that count.
    - accelerate tells our sampler each epoch, and the sampler tells the dataset.
    - Learning rates are scaled in the optimizer's steps only (`ScaledRates`), beside the
      scheduler; the Trainer's log shows the rate without the factor, and `lr_scale` beside it.

    - Its losses take one class an image, so mixup and cutmix of a policy are not done; a warning
      says so. An own ``compute_loss`` can: `curate.training.mixing.Mixing`.

    Unless given, ``data_collator`` is `collate`, and the model is called with ``pixel_values`` and
    ``labels``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("data_collator", collate)
        super().__init__(*args, **kwargs)
        dataset = self.train_dataset
        if not isinstance(dataset, CurriculumDataset):
            raise CurriculumError(
                "Expected a CurriculumDataset as train_dataset, found "
                f"{type(dataset).__name__}. Make one: curate.CurriculumDataset(EXPORT)."
            )
        self.curriculum_sampler = CurriculumSampler(dataset, num_replicas=1, rank=0)
        self.curriculum_sampler.epoch_length = self.curriculum_sampler.longest_epoch
        self.add_callback(CurriculumCallback(self.curriculum_sampler))
        for name in sorted(_mixed(dataset.curriculum)):
            log.warning("the Trainer mixes no images: %s of the policy is not done", name)

    def _get_train_sampler(self, train_dataset: Any = None) -> CurriculumSampler:
        return self.curriculum_sampler

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with the stage's factor beside the learning rate."""
        if "learning_rate" in logs:
            logs = {**logs, "lr_scale": self.curriculum_sampler.lr_scale}
        super().log(logs, *args, **kwargs)


class CurriculumCallback(TrainerCallback):  # type: ignore[misc] # transformers' types are not followed
    """Scales the learning rate by stage, and sees that the run is no longer than the schedule."""

    def __init__(self, sampler: CurriculumSampler) -> None:
        self.sampler = sampler
        self._rates: ScaledRates | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Scale the learning rates from now on.

        Raises:
            CurriculumError: the Trainer is to run longer than the schedule.
        """
        planned = self.sampler.curriculum.schedule.epochs
        if state.num_train_epochs > planned:
            raise CurriculumError(
                f"Expected a Trainer of at most the schedule's {planned} epochs, found "
                f"{state.num_train_epochs}. Give num_train_epochs={planned}, or export a longer "
                "schedule."
            )
        self._rates = ScaledRates(kwargs["optimizer"], lambda: self.sampler.lr_scale)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave the optimizer as it was."""
        if self._rates is not None:
            self._rates.remove()
            self._rates = None


def _mixed(curriculum: Curriculum) -> set[str]:
    """Names of the steps that mix the images of a batch, in any stage."""
    policy = curriculum.policy
    if policy is None:
        return set()
    used = {stage.policy_stage for stage in curriculum.schedule.stages}
    return {name for at in used if at is not None for name in policy.trainer_settings(at)}


def collate(batch: Sequence[tuple[Any, ...]]) -> dict[str, torch.Tensor]:
    """A batch in the words of Hugging Face's image classifiers."""
    return {
        "pixel_values": torch.stack([one[0] for one in batch]),
        "labels": torch.tensor([one[1] for one in batch]),
    }
