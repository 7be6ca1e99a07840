"""Mixup and cutmix of a batch, with values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from curate.recipe.policy import Policy, Step
from curate.recipe.stages import Schedule, Stage
from curate.training.dataset import CurriculumDataset
from curate.training.mixing import Mixing
from made_curriculum import CLASSES, TIERS, make_export

IMAGES = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 10, 20)
TARGETS = torch.tensor([0, 1, 2, 1])


def dataset(folder: Path, *steps: Step) -> CurriculumDataset:
    """An export without augmentation in its first epoch, and with the steps in the others."""
    schedule = Schedule("custom", 3, (Stage(0, 1, TIERS), Stage(1, 3, TIERS, policy_stage=0)))
    folder = make_export(folder, schedule, policy=Policy((steps,), CLASSES))
    return CurriculumDataset(folder, epoch=1)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_labels_are_mixed_as_images_are(tmp_path: Path, name: str) -> None:
    mixing = Mixing(dataset(tmp_path / "export", Step(name, 1.0, (10, 10))))
    images, labels = mixing(IMAGES, TARGETS)
    # The partner of image i is image i + 1: its share shows in the mean of the image.
    shares = [float(image.mean()) - i for i, image in enumerate(images)][:3]
    for i, (own, other) in enumerate([(0, 1), (1, 2), (2, 1)]):
        assert labels[i, own] == pytest.approx(1 - shares[i], abs=1e-6)
        assert labels[i, other] == pytest.approx(shares[i], abs=1e-6)
    assert labels.sum(1).tolist() == pytest.approx([1] * 4)
    assert 0 < shares[0] < 1
    values = images[0].unique()
    assert len(values) == (1 if name == "mixup" else 2)
    loss = torch.nn.functional.cross_entropy(torch.zeros(4, 3), labels)
    assert loss == pytest.approx(torch.log(torch.tensor(3.0)))


def test_a_stage_that_mixes_nothing_gives_back_what_it_got(tmp_path: Path) -> None:
    own = dataset(tmp_path / "export", Step("mixup", 1.0, (1, 1)))
    own.set_epoch(0)
    images, targets = Mixing(own)(IMAGES, TARGETS)
    assert images is IMAGES
    assert targets is TARGETS


def test_it_is_done_as_often_as_asked_for_and_alike_each_time(tmp_path: Path) -> None:
    own = dataset(tmp_path / "export", Step("mixup", 0.25, (1, 1)))

    def epoch(number: int) -> list[torch.Tensor]:
        own.set_epoch(number)
        mixing = Mixing(own)
        return [mixing(IMAGES, TARGETS)[1] for _ in range(200)]

    first = epoch(1)
    done = sum(bool((labels.amax(1) < 1).any()) for labels in first)
    assert 30 <= done <= 70  # 50 of 200 on average, a deviation of 6
    again, other = epoch(1), epoch(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_pairs_with_an_excluded_class_are_not_mixed(tmp_path: Path) -> None:
    step = Step("mixup", 1.0, (1, 1), excluded_classes=("owl",))
    images, labels = Mixing(dataset(tmp_path / "export", step))(IMAGES, TARGETS)
    # Image 2 is an owl, so neither it nor image 1, whose partner it is, changes.
    assert (images[1:3] == IMAGES[1:3]).all()
    assert labels[1:3].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert labels[0].max() < 1
    assert labels[3].max() < 1
