"""The learning rate of each arm, searched alike for all of them, on images of train."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Ints
from curate.numerics.paired import LEVEL, holm, paired_p_value

FOLDS = 5
"""A fifth of train is held out in the search."""


@dataclass(frozen=True)
class Chosen:
    """What the search found.

    Attributes:
        lr: per arm.
        common: the rate that is best for all arms together.
        tried: ascending.
        accuracy: per arm and rate, on the images held out.
        at_edge: whether the common rate is the least or the largest that was tried.
    """

    lr: Mapping[str, float]
    common: float
    tried: tuple[float, ...]
    accuracy: Mapping[str, tuple[float, ...]]
    at_edge: bool


def rates(middle: float, trials: int) -> tuple[float, ...]:
    """The rates to try: half decades apart, about a middle one.

    With an even number the middle is one of two, the lower.
    """
    below = (trials - 1) // 2
    return tuple(float(f"{middle * 10 ** ((i - below) / 2):.3g}") for i in range(trials))


def choose(
    tried: Sequence[float], right: Mapping[str, NDArray[np.bool_]], units: Mapping[str, Ints]
) -> Chosen:
    """One rate for all arms, unless an arm surely wants another.

    Idea: with a rate of its own for each arm, the luck of single trials would part arms that are
    alike, in all their seeds, and no number of seeds would show it as chance. With the baseline's
    rate for all, the baseline alone would be tuned. So all arms are tried with all rates, the same
    number each; the rate of the highest mean accuracy over the arms is taken, and an arm has
    another where that has more images right by McNemar's exact test by groups, corrected by Holm
    for all arms and rates.

    Args:
        tried: (r,) rates.
        right: per arm (r, n) whether each image held out is right.
        units: per arm (n,) images of one number count as one draw.
    """
    names = list(right)
    accuracy = {name: right[name].mean(axis=1) for name in names}
    mean = np.mean([accuracy[name] for name in names], axis=0)
    # Of equally good ones the one closest to the middle, which is what was asked for.
    far = np.abs(np.arange(len(tried)) - (len(tried) - 1) // 2)
    best = int(np.lexsort((far, -mean))[0])
    p_values = np.ones((len(names), len(tried)))
    for i, name in enumerate(names):
        for r in range(len(tried)):
            if accuracy[name][r] > accuracy[name][best]:
                p_values[i, r] = paired_p_value(right[name][best], right[name][r], units[name])
    adjusted = holm(np.delete(p_values, best, axis=1).ravel()).reshape(len(names), -1)
    own = np.insert(adjusted, best, 1.0, axis=1)
    lr = {}
    for i, name in enumerate(names):
        sure = np.where(own[i] < LEVEL, accuracy[name], -1.0)
        lr[name] = float(tried[int(sure.argmax()) if (sure >= 0).any() else best])
    return Chosen(
        lr, float(tried[best]), tuple(tried),
        {name: tuple(map(float, accuracy[name])) for name in names},
        len(tried) > 1 and best in (0, len(tried) - 1),
    )  # fmt: skip


Trial = Callable[[str, float], NDArray[np.bool_]]
"""(arm, rate) -> (n,) whether each image held out is right."""


def searched(
    names: Sequence[str], tried: Sequence[float], trial: Trial, units: Mapping[str, Ints]
) -> Chosen:
    """Run all trials and choose; with one rate there is nothing to run."""
    if len(tried) == 1:
        only = float(tried[0])
        return Chosen(dict.fromkeys(names, only), only, (only,), {}, False)
    right = {name: np.stack([trial(name, lr) for lr in tried]) for name in names}
    return choose(tried, right, units)
