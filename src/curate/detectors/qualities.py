"""The properties by which an image can be of odd quality, with the words for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from curate.findings import Evidence, Floats
from curate.numerics.typical import Typical, surprise


class Quality(NamedTuple):
    """One property, looked at on one side.

    Attributes:
        fault: what an image is called that has too much (or too little) of it.
        name: of the property, as shown.
        columns: of the table that it is made of.
        value: the shown number, from those columns.
        scale: turns the shown number into one whose tails are short; increasing.
        upwards: whether large values are faults, or small ones.
        least: the distance from the median, after `scale`, below which nobody sees a fault.
        mark: the value at which an image has the fault, for one that an image has or has not: it
            counts where those that have it are rare.
        unseen: columns of shares of which most images have none that is seen, in most data: those
            that have some are then no tail of the others, and the limit is the percentile, not
            extrapolated.
    """

    fault: str
    name: str
    columns: tuple[str, ...]
    value: Callable[..., Floats]
    scale: Callable[[Floats], Floats]
    upwards: bool
    least: float
    mark: float | None = None
    unseen: tuple[str, ...] = ()

    def shown(self, table: pd.DataFrame) -> Floats:
        """(n,) the shown numbers."""
        return self.value(*(table[name].to_numpy(dtype=float) for name in self.columns))

    def excess(self, table: pd.DataFrame, reach: float) -> Floats:
        """How far outside of what is usual each image is; above 1 it is a fault."""
        shown = self.shown(table)
        if self.mark is not None:
            return surprise(shown >= self.mark if self.upwards else shown <= self.mark)
        scaled = self.scale(shown)
        typical = Typical.of(scaled)
        rare = [float(np.median(table[name])) <= SEEN for name in self.unseen]
        if rare and all(rare) and typical.median == typical.low:
            reach = 1.0
        return typical.excess(scaled, self.upwards, reach, self.least)


def _as_is(values: Floats) -> Floats:
    return values


def _ratio(a: Floats, b: Floats) -> Floats:
    return a / np.maximum(b, 1)


def _megapixels(width: Floats, height: Floats) -> Floats:
    return width * height / 1e6


def _range(brightest: Floats, darkest: Floats) -> Floats:
    return brightest - darkest


def _overflow(burnt: Floats, white: Floats, ground: Floats) -> Floats:
    """The geometric mean of the shares of pixels of which one channel, and all, are full.

    Light that is too much fills one channel first and then all, so that it leaves both; bright
    paint has no white, and an object on white has little of the other. Behind an object on a plain
    ground the white is meant.
    """
    return np.where(ground > PLAIN, np.sqrt(burnt * white), 0.0)


def _log(floor: float) -> Callable[[Floats], Floats]:
    """The logarithm, of at least `floor`: below it differences do not count."""
    return lambda values: np.log(np.maximum(values, floor))


def _from_one(values: Floats) -> Floats:
    """How near a share is to 1, on a logarithmic scale."""
    return -np.log(np.maximum(1 - values, 1e-3))


def _one(
    fault: str, name: str, scale: Callable[[Floats], Floats], upwards: bool, least: float
) -> Quality:
    return Quality(fault, name.replace("_", " "), (name,), _as_is, scale, upwards, least)


def _mark(fault: str, name: str, mark: float, upwards: bool) -> Quality:
    return Quality(fault, name, (name,), _as_is, _as_is, upwards, 0.0, mark)


UP, DOWN = True, False
TWICE, FOUR_TIMES = float(np.log(2)), float(np.log(4))

SEEN = 0.05
"""A share of an image below which nobody sees what it is the share of."""

PLAIN = 0.02
"""A ring along the edge of which the grey differs by less, five levels on average, is plain."""

QUALITIES = (
    _one("blurred", "smoothness", _from_one, UP, TWICE),
    _one("dark", "brightness", _log(0.01), DOWN, TWICE),
    _one("dark", "brightest", _log(0.01), DOWN, TWICE),
    _one("bright", "brightness", _from_one, UP, TWICE),
    _one("bright", "bright_share", _as_is, UP, 0.2),
    Quality(
        "over-exposed", "burnt out", ("burnt", "bright_share", "background_spread"), _overflow,
        _log(SEEN), UP, TWICE, unseen=("burnt",),
    ),
    _one("low contrast", "contrast", _log(0.002), DOWN, TWICE),
    Quality(
        "low contrast", "tonal range", ("brightest", "darkest"), _range, _log(0.02), DOWN, TWICE
    ),
    _one("low information", "entropy", _log(0.05), DOWN, TWICE),
    _one("low information", "commonest_colour", _from_one, UP, FOUR_TIMES),
    _mark("grey among colour", "coloured", 0.002, DOWN),
    _mark("colour among grey", "coloured", 0.02, UP),
    Quality("border", "border", ("border",), _as_is, _log(0.04), UP, TWICE, unseen=("margin",)),
    Quality("small", "megapixels", ("width", "height"), _megapixels, _log(1e-6), DOWN, FOUR_TIMES),
    Quality("large", "megapixels", ("width", "height"), _megapixels, _log(1e-6), UP, FOUR_TIMES),
    Quality("narrow", "width / height", ("width", "height"), _ratio, _log(1e-3), DOWN, TWICE),
    Quality("wide", "width / height", ("width", "height"), _ratio, _log(1e-3), UP, TWICE),
)  # fmt: skip
"""What is looked at. `least` is what a person sees at a glance: a factor of two, a tenth of the
pixels; it counts where nearly all images share one value."""


def known_numbers(evidence: Evidence) -> pd.DataFrame:
    """The columns that `QUALITIES` are made of, as far as they are known."""
    parts = [part for part in (evidence.image_stats, evidence.file_facts) if part is not None]
    numbers = [part.select_dtypes("number").reset_index(drop=True) for part in parts]
    return pd.concat(numbers, axis=1)
