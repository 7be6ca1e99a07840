"""An export as arguments of timm's train.py, tried on timm's own factories."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm.data
import torch
from timm.scheduler import create_scheduler_v2

from curate.errors import CurriculumError
from curate.recipe.policy import Policy, Step
from curate.recipe.stages import Schedule, Stage
from curate.training.timm_args import timm_args, timm_misses
from made_curriculum import CLASSES, STAGED, TIERS, make_export

# timm leaves it to Python to close the files of its images.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

OPTIONS = {
    "--data-dir": str, "--class-map": str, "--train-split": str, "--val-split": str,
    "--num-classes": int, "--seed": int, "--epochs": int, "--start-epoch": int,
    "--cooldown-epochs": int, "--warmup-epochs": int, "--sched": str, "--decay-rate": float,
    "--hflip": float, "--vflip": float, "--color-jitter": float, "--grayscale-prob": float,
    "--reprob": float, "--aa": str, "--mixup": float, "--cutmix": float, "--mixup-prob": float,
    "--mixup-switch-prob": float,
}  # fmt: skip
"""Of the options of train.py as of timm 1.0, those that are given, with their types."""


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments as train.py does: an unknown one, or of the wrong type, ends it."""
    parser = argparse.ArgumentParser()
    for name, kind in OPTIONS.items():
        parser.add_argument(name, type=kind)
    parser.add_argument("--decay-milestones", type=int, nargs="+")
    for name in ("--scale", "--ratio"):
        parser.add_argument(name, type=float, nargs="+")
    parser.add_argument("--no-aug", action="store_true")
    return parser.parse_args(arguments)


def with_tree(folder: Path) -> Path:
    """Add the folders that the format timm has."""
    root = folder / "timm"
    for split in ("train", "val", "test"):
        table = pd.read_csv(folder / f"{split}.csv", dtype=str, keep_default_na=False)
        stages = {"": TIERS} if split != "train" else {
            "": TIERS, "_stage1": TIERS[:1], "_stage2": TIERS[:2], "_stage3": TIERS
        }  # fmt: skip
        for part, tiers in stages.items():
            for row in table[(table["tier"].isin(tiers)) | (split != "train")].itertuples():
                target = root / (split + part) / str(row.label) / Path(str(row.filepath)).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(str(row.filepath))
    (root / "class_map.txt").write_text("".join(f"{name}\n" for name in CLASSES), "utf-8")
    return folder


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_tree(make_export(tmp_path_factory.mktemp("exports") / "staged"))


def augmented(folder: Path, *steps: Step, name: str | None = None) -> Path:
    """An export of one stage with these steps."""
    schedule = Schedule("custom", 2, (Stage(0, 2, TIERS, policy_stage=0),))
    made_by = {"timm": name} if name else {}
    return with_tree(
        make_export(folder, schedule, policy=Policy((steps,), CLASSES, made_by=made_by))
    )


