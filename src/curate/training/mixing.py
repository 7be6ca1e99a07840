"""Mixup and cutmix, as the current stage of a policy has them."""

from __future__ import annotations

import numpy as np
import torch

from curate.recipe.policy import Step
from curate.training.dataset import CurriculumDataset
from curate.training.processes import rank


class Mixing:
    """Mixes the images of a batch with each other, and their labels alike.

    Mixup (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"): each image becomes
    ``lam * image + (1 - lam) * partner``, and so does its label. CutMix (Yun et al. 2019): a
    rectangle of ``1 - lam`` of the area is the partner's, and so is that part of the label. In both
    ``lam`` is drawn from Beta(alpha, alpha) once a batch, and the partner is the next image of the
    batch. Each is done with its probability, one after the other. A pair with an image of an
    excluded class is not mixed.

    The draws depend on the seed of the dataset, the epoch, the number of batches mixed in it, and
    the process.

    Args:
        dataset: whose policy it is; it says the current stage.
    """

    def __init__(self, dataset: CurriculumDataset) -> None:
        self._dataset = dataset
        self._drawn = (-1, 0)

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix one batch.

        Args:
            images: (n, channels, height, width) floats.
            targets: (n,) class numbers.

        Returns:
            The images, and (n, n_classes) probabilities, which cross entropy takes like numbers;
            where the stage mixes nothing, what was given.
        """
        steps = self._dataset.batch_steps
        if not steps:
            return images, targets
        epoch = self._dataset.epoch
        batch = self._drawn[1] + 1 if self._drawn[0] == epoch else 0
        self._drawn = (epoch, batch)
        own = [rank()] if rank() else []
        rng = np.random.default_rng([abs(self._dataset.seed), epoch, batch, *own])
        labels = torch.nn.functional.one_hot(targets, len(self._dataset.classes)).to(images.dtype)
        for name, step in steps.items():
            chance, lam = rng.random(), float(rng.beta(step.magnitude[1], step.magnitude[1]))
            corner = rng.random(2)
            if chance >= step.probability:
                continue
            pairs = self._pairs(targets, step)
            part = torch.full((*images.shape[-2:],), lam, dtype=images.dtype, device=images.device)
            if name == "cutmix":
                part = _kept(images.shape[-2:], lam, corner).to(part)
            share = torch.where(pairs, part.mean(), 1.0)[:, None]
            kept = torch.where(pairs[:, None, None, None], part, 1.0)
            images = kept * images + (1 - kept) * images.roll(-1, 0)
            labels = share * labels + (1 - share) * labels.roll(-1, 0)
        return images, labels

    def _pairs(self, targets: torch.Tensor, step: Step) -> torch.Tensor:
        """(n,) whether an image may be mixed with the next one."""
        out = [self._dataset.classes.index(name) for name in step.excluded_classes]
        free = ~torch.isin(targets, torch.tensor(out, dtype=targets.dtype, device=targets.device))
        return free & free.roll(-1, 0)


def _kept(size: tuple[int, ...], lam: float, corner: np.ndarray) -> torch.Tensor:
    """(height, width) ones, and zeros in a rectangle of about ``1 - lam`` of the area inside."""
    height, width = (round(side * (1 - lam) ** 0.5) for side in size)
    top = round(corner[0] * (size[0] - height))
    left = round(corner[1] * (size[1] - width))
    kept = torch.ones(size)
    kept[top : top + height, left : left + width] = 0
    return kept
