"""A number of A beside the same number of B: the change, its interval, and what may be said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.numerics.paired import LEVEL, Interval

BETTER, WORSE, UNCLEAR, NOT_SHOWN = "better", "worse", "unclear", "no difference shown"


@dataclass(frozen=True)
class Change:
    """A score of two models on the same images.

    Attributes:
        a, b: the score of each.
        change: b - a.
        interval: the 95 % interval of the change.
        p_value: of the test that goes with it; None where there is none.
        higher_is_better: False for an error.
    """

    a: float
    b: float
    change: float
    interval: Interval
    p_value: float | None = None
    higher_is_better: bool = True

    def word(self, p_value: float | None = None) -> str:
        """`BETTER` or `WORSE` only where interval and test agree that it is more than chance.

        Args:
            p_value: instead of its own, such as one adjusted for being one of several.
        """
        p = self.p_value if p_value is None else p_value
        low, high = self.interval
        if not (low > 0 or high < 0):
            return NOT_SHOWN
        if p is not None and p >= LEVEL:
            return UNCLEAR
        return BETTER if (low > 0) == self.higher_is_better else WORSE

    @property
    def unseen(self) -> float | None:
        """Half the interval's length: a smaller change is not told from none; None if infinite."""
        half = (self.interval[1] - self.interval[0]) / 2
        return half if math.isfinite(half) else None

    def text(self) -> str:
        """Such as ``+0.034 (+0.012 to +0.056)``, with the digits that the interval supports."""
        digits = self.digits
        low, high = self.interval
        if not math.isfinite(low):
            return f"{self.change:+.{digits}f} (interval not known: images of one group)"
        return f"{self.change:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"

    @property
    def digits(self) -> int:
        """Decimals that are worth showing: two of the interval's half length, 3 to 5."""
        half = self.unseen
        if not half:
            return 3
        return int(np.clip(math.ceil(-math.log10(half)) + 1, 3, 5))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is null."""
        finite = all(map(math.isfinite, self.interval))
        return {
            "a": self.a,
            "b": self.b,
            "change": self.change,
            "interval": list(self.interval) if finite else None,
            "p_value": self.p_value,
            "not_seen_below": self.unseen,
            "verdict": self.word(),
        }


def of_test(fixed: int, broken: int, p_value: float) -> str:
    """The word for images fixed and broken, by a p value that is corrected already."""
    if p_value >= LEVEL or fixed == broken:
        return NOT_SHOWN
    return BETTER if fixed > broken else WORSE


def said(
    change: Change, a: str, b: str, what: str, images: str, p_value: float | None = None
) -> str:
    """The verdict as a sentence, which calls nothing better that may as well be chance.

    Args:
        change: of the score.
        a: name of the first model.
        b: name of the second.
        what: the score, such as "accuracy".
        images: what it was measured on, such as "412 images".
        p_value: adjusted for being one of several comparisons; None if it is the only one.
    """
    word, text = change.word(p_value), f"{what} {change.text()}"
    p = change.p_value
    tested = "" if p is None else f", p = {p:.2g}"
    if p_value is not None and p is not None and p_value != p:
        tested += f", {p_value:.2g} as one of several"
    if word in (BETTER, WORSE):
        return f"{b} is {word} than {a}: {text} on {images}{tested}"
    if word == UNCLEAR:
        return f"at the edge of what {images} can show: {text}{tested}"
    if change.unseen is None:
        return f"not known: {text} on {images}"
    unseen = f"a difference of less than {change.unseen:.{change.digits}f} would not be seen"
    return f"no difference that {images} could show: {text}; {unseen}"
