"""An export as the arguments of timm's own ``train.py``, as far as it can be told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.errors import CurriculumError
from curate.progress import log
from curate.recipe.curriculum import Curriculum, read_curriculum
from curate.recipe.policy import Step
from curate.recipe.stages import Stage

FOLDER = "timm"
"""The format's folder in an export."""

CLASS_MAP = "class_map.txt"


def timm_args(folder: str | Path, stage: int | None = None) -> list[str]:
    """Arguments for timm's ``train.py``, which is to be run once, or once a stage.

    ``train.py`` trains on one folder with one augmentation from the first epoch to the last. So
    either it is run once, on all images with the augmentation of the last stage; or once for each
    stage of the schedule, with ``--resume`` on the checkpoint of the one before. A learning rate
    that goes by the number of epochs (cosine) would begin anew with each, so give it one that does
    not: where the schedule lowers the rate by one factor at its boundaries, that is among the
    arguments (``--sched multistep``), and else ``--sched constant`` is a choice.

    What it cannot be told is left out, never done halfway, and logged as a warning, see
    `timm_misses`. A training loop of one's own, with timm's models and optimizers around
    `curate.CurriculumDataset`, misses nothing.

    Args:
        folder: an export with the format timm (``curate export RUN --to DIR --format timm``).
        stage: of the schedule, counted from 0; None for a single run.

    Returns:
        The arguments, without model, batch size and learning rate.

    Raises:
        CurriculumError: the export has no folders for timm, no val images, or no such stage.
    """
    arguments, misses = _translated(folder, stage)
    for miss in misses:
        log.warning("timm's train.py cannot be told: %s", miss)
    return arguments


def timm_misses(folder: str | Path, stage: int | None = None) -> list[str]:
    """What of an export `timm_args` leaves out, one phrase each; arguments and errors as there."""
    return _translated(folder, stage)[1]


def _translated(folder: str | Path, stage: int | None) -> tuple[list[str], list[str]]:
    curriculum = read_curriculum(folder)
    root = _root(curriculum)
    stages = curriculum.schedule.stages
    if stage is not None and not 0 <= stage < len(stages):
        raise CurriculumError(
            f"Expected a stage from 0 to {len(stages) - 1} of the schedule, found {stage}."
        )
    own = stages[-1 if stage is None else stage]
    arguments = [
        *("--data-dir", str(root), "--class-map", str(root / CLASS_MAP)),
        *("--train-split", "train" if stage is None else f"train_stage{stage + 1}"),
        *("--val-split", "val"),
        *("--num-classes", str(len(curriculum.classes)), "--seed", str(curriculum.seed)),
        *("--epochs", str(own.end_epoch), "--cooldown-epochs", "0"),
    ]
    if stage is not None:
        arguments += ["--start-epoch", str(own.start_epoch)]
    rates, misses = _rates(stages)
    augmentation, more = _augmentation(curriculum, own)
    misses += more
    if stage is None and len({one.policy_stage for one in stages}) > 1:
        misses.append("the augmentation of the other stages; run it once a stage")
    if stage is None and len({(one.tiers, one.share, one.order) for one in stages}) > 1:
        misses.append("which images which epoch trains on; run it once a stage")
    if own.order == "loss":
        misses.append("which images have the lowest loss at the time")
    if own.balance != "none" or curriculum.table["weight"].nunique() > 1:
        misses.append("how often an image is drawn (balance of the classes, oversampling)")
    return arguments + rates + augmentation, misses


def _root(curriculum: Curriculum) -> Path:
    root = curriculum.folder / FOLDER
    if not (root / CLASS_MAP).is_file():
        raise CurriculumError(
            f"Expected the images as timm reads them in {root}, found none. Export again with "
            "--format timm."
        )
    if not (curriculum.split("val")["target"] >= 0).any():
        raise CurriculumError(
            f"Expected labelled images of val in {curriculum.folder}, since timm's train.py "
            "evaluates after each epoch, found none. Analyse again with a validation split."
        )
    return root


def _rates(stages: Sequence[Stage]) -> tuple[list[str], list[str]]:
    """The factors of the learning rate, which timm can be told if there is only one."""
    lowered = [stage for stage in stages if stage.lr_factor != 1]
    if not lowered:
        return [], []
    factors = {stage.lr_factor for stage in lowered}
    if len(factors) > 1 or lowered[0].start_epoch == 0:
        told = ", ".join(f"{stage.lr_factor:g} at epoch {stage.start_epoch}" for stage in lowered)
        return [], [f"the factors of the learning rate, {told}: its multistep knows one factor"]
    # timm lowers the rate one epoch before the milestone that it is given.
    milestones = [str(stage.start_epoch + 1) for stage in lowered]
    return [
        *("--sched", "multistep", "--decay-milestones", *milestones),
        *("--decay-rate", f"{factors.pop():g}", "--warmup-epochs", "0"),
    ], []


def _augmentation(curriculum: Curriculum, stage: Stage) -> tuple[list[str], list[str]]:
    """The steps that one of timm's arguments does just so, and the names of the others."""
    if curriculum.policy is None or stage.policy_stage is None:
        return ["--no-aug"], []
    steps = curriculum.policy.stage(stage.policy_stage)
    flips = {"horizontal_flip": 0.0, "vertical_flip": 0.0}
    crop = ["--scale", "1", "1", "--ratio", "1", "1"]
    more: list[str] = []
    misses: list[str] = []
    batch: dict[str, Step] = {}
    name = curriculum.policy.made_by.get("timm")
    if isinstance(name, str):
        more, steps = ["--aa", name], ()
    for step in steps:
        if step.excluded_classes:
            excluded = ", ".join(step.excluded_classes)
            misses.append(f"the step {step.transform}, which is not for the classes {excluded}")
        elif step.transform in flips:
            flips[step.transform] = step.probability
        elif step.transform == "grey":
            more += ["--grayscale-prob", f"{step.probability:g}"]
        elif step.transform == "random_resized_crop" and step.probability == 1:
            least, most = (f"{1 - cut / 100:g}" for cut in reversed(step.magnitude))
            crop = ["--scale", least, most, "--ratio", "0.75", "1.3333"]
        elif step.batch:
            batch[step.transform] = step
        else:
            misses.append(f"the step {step.transform} with probability {step.probability:g}")
    if len(batch) > 1:
        misses.append("mixup and cutmix of the same batch")
    if not steps and not more:
        return ["--no-aug"], misses
    return [
        *("--hflip", f"{flips['horizontal_flip']:g}", "--vflip", f"{flips['vertical_flip']:g}"),
        # Unless told otherwise, timm crops to 8 to 100 % and changes colours.
        *crop,
        *("--color-jitter", "0", "--reprob", "0"),
        *more,
        *_mixing(batch),
    ], misses


def _mixing(steps: dict[str, Step]) -> list[str]:
    """Mixup and cutmix: timm does one of them a batch, as often as both together are asked for."""
    if not steps:
        return []
    chances = {name: step.probability for name, step in steps.items()}
    total = sum(chances.values())
    alphas = {name: step.magnitude[1] for name, step in steps.items()}
    return [
        *("--mixup", f"{alphas.get('mixup', 0):g}", "--cutmix", f"{alphas.get('cutmix', 0):g}"),
        *("--mixup-prob", f"{min(total, 1):g}"),
        *("--mixup-switch-prob", f"{chances.get('cutmix', 0) / total if total else 0:g}"),
    ]
