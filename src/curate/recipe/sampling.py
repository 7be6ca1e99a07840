"""Which images an epoch trains on, how often, and in which order: numpy alone.

Same seed and epoch, same order, on every machine and in every process.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from curate.errors import CurriculumError
from curate.findings import Floats, Ints
from curate.recipe.stages import Schedule, Stage

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, less their whole part, fill [0, 1) as evenly as any (Weyl, Ostrowski)."""


def active(
    table: Any, schedule: Schedule, epoch: int, seed: int, losses: Floats | None = None
) -> Ints:
    """Row numbers of the images that an epoch trains on, each once, ascending.

    Of every class as many as the share of the stage's tiers comes to, rounded up, so that no
    class of these tiers is left out; which of them, the stage's order says.

    Args:
        table: columns `tier`, `difficulty` and `target` (or `label`), one row a training image.
        schedule: the schedule.
        epoch: counted from 0.
        seed: of the run.
        losses: (n,) the loss of each image at the time, NaN where not known; for the order "loss".

    Raises:
        CurriculumError: the schedule has no such epoch, or losses are needed and not given.
    """
    stage = schedule.stage_at(epoch)
    tier = np.asarray(table["tier"], dtype=str)
    place = _places(tier, stage.tiers)
    inside = np.flatnonzero(place >= 0)
    if stage.share == 1 and stage.order == "difficulty":
        return inside
    target = _classes(table)
    wanted = np.ceil(stage.share * np.bincount(target[inside], minlength=1) - 1e-9).astype(np.int64)
    if stage.order == "difficulty":
        pool, keys = inside, (_difficulty(table)[inside], place[inside])
    else:
        everywhere = _places(tier, schedule.tiers)
        pool = np.flatnonzero(everywhere >= 0)
        keys = _keys(stage, table, pool, everywhere[pool], seed, losses)
    order = np.lexsort((*keys, target[pool]))
    rows, own = pool[order], target[pool][order]
    first = np.searchsorted(own, own, side="left")
    wanted = np.pad(wanted, (0, max(int(own.max(initial=0)) + 1 - len(wanted), 0)))
    chosen: Ints = np.sort(rows[np.arange(len(rows)) - first < wanted[own]])
    return chosen


def weights(table: Any, stage: Stage, rows: Ints | None = None) -> Floats:
    """How often each image is drawn in an epoch of a stage, on average; 0 where it is not in it.

    The image's own `weight` times that of its class, relative to the largest class for "over"
    (so that nobody is drawn less than once), to the smallest for "under", and so that they sum
    to the number of images for "both". The weight of a class with n images in the stage is

    - none: 1
    - inverse: 1 / n
    - effective: 1 / E with E = (1 - beta^n) / (1 - beta), the effective number of images of Cui
      et al. (2019), "Class-Balanced Loss Based on Effective Number of Samples".

    Args:
        table: columns `tier`, `target` (or `label`) and, if there is one, `weight`.
        stage: the stage.
        rows: the active rows; by default all of the stage's tiers.
    """
    if rows is None:
        rows = np.flatnonzero(_places(np.asarray(table["tier"], dtype=str), stage.tiers) >= 0)
    result = np.zeros(len(table["tier"]))
    if len(rows) == 0:
        return result
    own = np.asarray(table["weight"], dtype=float)[rows] if "weight" in table else 1.0
    target = _classes(table)[rows]
    counts = np.bincount(target).astype(float)
    present = counts > 0
    size = np.ones(len(counts))
    if stage.balance == "inverse":
        size[present] = counts[present]
    elif stage.balance == "effective":
        log_beta = np.log(stage.beta) if stage.beta > 0 else -np.inf
        size[present] = -np.expm1(counts[present] * log_beta) / (1 - stage.beta)
    drawn = own / size[target]
    if stage.resample == "both":
        drawn *= len(rows) / drawn.sum()
    else:
        pick = np.max if stage.resample == "over" else np.min
        drawn *= pick(size[present])
    result[rows] = drawn
    return result


