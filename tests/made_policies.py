"""Policies for Hypothesis, and pictures to try them on."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from curate.recipe.policy import LeftOut, Policy, Step
from curate.recipe.transforms import TRANSFORMS, Pixels

_plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
json_values = st.recursive(
    _plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
documents = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
FOREIGN: dict[str, dict[str, Any]] = {
    "albumentations:Solarize": {"threshold_range": [0.2, 0.6]},
    "albumentations:Posterize": {"num_bits": [3, 5]},
    "albumentations:OneOf": {
        "transforms": [
            {"__class_fullname__": "InvertImg", "p": 1.0},
            {"__class_fullname__": "Equalize", "mode": "pil", "p": 0.5},
        ]
    },
}


@st.composite
def steps(draw: st.DrawFn, classes: tuple[str, ...], batch: bool = True) -> Step:
    names = [name for name, known in TRANSFORMS.items() if batch or not known.batch]
    name = draw(st.sampled_from([*names, *FOREIGN]))
    known = TRANSFORMS.get(name)
    magnitude = (1.0, 1.0)
    if known is not None and known.unit:
        least = 0.01 if known.batch else 0.0
        ends = st.floats(least, known.most).map(lambda value: round(value, 3))
        magnitude = tuple(sorted((draw(ends), draw(ends | st.just(least)))))
    excluded = draw(st.lists(st.sampled_from(classes), unique=True)) if classes else []
    return Step(
        name,
        draw(st.floats(0, 1)),
        magnitude,
        tuple(excluded),
        draw(st.text(max_size=30)),
        draw(documents),
        FOREIGN.get(name, {}),
    )


@st.composite
def policies(draw: st.DrawFn, most_stages: int = 3) -> Policy:
    classes = tuple(draw(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=3)))
    stage = st.lists(steps(classes), max_size=3).map(tuple)
    return Policy(
        stages=tuple(draw(st.lists(stage, min_size=1, max_size=most_stages))),
        classes=classes,
        seed=draw(st.integers(0, 2**40)),
        left_out=tuple(
            draw(st.lists(st.builds(LeftOut, st.text(), st.text(), documents), max_size=2))
        ),
        made_by=draw(documents),
        strength=draw(st.text(max_size=6)),
        image_size=(draw(st.integers(8, 40)), draw(st.integers(8, 40))),
    )


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> Pixels:
    """Smooth colours with a bright mark off the centre, so that no symmetry leaves it as it is."""
    phases = np.random.default_rng(seed).uniform(0, 3, channels)
    y, x = np.mgrid[:height, :width][..., None] / np.array([height, width])[:, None, None, None]
    made = 110 + 45 * (np.sin(4 * x + phases) + np.cos(5 * y + 2 * phases))
    made[height // 5 : height // 3 + 1, width // 6 : width // 2] = 240
    found: Pixels = np.clip(made, 0, 255).astype(np.uint8)
    return found
