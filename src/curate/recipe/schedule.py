"""Schedules that are known by name, and what to compare each of them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from curate.errors import CurriculumError
from curate.recipe.pacing import FULL_AT, PACINGS, START
from curate.recipe.stages import BALANCES, BETA, ORDERS, RESAMPLINGS, Schedule, Stage

EVIDENCE = (
    "Order alone rarely helps: over 25,000 training runs, random order did as well as easy to hard "
    "on clean data with time to spare; easy to hard helped with short budgets and noisy labels "
    "(Wu, Dyer and Neyshabur 2021, When Do Curricula Work?). Compare with the control."
)
"""What is known about curricula, said wherever one is offered."""

STEP = "step"


@dataclass(frozen=True)
class Preset:
    """A schedule that is known by name.

    Attributes:
        summary: what it does, in one sentence.
        source: where it comes from.
        paced: whether a pacing (linear, root, step) can be chosen.
    """

    summary: str
    source: str
    paced: bool = False


PRESETS: Mapping[str, Preset] = {
    "easy-to-hard": Preset(
        "the easiest images of each class first, more of them by and by, and all at the end",
        "Bengio et al. 2009, Curriculum Learning (step); Wu et al. 2021, When Do Curricula Work? "
        "(linear); Platanios et al. 2019, Competence-based Curriculum Learning (root)",
        paced=True,
    ),
    "sketch-winner": Preset(
        "all images throughout; no augmentation for a quarter of the epochs, then flips and "
        "rotation up to 10 degrees, from the half on flips, 15 degrees, elastic and grid "
        "distortion; the learning rate is lowered as each stage begins",
        "the winners of an ImageNet-Sketch competition (epochs 0-5, 5-10, 10-20); the factor of "
        "the learning rate is the default of PyTorch's StepLR, theirs is not known",
    ),
    "self-paced": Preset(
        "all images for a tenth of the epochs, then those of lowest loss at the time, from half "
        "of each class up to all; the trainer hands over the losses after each epoch",
        "Kumar, Packer and Koller 2010, Self-Paced Learning for Latent Variable Models; class by "
        "class as in Jiang et al. 2014, Self-Paced Learning with Diversity",
    ),
    "random-pacing": Preset(
        "a control: as many images of each class at every epoch as the curriculum, in random order",
        "Wu et al. 2021",
        paced=True,
    ),
    "anti": Preset(
        "a control: as many images of each class at every epoch as easy-to-hard, hardest first",
        "Wu et al. 2021",
        paced=True,
    ),
    "none": Preset("a control: no curriculum, all images in all epochs", "Wu et al. 2021"),
}


def make_schedule(
    preset: str,
    epochs: int,
    tiers: Sequence[str] = ("easy", "medium", "hard"),
    policy_stages: int = 0,
    *,
    pacing: str = STEP,
    balance: str = "none",
    resample: str = "over",
    beta: float = BETA,
    start: float | None = None,
    full_at: float = FULL_AT,
    lr_factor: float | None = None,
) -> Schedule:
    """The stages of a preset.

    Args:
        preset: one of `PRESETS`.
        epochs: how many there are.
        tiers: to train on, the easiest first.
        policy_stages: how many the augmentation policy has; they are spread over the epochs. A
            schedule without stages of augmentation takes the last one throughout.
        pacing: "step" adds one tier after the other, in spans of equal length; "linear" and
            "root" add images epoch by epoch, see `curate.recipe.pacing`.
        balance: of the classes, see `Stage`.
        resample: how they are balanced, see `Stage`.
        beta: of the balance "effective", see `Stage`.
        start: the share of the images in the first epoch, for linear, root and self-paced.
        full_at: the part of the epochs after which all images are in, for the same.
        lr_factor: at every boundary of sketch-winner, 0.1 by default; elsewhere 1.

    Raises:
        CurriculumError: no such preset or pacing, or fewer epochs than it has stages.
    """
    if preset not in PRESETS:
        raise CurriculumError(
            f"Expected a preset of {', '.join(PRESETS)}, found {preset!r}. Give one of them."
        )
    if pacing not in (*PACINGS, STEP):
        raise CurriculumError(
            f"Expected a pacing of {', '.join((*PACINGS, STEP))}, found {pacing!r}. "
            "Give one of them."
        )
    if start is not None and not 0 < start <= 1:
        raise CurriculumError(f"Expected a start above 0 and up to 1, found {start}. Correct it.")
    if not 0 <= full_at <= 1:
        raise CurriculumError(f"Expected full_at from 0 to 1, found {full_at}. Correct it.")
    every = Stage(0, max(epochs, 1), tuple(tiers), balance=balance, resample=resample, beta=beta)
    if preset == "none":
        stages = [replace(every, policy_stage=policy_stages - 1 if policy_stages else None)]
    elif preset == "sketch-winner":
        _enough(preset, epochs, 4)
        factor = 0.1 if lr_factor is None else lr_factor
        spans = [(0, epochs // 4), (epochs // 4, epochs // 2), (epochs // 2, epochs)]
        stages = [
            replace(
                every, start_epoch=first, end_epoch=last, lr_factor=factor if number else 1.0,
                policy_stage=_of_policy(number, 3, policy_stages),
            )
            for number, (first, last) in enumerate(spans)
        ]  # fmt: skip
    elif preset == "self-paced":
        _enough(preset, epochs, 2)
        warm = max(1, epochs // 10)
        first = replace(every, end_epoch=warm, policy_stage=_of_policy(0, epochs, policy_stages))
        shares = _shares("linear", epochs - warm, 0.5 if start is None else start, full_at)
        stages = [first, *_by_share(every, shares, warm, epochs, policy_stages, "loss")]
    else:
        order = {"random-pacing": "random", "anti": "reverse"}.get(preset, "difficulty")
        if pacing == STEP:
            stages = _by_tier(preset, every, epochs, policy_stages, order)
        else:
            shares = _shares(pacing, epochs, START if start is None else start, full_at)
            stages = _by_share(every, shares, 0, epochs, policy_stages, order)
    return Schedule(preset, epochs, tuple(stages))


def controls_of(schedule: Schedule) -> tuple[Schedule, ...]:
    """What to compare a schedule with, to know that it is the order that helped; the best first.

    Where it matters which images come when: as many images of every class at every epoch, in
    random order (random-pacing). And always the schedule without a curriculum (none): all images
    and the last stage of the policy in all epochs. Learning rate and balance stay in both, so
    that nothing else differs.
    """
    every = schedule.tiers
    found = []
    if any(stage.order != "random" and _chooses(stage, every) for stage in schedule.stages):
        paced = [replace(stage, order="random") for stage in schedule.stages]
        found.append(Schedule("random-pacing", schedule.epochs, tuple(paced)))
    known = [stage.policy_stage for stage in schedule.stages if stage.policy_stage is not None]
    last = max(known, default=None)
    plain = [
        replace(stage, tiers=every, share=1.0, order="difficulty", policy_stage=last)
        for stage in schedule.stages
    ]
    if plain != list(schedule.stages):
        found.append(Schedule("none", schedule.epochs, _joined(plain)))
    return tuple(found)


def _chooses(stage: Stage, every: tuple[str, ...]) -> bool:
    """Whether some images are left out of a stage."""
    return stage.share < 1 or set(stage.tiers) != set(every)


def _by_tier(preset: str, every: Stage, epochs: int, policy_stages: int, order: str) -> list[Stage]:
    """One more tier in each span of epochs."""
    n = len(every.tiers)
    _enough(preset, epochs, n)
    return [
        replace(
            every, start_epoch=i * epochs // n, end_epoch=(i + 1) * epochs // n,
            tiers=every.tiers[: i + 1], order=order, policy_stage=_of_policy(i, n, policy_stages),
        )
        for i in range(n)
    ]  # fmt: skip


def _by_share(
    every: Stage, shares: Sequence[float], first: int, epochs: int, policy_stages: int, order: str
) -> list[Stage]:
    """One stage an epoch, joined where they are alike."""
    return list(_joined([
        replace(
            every, start_epoch=first + i, end_epoch=first + i + 1, share=share, order=order,
            policy_stage=_of_policy(first + i, epochs, policy_stages),
        )
        for i, share in enumerate(shares)
    ]))  # fmt: skip


def _shares(pacing: str, epochs: int, start: float, full_at: float) -> list[float]:
    """The share of each epoch; the last one is all."""
    _enough(pacing, epochs, 1)
    return [
        round(PACINGS[pacing](i / (epochs - 1) if epochs > 1 else 1.0, start, full_at), 6)
        for i in range(epochs)
    ]


def _joined(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Neighbours that differ in nothing but their epochs become one."""
    found: list[Stage] = []
    for stage in stages:
        alike = found and stage.lr_factor == 1 and stage == replace(
            found[-1], start_epoch=stage.start_epoch, end_epoch=stage.end_epoch, lr_factor=1.0
        )  # fmt: skip
        if alike:
            found[-1] = replace(found[-1], end_epoch=stage.end_epoch)
        else:
            found.append(stage)
    return tuple(found)


def _of_policy(part: int, parts: int, policy_stages: int) -> int | None:
    """The stage of the policy for one of several equal parts; None without a policy."""
    return part * policy_stages // parts if policy_stages else None


def _enough(what: str, epochs: int, least: int) -> None:
    if epochs < least:
        raise CurriculumError(
            f"Expected at least {least} epochs for {what}, one for each of its stages, found "
            f"{epochs}. Give more --epochs."
        )


__all__ = [
    "BALANCES", "EVIDENCE", "ORDERS", "PRESETS", "RESAMPLINGS", "STEP", "Preset", "Schedule",
    "Stage", "controls_of", "make_schedule",
]  # fmt: skip
