"""A schedule: stages of epochs, and what each of them tells a trainer. And its JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from curate.errors import CurriculumError, listed

BALANCES = ("none", "inverse", "effective")
RESAMPLINGS = ("over", "under", "both")
ORDERS = ("difficulty", "random", "reverse", "loss")
BETA = 0.999
"""Of the effective number of images: Cui et al. (2019) use it for ImageNet and iNaturalist."""


@dataclass(frozen=True)
class Stage:
    """Some epochs in a row that are trained alike.

    Attributes:
        start_epoch: the first one, counted from 0.
        end_epoch: the one after the last.
        tiers: whose images; with `share` they say *how many* images of each class.
        policy_stage: the stage of the augmentation policy, counted from 0; None for none.
        balance: of the classes: "none", "inverse" (every class is drawn equally often) or
            "effective" (by the effective number of images, Cui et al. 2019).
        lr_factor: what the learning rate is multiplied by, once, as the stage begins.
        share: of the images of the tiers, class by class, in (0, 1].
        order: *which* images of a class: "difficulty", the tiers one after the other and the
            easiest first; over all tiers of the schedule "random" (one order for all epochs),
            "reverse" (hardest first) or "loss" (the lowest at the time first).
        resample: how classes are balanced: "over" repeats images of the smaller classes,
            "under" leaves out images of the larger ones, others each epoch, "both" keeps the
            length of the epoch.
        beta: of the effective number of images, in [0, 1): the larger, the closer to "inverse".
    """

    start_epoch: int
    end_epoch: int
    tiers: tuple[str, ...]
    policy_stage: int | None = None
    balance: str = "none"
    lr_factor: float = 1.0
    share: float = 1.0
    order: str = "difficulty"
    resample: str = "over"
    beta: float = BETA

    def __post_init__(self) -> None:
        """Refuse what no trainer can do.

        Raises:
            CurriculumError: a field is not what it has to be.
        """
        where = f"stage of epochs {self.start_epoch} to {self.end_epoch}"
        if not (_is_count(self.start_epoch) and _is_count(self.end_epoch)):
            raise _wrong(where, "whole epochs from 0", f"{self.start_epoch!r}, {self.end_epoch!r}")
        if self.end_epoch <= self.start_epoch:
            raise _wrong(where, "an end_epoch after the start_epoch", str(self.end_epoch))
        if not self.tiers or len(set(self.tiers)) < len(self.tiers):
            raise _wrong(where, "tiers, each once", listed(self.tiers) or "none")
        if self.policy_stage is not None and not _is_count(self.policy_stage):
            raise _wrong(where, "a policy_stage from 0, or null", repr(self.policy_stage))
        for name, allowed in (
            ("balance", BALANCES), ("order", ORDERS), ("resample", RESAMPLINGS),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                raise _wrong(where, f"{name} {_either(allowed)}", repr(getattr(self, name)))
        if not (_is_number(self.lr_factor) and self.lr_factor > 0):
            raise _wrong(where, "an lr_factor above 0", repr(self.lr_factor))
        if not (_is_number(self.share) and 0 < self.share <= 1):
            raise _wrong(where, "a share above 0 and up to 1", repr(self.share))
        if not (_is_number(self.beta) and 0 <= self.beta < 1):
            raise _wrong(where, "a beta from 0 to below 1", repr(self.beta))


@dataclass(frozen=True)
class Schedule:
    """Stages that follow each other without a gap.

    Attributes:
        preset: what made it, or "custom".
        epochs: how many there are.
        stages: the first begins at epoch 0, the last ends with the last epoch.
    """

    preset: str
    epochs: int
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Refuse gaps and overlaps.

        Raises:
            CurriculumError: the stages are not one after the other from 0 to `epochs`.
        """
        if not _is_count(self.epochs) or self.epochs < 1 or not self.stages:
            raise CurriculumError(
                f"Expected a schedule of at least one epoch and one stage, found {self.epochs!r} "
                f"epochs and {len(self.stages)} stages. Give both."
            )
        starts = [stage.start_epoch for stage in self.stages]
        ends = [stage.end_epoch for stage in self.stages]
        if starts != [0, *ends[:-1]] or ends[-1] != self.epochs:
            spans = ", ".join(f"{a} to {b}" for a, b in zip(starts, ends, strict=True))
            raise CurriculumError(
                f"Expected stages that follow each other from epoch 0 to {self.epochs}, found "
                f"{spans}. Let each begin where the one before it ends."
            )

    @property
    def tiers(self) -> tuple[str, ...]:
        """All tiers that are trained on, in the order of the stage that has most of them."""
        longest = max(self.stages, key=lambda stage: len(stage.tiers)).tiers
        every = (tier for stage in self.stages for tier in stage.tiers)
        return tuple(dict.fromkeys((*longest, *every)))

    def stage_number(self, epoch: int) -> int:
        """Which of the stages an epoch lies in.

        Raises:
            CurriculumError: the schedule has no such epoch.
        """
        for number, stage in enumerate(self.stages):
            if stage.start_epoch <= epoch < stage.end_epoch:
                return number
        raise CurriculumError(
            f"Expected an epoch from 0 to {self.epochs - 1}, found {epoch}. Train no longer than "
            f"the schedule, or export one of more epochs: --epochs {max(epoch + 1, 1)}."
        )

    def stage_at(self, epoch: int) -> Stage:
        """The stage that an epoch lies in.

        Raises:
            CurriculumError: the schedule has no such epoch.
        """
        return self.stages[self.stage_number(epoch)]

    def lr_scale(self, epoch: int) -> float:
        """What the base learning rate is multiplied by in an epoch: all factors up to it."""
        return math.prod(stage.lr_factor for stage in self.stages[: self.stage_number(epoch) + 1])

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, in a fixed order."""
        stages = [{**asdict(stage), "tiers": list(stage.tiers)} for stage in self.stages]
        return {"preset": self.preset, "epochs": self.epochs, "stages": stages}

    @classmethod
    def from_json(cls, found: Any, where: str = "the schedule") -> Schedule:
        """Read what `to_json` made; of a stage, only epochs and tiers must be there.

        Args:
            found: the parsed JSON.
            where: what to call it in an error.

        Raises:
            CurriculumError: a key is missing or unknown, or a value cannot be.
        """
        _keys(found, where, [field.name for field in fields(cls)], ["epochs", "stages"])
        if not isinstance(found["stages"], list):
            raise _wrong(where, "a list of stages", repr(found["stages"]))
        stages = []
        for number, given in enumerate(found["stages"]):
            here = f"stage {number} of {where}"
            names = [field.name for field in fields(Stage)]
            _keys(given, here, names, ["start_epoch", "end_epoch", "tiers"])
            tiers = given["tiers"]
            if not isinstance(tiers, list) or not all(isinstance(one, str) for one in tiers):
                raise _wrong(here, "a list of tiers' names", repr(tiers))
            stages.append(Stage(**{**given, "tiers": tuple(tiers)}))
        return cls(str(found.get("preset", "custom")), found["epochs"], tuple(stages))


def _keys(found: Any, where: str, known: list[str], needed: list[str]) -> None:
    if not isinstance(found, Mapping):
        raise _wrong(where, "an object", repr(found))
    missing = [name for name in needed if name not in found]
    if missing:
        raise _wrong(where, f"the keys {', '.join(needed)}", f"none called {listed(missing)}")
    unknown = [str(name) for name in found if name not in known]
    if unknown:
        raise CurriculumError(
            f"Expected in {where} no other keys than {', '.join(known)}, found {listed(unknown)}. "
            "Correct or remove them; a newer version of curate may know them."
        )


def _wrong(where: str, expected: str, found: str) -> CurriculumError:
    return CurriculumError(f"Expected {expected} in {where}, found {found}. Correct it.")


def _either(allowed: tuple[str, ...]) -> str:
    return f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
