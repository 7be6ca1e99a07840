"""How rare a score is among scores of ordinary images, with a false alarm rate that is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats


@dataclass(frozen=True)
class Conformal:
    """Scores of ordinary images, by which others are judged.

    Idea: an image as ordinary as n others has its rank among the n + 1 by pure chance. With
    ``p = (1 + number of ordinary scores that are at least as large) / (n + 1)``, a warning at
    ``p <= rate`` is false for at most that share of ordinary images, whatever their distribution.
    Source: split conformal prediction (Vovk, Gammerman and Shafer 2005); conformal p-values for
    outliers (Bates et al. 2023).

    The rate is kept on average over draws of the ordinary images. For those at hand it is a draw
    from a Beta distribution with ``j = floor(rate (n + 1))`` and ``n + 1 - j``.

    Not a probability of being foreign: that would need to know how many foreign images come, and
    what they are like. And it says nothing of images that are ordinary in another way than the n.

    Attributes:
        scores: (n,) ascending, larger is stranger.
        rate: of false alarms, as asked for; see `kept`.
    """

    scores: NDArray[np.float64]
    rate: float

    @classmethod
    def of(cls, scores: Floats, rate: float) -> Conformal:
        """Sort the scores of ordinary images, at least one."""
        return cls(np.sort(np.asarray(scores, dtype=np.float64)), rate)

    @property
    def kept(self) -> float:
        """The false alarm rate that so many scores can keep: at least ``1 / (n + 1)``."""
        return self._places / (len(self.scores) + 1)

    @property
    def interval(self) -> tuple[float, float]:
        """Between what the rate for the scores at hand lies, 95 %."""
        from scipy.stats import beta

        low, high = beta.ppf([0.025, 0.975], self._places, len(self.scores) + 1 - self._places)
        return float(low), float(high)

    @property
    def threshold(self) -> float:
        """Scores above this one are warned about."""
        return float(self.scores[len(self.scores) - self._places])

    def p_values(self, scores: Floats) -> NDArray[np.float64]:
        """(m,) how likely an ordinary image has so large a score, or a larger one."""
        below = np.searchsorted(self.scores, np.asarray(scores, dtype=np.float64), side="left")
        return (1.0 + len(self.scores) - below) / (len(self.scores) + 1)

    def warned(self, scores: Floats) -> NDArray[np.bool_]:
        """(m,) whether each score is above the threshold."""
        return np.asarray(scores, dtype=np.float64) > self.threshold

    @property
    def _places(self) -> int:
        # A rate such as 0.01 times 100 may fall short of 1 by rounding.
        return max(1, int(np.floor(self.rate * (len(self.scores) + 1) + 1e-9)))
