"""An augmentation policy: which transforms, how often and how strongly, stage by stage, and why.

Written as `policy.json` (format "curate.policy", version 1; 2 with something withdrawn)::

    {
      "format": "curate.policy",
      "schema_version": 1,
      "strength": "auto",
      "seed": 0,
      "classes": ["0", "1"],
      "image_size": [224, 224],
      "made_by": {"curate": "0.1.0"},
      "stages": [
        {"stage": 0, "steps": [
          {"transform": "rotate", "probability": 0.5, "magnitude": [0, 10],
           "excluded_classes": ["1"], "reason": "...", "evidence": {}}
        ]}
      ],
      "left_out": [{"transform": "half_turn", "why": "...", "evidence": {}}],
      "withdrawn": [
        {"transform": "vertical_flip", "why": "...", "steps": [{"stage": 0, "step": {}}],
         "evidence": {}}
      ]
    }

Only `format`, `schema_version` and `stages` have to be there, and in a step `transform` and
`probability`, with `magnitude` unless the transform is on or off. `transform` is a name of
`curate.recipe.transforms.TRANSFORMS`, or `albumentations:ClassName` with its arguments under
`params`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from curate.errors import PolicyError, listed
from curate.recipe.naming import near
from curate.recipe.transforms import TRANSFORMS

FORMAT = "curate.policy"
SCHEMA_VERSION = 2
FOREIGN = "albumentations:"
"""What stands before the class in the name of a transform that has no name of ours."""


@dataclass(frozen=True)
class Step:
    """One transform of a stage.

    Attributes:
        transform: a name of `TRANSFORMS`, or `albumentations:ClassName`.
        probability: of applying it to an image, 0 to 1.
        magnitude: the range it is drawn from, in the transform's unit; (1, 1) for one that is on or
            off, and for one of albumentations, whose strength is in its `params`.
        excluded_classes: images of these classes are left alone.
        reason: one sentence for people.
        evidence: the measurements behind it; plain JSON values.
        params: arguments of the class of albumentations; empty for a name of ours.

    Raises:
        PolicyError: anything of these is impossible.
    """

    transform: str
    probability: float
    magnitude: tuple[float, float] = (1.0, 1.0)
    excluded_classes: tuple[str, ...] = ()
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = self.transform
        object.__setattr__(self, "probability", _number(self.probability, name, "probability"))
        ends = tuple(_number(end, name, "magnitude") for end in self.magnitude)
        object.__setattr__(self, "magnitude", ends)
        if not 0 <= self.probability <= 1:
            raise PolicyError(
                f"Expected a probability from 0 to 1 for {name!r}, found {self.probability!r}"
            )
        low, high = self.magnitude
        if not 0 <= low <= high:
            raise PolicyError(
                f"Expected the magnitude of {name!r} as two numbers from 0, the smaller one first, "
                f"found {low!r} and {high!r}"
            )
        if self.foreign is None:
            self._check_ours(low, high)
        elif (low, high) != (1, 1):
            raise PolicyError(
                f"Expected the strength of {name!r} in its 'params', found a magnitude "
                f"{low!r} to {high!r}. Take it out."
            )
        twice = {name for name in self.excluded_classes if self.excluded_classes.count(name) > 1}
        if twice:
            raise PolicyError(
                f"Expected each excluded class of {name!r} once, found {listed(twice)} twice"
            )

    def _check_ours(self, low: float, high: float) -> None:
        name = self.transform
        if name not in TRANSFORMS:
            raise PolicyError(
                f"Expected a transform of {', '.join(TRANSFORMS)}, or {FOREIGN}ClassName, "
                f"found {name!r}{near(name, TRANSFORMS)}"
            )
        known = TRANSFORMS[name]
        if self.params:
            raise PolicyError(
                f"Expected 'params' only for a transform named {FOREIGN}ClassName, found "
                f"{listed(self.params)} for {name!r}"
            )
        if not known.unit and (low, high) != (1, 1):
            raise PolicyError(
                f"Expected the magnitude 1 to 1 for {name!r}, which is on or off, "
                f"found {low} to {high}"
            )
        if high > known.most:
            raise PolicyError(
                f"Expected a magnitude of {name!r} up to {known.most:g} ({known.unit}), "
                f"found {high:g}"
            )
        if known.batch and low == 0:
            raise PolicyError(f"Expected an alpha of {name!r} above 0, found {low:g}")

    @property
    def foreign(self) -> str | None:
        """The class of albumentations, where the transform has no name of ours."""
        return self.transform.removeprefix(FOREIGN) if self.transform.startswith(FOREIGN) else None

    @property
    def batch(self) -> bool:
        """A setting of the trainer (mixup, cutmix), not a transform of one image."""
        return self.foreign is None and TRANSFORMS[self.transform].batch


@dataclass(frozen=True)
class LeftOut:
    """A transform that was considered and not taken."""

    transform: str
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Withdrawn:
    """A transform that was recommended, until trainings with it showed that it hurts.

    Attributes:
        transform: its name.
        why: one sentence for people.
        steps: what it was: (stage, step) of each.
        evidence: the verdicts; plain JSON values.
    """

    transform: str
    why: str
    steps: tuple[tuple[int, Step], ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """What a trainer applies, stage by stage.

    Attributes:
        stages: the steps of each stage, in the order in which they are applied; a stage may be
            empty.
        classes: the class names that excluded classes are names of; empty if not known.
        seed: for a trainer that brings none.
        left_out: what was considered and not taken.
        made_by: versions and run.
        strength: as asked for.
        image_size: (height, width) of the images that the forms of other libraries are written for:
            some of them state in pixels what is a share of the side here.
        withdrawn: what was in it and is no longer applied.

    Raises:
        PolicyError: no stage, or an excluded class that is no class.
    """

    stages: tuple[tuple[Step, ...], ...]
    classes: tuple[str, ...] = ()
    seed: int = 0
    left_out: tuple[LeftOut, ...] = ()
    made_by: Mapping[str, Any] = field(default_factory=dict)
    strength: str = ""
    image_size: tuple[int, int] = (224, 224)
    withdrawn: tuple[Withdrawn, ...] = ()

    def __post_init__(self) -> None:
        if not self.stages:
            raise PolicyError("Expected a policy of at least one stage, found none")
        if min(self.image_size) < 8:
            raise PolicyError(
                f"Expected images of at least 8 pixels a side, found {self.image_size}"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise PolicyError(f"Expected a seed from 0, found {self.seed!r}")
        if self.classes:
            self.check_classes(self.classes)

    def check_classes(self, classes: Sequence[str]) -> None:
        """Compare the excluded classes with those of the data.

        Raises:
            PolicyError: one is none of `classes`.
        """
        for number, steps in enumerate(self.stages):
            for step in steps:
                unknown = [name for name in step.excluded_classes if name not in classes]
                if unknown:
                    raise PolicyError(
                        f"Expected excluded classes of {step.transform!r} in stage {number} among "
                        f"{listed(classes)}, found {listed(unknown)}{near(unknown[0], classes)}"
                    )

    def stage(self, number: int) -> tuple[Step, ...]:
        """The steps of one stage, counted from 0.

        Raises:
            PolicyError: there is no such stage.
        """
        if isinstance(number, bool) or not isinstance(number, Integral):
            raise PolicyError(f"Expected the number of a stage, found {number!r}")
        if not 0 <= number < len(self.stages):
            raise PolicyError(
                f"Expected a stage from 0 to {len(self.stages) - 1}, which is all that the policy "
                f"has, found {number}. Let the schedule name fewer stages, or give the policy more."
            )
        return self.stages[number]

    def without(self, gone: Withdrawn) -> Policy:
        """The policy after a transform was withdrawn: the stages stay, without its steps."""
        stages = tuple(
            tuple(step for step in steps if step.transform != gone.transform)
            for steps in self.stages
        )
        others = tuple(one for one in self.withdrawn if one.transform != gone.transform)
        return replace(self, stages=stages, withdrawn=(*others, gone))

    def for_every_class(self, number: int) -> tuple[Step, ...]:
        """The steps of a stage for any image: neither mixup or cutmix nor one excluding a class."""
        return tuple(s for s in self.stage(number) if not s.batch and not s.excluded_classes)

    def trainer_settings(self, number: int) -> Mapping[str, Step]:
        """The steps of a stage that mix images of a batch, by name: mixup and cutmix."""
        return {step.transform: step for step in self.stage(number) if step.batch}


def read_policy(path: str | Path) -> Policy:
    """Read `policy.json`.

    Raises:
        PolicyError: it is not there, is no policy, was written by a newer version, or says
            something impossible; the message names what and where.
    """
    from curate.recipe import policy_file

    return policy_file.read(Path(path))


def write_policy(policy: Policy, path: str | Path) -> None:
    """Write `policy.json`, whole or not at all."""
    from curate.recipe import policy_file
    from curate.store.files import write_json

    write_json(Path(path), policy_file.to_json(policy))


def _number(value: object, name: str, what: str) -> float:
    """A finite number as Python's own; a whole one as int, which is shorter in a file."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise PolicyError(f"Expected a finite number as {what} of {name!r}, found {value!r}")
    found = float(value)
    return int(found) if found.is_integer() else found