def epoch_indices(
    table: Any, schedule: Schedule, epoch: int, seed: int, losses: Floats | None = None
) -> Ints:
    """Row numbers in the order in which an epoch trains on them, repeated where oversampled.

    Idea: an image of weight m is drawn floor(m) times, and once more in a part m - floor(m) of the
    epochs. Which epochs, systematic sampling says: the parts are laid end to end, in an order
    that the seed shuffles class by class, and what a comb of teeth one apart falls on is drawn
    once more; each epoch moves the comb on by the golden ratio. So nobody is drawn by accident
    more often than another, each class keeps its total to within one image, and the length of an
    epoch differs by one at most. Source: Madow (1949), systematic sampling with unequal
    probabilities; the golden ratio as the offset that fills the circle most evenly.

    Arguments and errors as in `active`.

    Returns:
        (m,) row numbers, shuffled by the seed and the epoch.
    """
    stage = schedule.stage_at(epoch)
    rows = active(table, schedule, epoch, seed, losses)
    drawn = np.round(weights(table, stage, rows)[rows], 9)
    times = np.floor(drawn).astype(np.int64)
    part = drawn - times
    if part.any():
        rng = _rng(seed, "remainder")
        shuffled = rng.permutation(len(table["tier"]))[rows]
        order = np.lexsort((shuffled, _classes(table)[rows]))
        offset = (rng.random() + epoch * GOLDEN) % 1
        teeth = np.floor(np.concatenate([[0.0], np.cumsum(part[order])]) - offset)
        times[order] += np.diff(teeth).astype(np.int64)
    result: Ints = _rng(seed, "epoch", epoch).permutation(np.repeat(rows, times))
    return result


def share_of(indices: Ints, rank: int, world_size: int) -> Ints:
    """The part of an epoch that one of several processes trains on.

    Every `world_size`-th index from `rank` on, after the first ones were repeated at the end
    until all shares are equally long, as in PyTorch's DistributedSampler.

    Raises:
        ValueError: there is no such rank.
    """
    if world_size < 1 or not 0 <= rank < world_size:
        raise ValueError(f"Expected a rank from 0 to {world_size - 1}, found {rank}")
    length = -(-len(indices) // world_size) * world_size
    return np.resize(indices, length)[rank::world_size]


def _keys(
    stage: Stage, table: Any, pool: Ints, place: Ints, seed: int, losses: Floats | None
) -> tuple[Any, ...]:
    """Sort keys, the last one first."""
    if stage.order == "reverse":
        return (-_difficulty(table)[pool], -place)
    if stage.order == "random":
        return (_rng(seed, "order").permutation(len(table["tier"]))[pool],)
    if losses is None:
        raise CurriculumError(
            "Expected the loss of each image for a stage that goes by it, found none. Hand over "
            "the losses of the last epoch, or choose another preset than self-paced."
        )
    known = np.asarray(losses, dtype=float)
    if known.shape != (len(table["tier"]),):
        raise CurriculumError(
            f"Expected one loss for each of the {len(table['tier'])} images, found "
            f"{known.shape}. Hand them over in the order of train.csv."
        )
    return (np.where(np.isnan(known), np.inf, known)[pool],)


def _places(tier: Any, tiers: tuple[str, ...]) -> Ints:
    """(n,) the place of each image's tier among `tiers`, -1 for none of them."""
    place = np.full(len(tier), -1, dtype=np.int64)
    for number, name in enumerate(tiers):
        place[tier == name] = number
    return place


def _classes(table: Any) -> Ints:
    """(n,) class numbers from 0, whatever they are called."""
    values = np.asarray(table["target"] if "target" in table else table["label"])
    if np.issubdtype(values.dtype, np.integer) and len(values):
        low = values.min()
        if values.max() - low <= len(values):  # numbers already, and few enough to be counted
            found: Ints = values.astype(np.int64) - int(low)
            return found
    if values.dtype == object:  # texts, or numbers of which some are missing
        values = values.astype(str)
    numbers: Ints = np.unique(values, return_inverse=True)[1]
    return numbers


def _difficulty(table: Any) -> Floats:
    """(n,) with what has none last."""
    values = np.asarray(table["difficulty"], dtype=float)
    return np.where(np.isnan(values), np.inf, values)


def _rng(seed: int, what: str, *more: int) -> np.random.Generator:
    return np.random.default_rng([abs(seed), zlib.crc32(what.encode()), *more])
