"""What the remedies that weigh an augmentation are given, and the form of what they measure."""

from __future__ import annotations

from dataclasses import dataclass

from curate.findings import Floats, Ints


@dataclass(frozen=True)
class Augmented:
    """Some images changed by one transform at one level, and what the embedder makes of them.

    Attributes:
        transform: a name of `curate.recipe.transforms.TRANSFORMS`.
        level: the magnitude, in the transform's unit.
        rows: (m,) row numbers in the `Evidence`, ascending.
        embeddings: (m, d) float32, of the changed images.
    """

    transform: str
    level: float
    rows: Ints
    embeddings: Floats


@dataclass(frozen=True)
class Measured:
    """An estimate with its 95 % interval.

    Attributes:
        estimate: NaN where nothing could be measured.
        interval: (low, high); (NaN, NaN) where nothing could be measured.
        n: images that it rests on.
    """

    estimate: float
    interval: tuple[float, float]
    n: int
