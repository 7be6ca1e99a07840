"""`policy.py`: the policy as plain code of albumentations, to paste into a trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.errors import PolicyError
from curate.recipe.applying import step_spec
from curate.recipe.code_text import Call, comment, text
from curate.recipe.policy import Policy, Step
from curate.recipe.specs import CLASS, Spec
from curate.recipe.transforms import TRANSFORMS

_HEAD = '''"""An augmentation policy as plain code of albumentations.

    changed = augment(image, label="cat", stage=0, seed=7)

`image` is a (height, width, 3) uint8 array, `label` a class name. The same arguments give the same
picture. Without a label, steps that exclude a class are passed over.
"""

import random

import albumentations as A
import numpy as np

'''

LABEL_CHECK = '''

def check_label(label):
    """A label that is misspelt would be given what its class is excluded from."""
    if label is not None and (not isinstance(label, str) or CLASSES and label not in CLASSES):
        raise ValueError(f"Expected the name of a class, found {label!r}")
'''

_TAIL = '''

def pipeline(stage, label=None):
    """The transforms of a stage for images of one class."""
    check_label(label)
    return A.Compose(
        [t for t, excluded in STAGES[stage] if label not in excluded and (label or not excluded)]
    )


def augment(image, label=None, stage=0, seed=0):
    """Change one image; `seed` is the image's own, such as epoch * images + index."""
    key = (stage, label)
    if key not in PIPELINES:
        PIPELINES[key] = pipeline(stage, label)
    start = int(np.random.SeedSequence([SEED, seed]).generate_state(1)[0])
    # One stream for all transforms: set_random_seed would give each of them the same numbers.
    PIPELINES[key].set_random_state(np.random.default_rng(start), random.Random(start))
    return PIPELINES[key](image=image)["image"]


PIPELINES = {}
'''


def to_code(policy: Policy) -> str:
    """The text of `policy.py`.

    Raises:
        PolicyError: a step's class is no name in Python.
    """
    height, width = policy.image_size
    size = (
        "Height and width of the images that the lengths in pixels below were worked out for; "
        "resize to it before."
    )
    return (
        _HEAD
        + f"SEED = {policy.seed!r}\n"
        + comment(size)
        + f"IMAGE_SIZE = ({height}, {width})\n\n"
        + stages(policy, lambda step: call(step_spec(step, policy.image_size)))
        + trainer_settings(policy)
        + LABEL_CHECK
        + _TAIL
    )


def stages(policy: Policy, form: Any) -> str:
    """`STAGES`: for each stage its transforms, each with the classes that it is not for.

    Args:
        policy: what to write.
        form: step -> `Call`, or a text why there is none.
    """
    excludes = any(step.excluded_classes for number in range(len(policy.stages)) for step in
                   policy.stage(number))  # fmt: skip
    lines = [
        f"CLASSES = {text(list(policy.classes) if excludes else [])}\n\n",
        comment("Each stage: (transform, classes that it is not for)."),
        "STAGES = [\n",
    ]
    for number in range(len(policy.stages)):
        lines.append(f"    [  # stage {number}\n")
        for step in policy.stage(number):
            if step.batch:
                continue
            made = form(step)
            lines.append(comment(_about(step), 8))
            if isinstance(made, str):
                lines.append(comment(f"Not here: {made}", 8))
                continue
            excluded = sorted(step.excluded_classes)
            named = "{" + ", ".join(map(text, excluded)) + "}" if excluded else "set()"
            lines.append(f"        ({text(made, 8)}, {named}),\n")
        lines.append("    ],\n")
    lines.append("]\n")
    return "".join(lines)


def trainer_settings(policy: Policy) -> str:
    """`TRAINER`: for each stage what the trainer does with batches."""
    rows = [
        {name: _batch(step) for name, step in policy.trainer_settings(number).items()}
        for number in range(len(policy.stages))
    ]
    about = "For the trainer, by stage: mixup and cutmix with the alpha of their Beta distribution."
    return f"\n{comment(about)}TRAINER = {text(rows)}\n"


def call(spec: Spec) -> Call:
    """A spec as a call of albumentations.

    Raises:
        PolicyError: the class is no name in Python.
    """
    name = spec[CLASS].rpartition(".")[2]
    if not name.isidentifier():
        raise PolicyError(f"Expected the name of a class of albumentations, found {name!r}")
    named = {key: value for key, value in spec.items() if key not in (CLASS, "transforms")}
    children = spec.get("transforms")
    inner = () if children is None else ([call(child) for child in children],)
    return Call(f"A.{name}", inner, named)


def _batch(step: Step) -> Mapping[str, float]:
    return {"alpha": step.magnitude[1], "probability": step.probability}


def _about(step: Step) -> str:
    known = TRANSFORMS.get(step.transform)
    if known is None:
        return step.reason or step.transform
    low, high = step.magnitude
    amount = f", {low:g} to {high:g} {known.unit}" if known.unit else ""
    return f"{known.title}{amount}: {step.reason}" if step.reason else f"{known.title}{amount}."
