"""Transforms as plain data, in the words that albumentations' own files use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]
"""One transform: its class under `CLASS`, its arguments, its probability `p`; a container such as
`OneOf` holds further specs under `transforms`. Lists stand for tuples, as in JSON and YAML."""

CLASS = "__class_fullname__"

REFLECT = 4
"""cv2.BORDER_REFLECT_101: what a turned or shifted picture leaves free is filled by its mirror
image.

The border has to be right for digits on black, sketches on white and photographs alike, and a file
that albumentations reads can hold only one rule for all of them. A constant colour fits one of the
three and draws a wedge into the others, which a model sees and learns; repeating the edge draws
streaks. A mirrored border continues whatever the background is and keeps its texture. Its price: an
object that touches the edge is continued by a piece of itself.
"""


def spec(name: str, p: float = 1.0, **arguments: Any) -> Spec:
    """One transform of albumentations."""
    return {CLASS: name, **arguments, "p": p}


def one_of(variants: Sequence[Spec], p: float) -> Spec:
    """One of the variants, all equally often; a single one stands by itself."""
    if len(variants) == 1:
        return {**variants[0], "p": p}
    return spec("OneOf", p, transforms=[{**variant, "p": 1.0} for variant in variants])


def share(percent: float) -> float:
    """A percentage as a share, short enough to be read in a file."""
    return round(percent / 100, 6)


def between(low: float, high: float) -> list[float]:
    """A range for albumentations, its lower end first."""
    # Adding 0.0 makes a plain zero of a negative one.
    return [round(min(low, high), 6) + 0.0, round(max(low, high), 6) + 0.0]


def steps(low: float, high: float, count: int = 4) -> list[float]:
    """Evenly spaced magnitudes for a transform that takes one number and no range."""
    if low == high:
        return [low]
    return [round(low + (high - low) * i / (count - 1), 6) for i in range(count)]
