"""Applying one stage of a policy to one image at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import PolicyError, listed
from curate.recipe import library
from curate.recipe.naming import near
from curate.recipe.policy import Policy, Step
from curate.recipe.policy_file import foreign_spec
from curate.recipe.specs import Spec
from curate.recipe.transforms import TRANSFORMS, Pixels, pictured

_KEPT = 64
"""Pipelines kept ready: one for each set of steps, image size and number of channels."""


def step_spec(step: Step, size: tuple[int, int]) -> Spec:
    """One step as albumentations is told it, for images of a size (height, width).

    Raises:
        ValueError: it is a setting of the trainer.
    """
    if step.foreign is not None:
        return foreign_spec(step)
    low, high = step.magnitude
    return TRANSFORMS[step.transform].spec(low, high, step.probability, size)


def render_step(step: Step, pixels: Pixels, seed: int) -> Pixels:
    """Apply one step for certain, whatever its probability and classes; to judge it.

    Raises:
        ValueError: a setting of the trainer, or an array that is no picture.
        PolicyError: as `Augment`.
    """
    checked = pictured(pixels)
    asked = {**step_spec(step, _size(checked)), "p": 1.0}
    return _through(library.make([asked], checked.shape[2]), checked, seed)


class Augment:
    """A stage of a policy as a function of an image and its label.

    Images keep their type and number of channels, and their size where every step of the policy has
    a name of ours. Steps that mix images of a batch (mixup, cutmix) are the trainer's work and not
    done here: see `Policy.trainer_settings`.

    Args:
        policy: what to apply.
        stage: counted from 0.
        seed: another one than the policy's.

    Raises:
        PolicyError: there is no such stage.
    """

    def __init__(self, policy: Policy, stage: int = 0, seed: int | None = None) -> None:
        self.policy = policy
        self.stage = stage
        self.seed = policy.seed if seed is None else seed
        self.steps = tuple(step for step in policy.stage(stage) if not step.batch)
        self._ready: dict[tuple[Any, ...], Any] = {}

    def __call__(self, pixels: Pixels, label: str | int | None, rng_seed: int) -> Pixels:
        """Change one image as chance and its label have it.

        Args:
            pixels: (height, width, 1 or 3) uint8; it is left as it is.
            label: its class, by name or by its place in the policy's classes; steps that exclude
                the class are passed over. None passes over each step that excludes any.
            rng_seed: the same (policy, stage, seed, image, label, rng_seed) gives the same bytes in
                any process.

        Returns:
            (height, width, 1 or 3) uint8, C-contiguous; a new array.

        Raises:
            PolicyError: some step excludes a class and the label is no class of the policy; or a
                step of albumentations fails, or makes something else of the image than a picture
                of as many channels.
            ValueError: the array is no picture.
        """
        checked = pictured(pixels)
        chosen = self._steps_for(label)
        if not chosen:
            return np.array(checked, order="C")
        return _through(self._pipeline(chosen, checked), checked, stream_seed(self.seed, rng_seed))

    def specs(self, size: tuple[int, int], label: str | int | None = None) -> list[Spec]:
        """What albumentations is told for images of this size (height, width) and label."""
        return [step_spec(self.steps[i], size) for i in self._steps_for(label)]

    def _steps_for(self, label: str | int | None) -> tuple[int, ...]:
        if not any(step.excluded_classes for step in self.steps):
            return tuple(range(len(self.steps)))
        if label is None:
            return tuple(i for i, step in enumerate(self.steps) if not step.excluded_classes)
        name = self._class_name(label)
        return tuple(i for i, step in enumerate(self.steps) if name not in step.excluded_classes)

    def _class_name(self, label: str | int) -> str:
        classes = self.policy.classes
        if isinstance(label, str):
            if classes and label not in classes:
                raise PolicyError(
                    f"Expected a label among the classes of the policy, {listed(classes)}, "
                    f"found {label!r}{near(label, classes)}"
                )
            return label
        if not 0 <= label < len(classes):
            raise PolicyError(
                f"Expected a label below {len(classes)}, the classes of the policy, found {label}. "
                "Give the name of the class, or name the classes in the policy."
            )
        return classes[label]

    def _pipeline(self, chosen: tuple[int, ...], pixels: Pixels) -> Any:
        size, channels = _size(pixels), pixels.shape[2]
        sized = any(
            self.steps[i].foreign is None and TRANSFORMS[self.steps[i].transform].sized
            for i in chosen
        )
        # A pipeline holds the stream it draws from, so no two threads may share one.
        key = (chosen, size if sized else None, channels, threading.get_ident())
        made = self._ready.get(key)
        if made is None:
            specs = [step_spec(self.steps[i], size) for i in chosen]
            made = library.make(specs, channels)
            if len(self._ready) >= _KEPT:
                self._ready.pop(next(iter(self._ready)), None)
            self._ready[key] = made
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ready": {}}


def load_policy(path: str | Path, stage: int = 0, seed: int | None = None) -> Augment:
    """Read a policy and take one of its stages.

    Args:
        path: `policy.json`, or any other file that `curate.recipe.foreign.read_any` reads.
        stage: counted from 0.
        seed: another one than the policy's.

    Raises:
        PolicyError: it is no policy, or there is no such stage.
    """
    from curate.recipe.foreign import read_any  # which writes forms by what is in this file

    return Augment(read_any(Path(path)), stage, seed)


def stream_seed(seed: int, rng_seed: int) -> int:
    """The one number that the seed of a policy and that of an image make, below 2**32."""
    return int(np.random.SeedSequence([seed, rng_seed]).generate_state(1)[0])


def _through(pipeline: Any, pixels: Pixels, seed: int) -> Pixels:
    changed = library.apply(pipeline, pixels, seed)
    if changed.ndim == 2:
        changed = changed[:, :, None]
    if changed.dtype != np.uint8 or changed.ndim != 3 or changed.shape[2] != pixels.shape[2]:
        raise PolicyError(
            f"Expected the policy's steps to keep uint8 and {pixels.shape[2]} channels, found "
            f"{changed.dtype} {changed.shape} after {' '.join(str(pipeline).split()):.500}. Take "
            "the step out that changes them."
        )
    return np.ascontiguousarray(changed)


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]
