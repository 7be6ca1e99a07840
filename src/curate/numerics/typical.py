"""What is typical of a quantity in these data, and from where on a value lies outside of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats

TAIL = 0.05
"""The share of the values on each side of the middle 90 %."""


class Typical(NamedTuple):
    """The middle of a quantity and how far its two tails reach.

    Attributes:
        low, median, high: percentiles 5, 50 and 95.
    """

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Typical:
        """Of (n,) finite values, n at least 1."""
        low, median, high = np.quantile(values, [TAIL, 0.5, 1 - TAIL]).tolist()
        return cls(low, median, high)

    def excess(
        self, values: Floats, upwards: bool, reach: float, least: float
    ) -> NDArray[np.float64]:
        """How far outside the values lie on one side: 0 at the median, 1 at the limit.

        The limit lies ``max(reach * |q - median|, least)`` from the median, q the 5th or 95th
        percentile. Each side has its own spread, as in the adjusted boxplot (Hubert and
        Vandervieren 2008), since few quantities are symmetric. With `reach` 2.5 a normal tail
        passes the limit 2 times in 100,000, an exponential one 16 times in 10,000, and no tail
        can in more than 5 of 100 values.

        Args:
            values: (n,).
            upwards: whether large values are looked for, or small ones.
            reach: in distances from the median to the percentile.
            least: the smallest distance that counts; above 0.
        """
        tail = self.high - self.median if upwards else self.median - self.low
        away = values - self.median if upwards else self.median - values
        excess: NDArray[np.float64] = np.maximum(away, 0) / max(reach * tail, least)
        return excess


def surprise(members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How rare those are that have a mark: ``log(share) / log(0.05)``, 1 where they are 5 %.

    The information in meeting one of them (Shannon 1948), in units of what a rarity just has. 0
    for those without the mark.

    Args:
        members: (n,) who has it.
    """
    share = max(float(members.mean()), 1e-12)
    return np.where(members, np.log(share) / np.log(TAIL), 0.0)
