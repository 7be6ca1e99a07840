"""Pacing: which share of the images, easiest first, a model is shown after part of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

START = 0.2
"""Share of the images in the first epoch. Wu et al. (2021) try 0.0025 to 0.8, and none of them
stands out; a fifth of each class still is a training set."""

FULL_AT = 0.8
"""Part of the training after which all images are in; Wu et al. (2021) try 0.01 to 1.6."""


def linear(part: float, start: float = START, full_at: float = FULL_AT) -> float:
    """``start + (1 - start) t / full_at``, at most 1.

    The linear pacing of Wu et al. (2021), "When Do Curricula Work?", table 2, and the linear
    competence of Platanios et al. (2019), "Competence-based Curriculum Learning".

    Args:
        part: t, the part of the training that is done, in [0, 1].
        start: the share at t = 0.
        full_at: the t from which on the share is 1.
    """
    return min(1.0, start + (1 - start) * _progress(part, full_at))


def root(part: float, start: float = START, full_at: float = FULL_AT) -> float:
    """``sqrt(start^2 + (1 - start^2) t / full_at)``, at most 1.

    The square-root competence of Platanios et al. (2019): images are added at a rate inverse to
    the share, so that new ones are not lost among more and more old ones. Arguments as in `linear`.
    """
    return min(1.0, math.sqrt(start**2 + (1 - start**2) * _progress(part, full_at)))


def _progress(part: float, full_at: float) -> float:
    return min(1.0, part / full_at) if full_at > 0 else 1.0


PACINGS: Mapping[str, Callable[[float, float, float], float]] = {"linear": linear, "root": root}
"""Pacings by share; `step` goes by tiers instead, as the baby steps of Bengio et al. (2009)."""
