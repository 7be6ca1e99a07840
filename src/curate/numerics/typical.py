"""What is typical of a quantity in these data, and from where on a value lies outside of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats

TAIL, SHOULDER = 0.05, 0.2
"""The shares of the values beyond which a tail is read: outside of the middle 90 and 60 %."""


class Typical(NamedTuple):
    """The middle of a quantity and how far its two tails reach.

    Attributes:
        low, left, median, right, high: percentiles 5, 20, 50, 80 and 95.
    """

    low: float
    left: float
    median: float
    right: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Typical:
        """Of (n,) finite values, n at least 1."""
        places = [TAIL, SHOULDER, 0.5, 1 - SHOULDER, 1 - TAIL]
        low, left, median, right, high = np.quantile(values, places).tolist()
        return cls(low, left, median, right, high)

    def excess(
        self, values: Floats, upwards: bool, reach: float, least: float
    ) -> NDArray[np.float64]:
        """How far outside the values lie on one side: 0 at the median, 1 at the limit.

        With m the median, q the 5th or 95th percentile and s the 20th or 80th, the limit lies
        ``max(|q - m| + (reach - 1) * min(|q - m|, |q - s| log 10 / log 4), least)`` from m. Of an
        exponential tail both terms of the min are the same, log 10 times its scale, and the limit
        is passed by ``0.5 * 0.1 ** reach`` of the values: 16 in 10,000 with `reach` 2.5. A tail
        that is shorter shows so between s and q, and its limit is nearer: a normal one passes it 2
        times in 10,000. No tail can in more than 5 of 100 values. Each side has its own spread, as
        in the adjusted boxplot (Hubert and Vandervieren 2008), since few quantities are symmetric;
        reading a tail by its excess over a threshold is after Pickands (1975).

        Args:
            values: (n,).
            upwards: whether large values are looked for, or small ones.
            reach: in distances from the median to the percentile; at 1 the limit is the percentile.
            least: the smallest distance that counts; above 0.
        """
        end, shoulder = (self.high, self.right) if upwards else (self.low, self.left)
        far = abs(end - self.median)
        beyond = abs(end - shoulder) * float(np.log(0.5 / TAIL) / np.log(SHOULDER / TAIL))
        away = values - self.median if upwards else self.median - values
        limit = max(far + (reach - 1) * min(far, beyond), least)
        excess: NDArray[np.float64] = np.maximum(away, 0) / limit
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
