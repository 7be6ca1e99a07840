"""The same number of optimiser steps for every arm, whatever its schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from curate.recipe.sampling import epoch_indices
from curate.recipe.stages import Schedule


def steps_of(table: Any, schedule: Schedule, seed: int, batch_size: int, together: int) -> int:
    """Optimiser steps of a training.

    Args:
        table: the training images, as `curate.recipe.sampling.active` takes them.
        schedule: of the training.
        seed: of the order.
        batch_size: images of a batch at most.
        together: batches that one step takes.
    """
    return sum(
        _steps(table, schedule, epoch, seed, batch_size, together)
        for epoch in range(schedule.epochs)
    )


def matched(
    table: Any, schedule: Schedule, seed: int, batch_size: int, together: int, steps: int
) -> Schedule:
    """The schedule with as many epochs as come closest to a number of steps.

    Idea: an epoch of easy images alone is shorter, so a curriculum of as many epochs is trained
    less, and would lose for that reason. All stages are stretched by one factor, and then single
    ones, or two against each other, are made longer or shorter by an epoch while that brings the
    sum closer. What is left is less than the shortest epoch, but for schedules of more stages than
    there is time for.

    Args:
        table: as in `steps_of`.
        schedule: likewise.
        seed: likewise.
        batch_size: likewise.
        together: likewise.
        steps: to come close to.
    """
    sizes = [
        _steps(table, schedule, stage.start_epoch, seed, batch_size, together)
        for stage in schedule.stages
    ]
    given = [stage.end_epoch - stage.start_epoch for stage in schedule.stages]
    factor = steps / float(np.dot(given, sizes))
    lengths = [max(1, round(length * factor)) for length in given]
    while (better := _closer(lengths, sizes, steps)) is not None:
        lengths = better
    ends = np.cumsum(lengths).tolist()
    stages = tuple(
        replace(stage, start_epoch=start, end_epoch=end)
        for stage, start, end in zip(schedule.stages, [0, *ends[:-1]], ends, strict=True)
    )
    return Schedule(schedule.preset, ends[-1], stages)


def _steps(
    table: Any, schedule: Schedule, epoch: int, seed: int, batch_size: int, together: int
) -> int:
    by_loss = schedule.stage_at(epoch).order == "loss"
    losses = np.zeros(len(table["tier"])) if by_loss else None
    n = len(epoch_indices(table, schedule, epoch, seed, losses))
    return math.ceil(math.ceil(n / batch_size) / together)


def _closer(lengths: Sequence[int], sizes: Sequence[int], steps: int) -> list[int] | None:
    """The lengths after the change that brings the sum closest; None if none brings it closer."""
    now = abs(int(np.dot(lengths, sizes)) - steps)
    best = None
    n = len(lengths)
    # Of hundreds of stages, which are an epoch each, pairs would be too many to look at.
    others = range(-1, n) if n <= _FEW else range(-1, 0)
    for i in range(n):
        for j in others:
            for sign in (1, -1):
                changed = list(lengths)
                changed[i] += sign
                if j >= 0 and j != i:
                    changed[j] -= sign
                if min(changed) < 1:
                    continue
                off = abs(int(np.dot(changed, sizes)) - steps)
                if off < now:
                    now, best = off, changed
    return best


_FEW = 12
