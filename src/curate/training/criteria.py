"""What each image of a batch costs, from logits and class numbers or soft targets."""

from __future__ import annotations

import torch
from timm.loss import compute_class_weights
from torch.nn.functional import cross_entropy, log_softmax, one_hot

from curate.findings import Ints
from curate.training.options import Options


class Criterion(torch.nn.Module):
    """The loss of each image; the mean of a batch is what is learnt by.

    - cross-entropy: torch's own, with label smoothing (Szegedy et al. 2016) where asked.
    - class-balanced: the same with a weight for each class, timm's for the effective number of
      images (Cui et al. 2019), ``(1 - beta) / (1 - beta^n)``, scaled so that the images of the
      training set weigh 1 on average; so a learning rate means the same with and without.
    - focal (Lin et al. 2017): ``sum_c q_c (1 - p_c)^gamma (-log p_c)`` with the softmax p and the
      targets q. Not torchvision's ``sigmoid_focal_loss``, which asks of each class by itself
      whether it is there: softmax is what everything that reads the logits takes of them.

    Args:
        options: which loss.
        targets: (n,) class numbers of the training images.
        n_classes: how many there are.
    """

    weight: torch.Tensor | None

    def __init__(self, options: Options, targets: Ints, n_classes: int) -> None:
        super().__init__()
        self._focal = options.focal_gamma if options.loss == "focal" else None
        self._smoothing = options.smoothing
        weight = None
        if options.loss == "class-balanced":
            counts = torch.bincount(torch.tensor(targets), minlength=n_classes).double()
            found = compute_class_weights(
                counts, len(targets), method="effective_num", beta=max(options.beta, 1e-12)
            )[1].double()
            weight = (found * counts.sum() / (found * counts).sum()).float()
        self.register_buffer("weight", weight)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(n,) losses.

        Args:
            logits: (n, n_classes); they are taken in float32.
            targets: (n,) class numbers, or (n, n_classes) probabilities.
        """
        logits = logits.float()
        if self._focal is None:
            return cross_entropy(
                logits, targets, weight=self.weight, reduction="none",
                label_smoothing=self._smoothing,
            )  # fmt: skip
        logs = log_softmax(logits, dim=1)
        if targets.dim() == 1:
            targets = one_hot(targets, logits.shape[1])
        return -(targets * (1 - logs.exp()) ** self._focal * logs).sum(dim=1)
