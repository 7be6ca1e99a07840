"""Losses of images, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curate.training.criteria import Criterion
from curate.training.options import Options

LOGITS = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
TARGETS = torch.tensor([0, 2])
TRAIN = np.array([0] * 4 + [1] * 2 + [2] * 2)


def test_cross_entropy_is_that_of_each_image() -> None:
    losses = Criterion(Options(), TRAIN, 3)(LOGITS, TARGETS)
    assert losses.tolist() == pytest.approx([np.log(2), np.log(10)], rel=1e-5)


def test_smoothing_gives_every_class_a_part_of_the_label() -> None:
    losses = Criterion(Options(smoothing=0.3), TRAIN, 3)(LOGITS, TARGETS)
    assert float(losses[0]) == pytest.approx(0.8 * np.log(2) + 0.2 * np.log(4), rel=1e-5)


def test_focal_is_small_for_what_is_known() -> None:
    losses = Criterion(Options(loss="focal", focal_gamma=2), TRAIN, 3)(LOGITS, TARGETS)
    assert losses.tolist() == pytest.approx([0.25 * np.log(2), 0.81 * np.log(10)], rel=1e-5)


@pytest.mark.parametrize("loss", ["cross-entropy", "focal", "class-balanced"])
def test_soft_targets_that_are_hard_cost_the_same(loss: str) -> None:
    criterion = Criterion(Options(loss=loss), TRAIN, 3)
    soft = torch.nn.functional.one_hot(TARGETS, 3).float()
    assert torch.allclose(criterion(LOGITS, TARGETS), criterion(LOGITS, soft))


def test_class_balanced_weighs_by_the_effective_number_and_by_1_on_average() -> None:
    criterion = Criterion(Options(loss="class-balanced", beta=0.5), TRAIN, 3)
    weight = criterion.weight
    assert weight is not None
    # Effective numbers (1 - 0.5^n) / 0.5 of 4, 2 and 2 images: 1.875, 1.5 and 1.5.
    assert float(weight[1] / weight[0]) == pytest.approx(1.875 / 1.5, rel=1e-5)
    assert float(weight[TRAIN].mean()) == pytest.approx(1, rel=1e-5)


def test_a_class_without_images_is_no_fault() -> None:
    weight = Criterion(Options(loss="class-balanced"), TRAIN, 4).weight
    assert weight is not None and bool(torch.isfinite(weight).all())
