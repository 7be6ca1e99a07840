"""A run's augmentation policy as a person sees it: its steps, and what they do to one image."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from curate.data.images import load_rgb
from curate.recipe.applying import Augment
from curate.recipe.policy import Policy, Step
from curate.recipe.transforms import TRANSFORMS

SIDE = 160
"""Pixels of the longer side of an example: as large as the panel shows it, twice as sharp."""


def in_words(step: Step) -> str:
    """One step as a line: what, how strongly, how often, and for which classes not."""
    said = f"{step.transform.removeprefix('albumentations:').replace('_', ' ')}"
    known = None if step.foreign is not None else TRANSFORMS[step.transform]
    if known is not None and known.unit:
        low, high = step.magnitude
        said += f" {high:g} {known.unit}" if low == high else f" {low:g} to {high:g} {known.unit}"
    said += f", p {step.probability:g}"
    if step.batch:
        said += ", by the trainer"
    if step.excluded_classes:
        said += f"; not for {', '.join(step.excluded_classes)}"
    return said


def examples(
    policy: Policy, stage: int, filepath: str | Path, label: str | None, seeds: Sequence[int]
) -> list[str]:
    """One image as a stage of the policy changes it, once a seed, as ``data:`` addresses.

    Args:
        policy: whose steps are applied, each with its own chance.
        stage: counted from 0.
        filepath: the image.
        label: its class; steps that exclude it are passed over.
        seeds: one a picture.

    Raises:
        PolicyError: there is no such stage.
        UnreadableImage: the image cannot be decoded.
    """
    augment = Augment(policy, stage)
    picture = load_rgb(filepath)
    picture.thumbnail((SIDE, SIDE))
    pixels = np.asarray(picture)
    return [_address(augment(pixels, label, seed)) for seed in seeds]


def _address(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
