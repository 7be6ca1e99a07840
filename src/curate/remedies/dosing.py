"""How often and how strongly a transform would be applied, and to which classes it would not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curate.recipe.transforms import Transform
from curate.remedies.label_safety import Safety
from curate.remedies.weakness import Weakness

AUTO, LIGHT, STRONG = "auto", "light", "strong"
STRENGTHS = (AUTO, LIGHT, STRONG)

MOST_OFTEN = 0.5
"""Half of what is seen in training stays as it is: that is what most held-out images are like."""

LEAST_OFTEN = 0.25
"""In 20 epochs an image is then changed five times: enough to be learned from."""


@dataclass(frozen=True)
class Dose:
    """One way of applying a transform.

    Attributes:
        levels: magnitudes, rising; in training they are drawn evenly up to the largest.
        probability: of changing an image.
        excluded: class names that are left as they are.
    """

    levels: tuple[float, ...]
    probability: float
    excluded: tuple[str, ...] = ()


def usable(safety: Safety, levels: Sequence[float], n_classes: int) -> tuple[float, ...]:
    """The levels up to which no more than half of the classes have to be excluded."""
    return tuple(level for level in levels if 2 * len(safety.excluded(level)) <= n_classes)


def doses(
    transform: Transform,
    weakness: Weakness,
    safety: Safety,
    n_classes: int,
    strength: str = AUTO,
    shown: float | None = None,
) -> tuple[Dose, ...]:
    """The doses whose gain is to be measured, the milder one first; none where nothing is safe.

    Magnitudes: up to the level at which the images break, since the probe sees through less by
    itself, and, as another dose, over all levels that are safe, since held-out images may show
    more. Strength "light" asks for half the levels up to the break, "strong" for all that are safe.

    Probability: as often as held-out images show what the transform answers (the upper end of the
    interval of that share), but from `LEAST_OFTEN` to `MOST_OFTEN`; `MOST_OFTEN` where it answers
    nothing that can be seen. "light" halves it, "strong" takes `MOST_OFTEN`.

    Excluded are classes that swap, or of which it is not known, at the largest magnitude or below.
    Magnitudes for which that would be more than half of the classes are not safe.

    Args:
        transform: what is applied.
        weakness: its curve.
        safety: of its copies.
        n_classes: how many classes there are.
        strength: one of `STRENGTHS`.
        shown: the upper end of the share of held-out images that show what it answers; None where
            it answers nothing.
    """
    levels = tuple(point.level for point in weakness.curve)
    ends = usable(safety, levels, n_classes)
    if not ends:
        return ()
    breaks = max(levels) if weakness.breaks_at is None else weakness.breaks_at
    end = max((level for level in ends if level <= breaks), default=ends[0])
    mild, safe = (tuple(level for level in levels if level <= most) for most in (end, ends[-1]))
    ranges = {
        AUTO: (mild, safe),
        LIGHT: (tuple(level for level in mild if level <= _middle(mild, ends)),),
        STRONG: (safe,),
    }[strength]
    often = MOST_OFTEN if shown is None else min(max(shown, LEAST_OFTEN), MOST_OFTEN)
    probability = {AUTO: often, LIGHT: often / 2, STRONG: MOST_OFTEN}[strength]
    return tuple(
        Dose(one, round(probability, 2), safety.excluded(one[-1])) for one in dict.fromkeys(ranges)
    )


def _middle(levels: Sequence[float], ends: Sequence[float]) -> float:
    """Where half of the levels end, at a level at which a dose may."""
    middle = levels[(len(levels) - 1) // 2]
    return max((level for level in ends if level <= middle), default=ends[0])