def test_timm_reads_the_folders_with_our_class_numbers(export: Path) -> None:
    for stage, n in ((None, 24), (0, 12), (1, 18), (2, 24)):
        asked = parsed(timm_args(export, stage))
        assert asked.num_classes == 3
        dataset = timm.data.create_dataset(
            "", root=asked.data_dir, split=asked.train_split, class_map=asked.class_map
        )
        assert len(dataset) == n
        assert all(target == np.asarray(image)[-1, -1, 0] // 80 for image, target in dataset)
        assert len(timm.data.create_dataset("", root=asked.data_dir, split=asked.val_split)) == 6


def test_a_stage_has_its_epochs(export: Path) -> None:
    asked = [parsed(timm_args(export, stage)) for stage in range(3)]
    assert [(one.start_epoch, one.epochs) for one in asked] == [(0, 2), (2, 4), (4, 6)]
    assert all(one.no_aug and one.cooldown_epochs == 0 for one in asked)
    assert parsed(timm_args(export)).epochs == 6


def test_what_timm_cannot_do_is_said(
    export: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert timm_misses(export, 2) == [
        "the factors of the learning rate, 0.5 at epoch 2, 0.2 at epoch 4: its multistep knows "
        "one factor"
    ]
    assert timm_misses(export)[1:] == ["which images which epoch trains on; run it once a stage"]
    turned = augmented(
        tmp_path / "turned", Step("rotate", 0.5, (0, 10)),
        Step("horizontal_flip", 0.5, excluded_classes=("owl",)), Step("vertical_flip", 0.25),
        Step("random_resized_crop", 0.5, (10, 25)),
    )  # fmt: skip
    asked = parsed(timm_args(turned, 0))
    assert (asked.hflip, asked.vflip, asked.scale, asked.ratio) == (0, 0.25, [1, 1], [1, 1])
    assert caplog.messages == [
        f"timm's train.py cannot be told: the step {step}"
        for step in (
            "rotate with probability 0.5",
            "horizontal_flip, which is not for the classes owl",
            "random_resized_crop with probability 0.5",
        )
    ]


def test_steps_that_timm_does_alike_are_arguments_of_its_loader(tmp_path: Path) -> None:
    steps = (
        Step("horizontal_flip", 0.5), Step("grey", 0.2), Step("random_resized_crop", 1, (10, 50)),
        Step("cutmix", 0.3, (1, 1)),
    )  # fmt: skip
    folder = augmented(tmp_path / "export", *steps)
    assert timm_misses(folder, 0) == []
    asked = parsed(timm_args(folder, 0))
    assert (asked.mixup, asked.cutmix, asked.mixup_prob, asked.mixup_switch_prob) == (0, 1, 0.3, 1)
    loader = timm.data.create_loader(
        timm.data.create_dataset("", root=asked.data_dir, split="train", class_map=asked.class_map),
        input_size=(3, 12, 12), batch_size=24, is_training=True, no_aug=asked.no_aug,
        hflip=asked.hflip, vflip=asked.vflip, scale=asked.scale, ratio=asked.ratio,
        color_jitter=asked.color_jitter, grayscale_prob=asked.grayscale_prob, re_prob=asked.reprob,
        auto_augment=asked.aa, num_workers=0, use_prefetcher=False, persistent_workers=False,
        device=torch.device("cpu"),
    )  # fmt: skip
    told = str(loader.dataset.transform)
    assert "RandomHorizontalFlip(p=0.5)" in told
    assert "scale=(0.5, 0.9)" in told
    assert "RandomGrayscale(p=0.2)" in told
    assert next(iter(loader))[0].shape == (24, 3, 12, 12)
    both = augmented(tmp_path / "both", Step("mixup", 0.2, (0.2, 0.8)), Step("cutmix", 0.2, (1, 1)))
    asked = parsed(timm_args(both, 0))
    assert (asked.mixup, asked.mixup_prob, asked.mixup_switch_prob) == (0.8, 0.4, 0.5)
    assert timm_misses(both, 0) == ["mixup and cutmix of the same batch"]


def test_a_policy_by_timms_own_name_is_given_as_that(tmp_path: Path) -> None:
    name = "rand-m9-n3-mstd0.5"
    folder = augmented(tmp_path / "export", Step("rotate", 0.2, (0, 27)), name=name)
    asked = parsed(timm_args(folder))
    assert (asked.aa, asked.hflip, timm_misses(folder)) == (name, 0, [])


def test_timm_lowers_the_rate_where_the_schedule_does(tmp_path: Path) -> None:
    stages = tuple(
        replace(stage, lr_factor=0.1 if i else 1.0) for i, stage in enumerate(STAGED.stages)
    )
    schedule = replace(STAGED, stages=stages)
    folder = with_tree(make_export(tmp_path / "export", schedule))
    asked = parsed(timm_args(folder, 1))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=2.0)
    scheduler, epochs = create_scheduler_v2(
        optimizer, asked.sched, num_epochs=6, decay_milestones=asked.decay_milestones,
        decay_rate=asked.decay_rate, warmup_epochs=asked.warmup_epochs,
        cooldown_epochs=asked.cooldown_epochs,
    )  # fmt: skip
    assert epochs == 6
    for epoch in range(6):
        scheduler.step(epoch)
        rate = optimizer.param_groups[0]["lr"]
        assert rate == pytest.approx(2 * schedule.lr_scale(epoch))


def test_what_is_missing_is_said_with_what_to_do(export: Path, tmp_path: Path) -> None:
    with pytest.raises(CurriculumError, match="a stage from 0 to 2 of the schedule, found 3"):
        timm_args(export, 3)
    plain = make_export(tmp_path / "plain")
    with pytest.raises(CurriculumError, match=r"found none\. Export again with --format timm"):
        timm_args(plain)
    no_val = with_tree(make_export(tmp_path / "no_val"))
    val = no_val / "val.csv"
    val.write_text(val.read_text().splitlines()[0] + "\n")
    with pytest.raises(CurriculumError, match="labelled images of val"):
        timm_args(no_val)
