"""How the images of one class (or split) look unlike those of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.data.file_facts import GREY_MODES
from curate.data.statistics import SHOWN, SHOWN_WORDS
from curate.findings import Floats
from curate.numerics.intervals import wilson
from curate.numerics.tails import binomial_upper
from curate.pipeline.pixel_facts import GREY_SATURATION
from curate.pipeline.plain_text import number

ALPHA = 0.001
"""Chance that one kind of look names any class of data whose classes differ by chance alone."""

APART = 0.9
"""A class is darker (larger, ...) than the others when so many of its images are, by their median:
where classes do not differ it is half of them."""

ROBUST_Z = 3.5
"""With five classes or more its median must also lie this many robust standard deviations
(1.4826 MAD) from those of the others (Iglewicz and Hoaglin, "How to Detect and Handle Outliers",
1993): where every class has a brightness of its own, none is odd."""

ENOUGH_CLASSES = 5

CONTRAST = 0.5
"""A format, a size or colour marks a class when its share is that much larger than elsewhere."""

WORDS = {
    **SHOWN_WORDS,
    "megapixels": ("smaller", "larger"),
    "aspect_ratio": ("narrower", "wider"),
    "bytes_per_pixel": ("of fewer bytes per pixel", "of more bytes per pixel"),
}
"""What a low and a high value of each property is called."""

LOG_SCALE = ("sharpness", "megapixels", "aspect_ratio", "bytes_per_pixel")

MARKS = ("format", "size", "exif", "colour")


class Reason(NamedTuple):
    """Why one class deserves a look.

    Attributes:
        name: of the class (or split).
        kind: "few", "split", "problems", "copies", a property of `WORDS`, or one of `MARKS`.
        severity: 0 to 1; the share of the class's images that the reason is about, beyond what is
            usual.
        text: a sentence with its numbers.
    """

    name: str
    kind: str
    severity: float
    text: str


@dataclass(frozen=True)
class _Members:
    """Which class each row is of.

    Attributes:
        names: sorted.
        codes: (n,) position in `names`.
        noun: "classes" or "splits".
        sampled: whether the rows are a sample of the images.
    """

    names: list[str]
    codes: NDArray[np.intp]
    noun: str
    sampled: bool

    @property
    def sizes(self) -> NDArray[np.intp]:
        """(n_names,) rows of each."""
        return np.bincount(self.codes, minlength=len(self.names))

    def share(self, k: int, n: int) -> str:
        """A count and share, with its interval where it is an estimate."""
        if not self.sampled:
            return f"all {n:,} images" if k == n else f"{k:,} of {n:,} images ({k / n:.0%})"
        low, high = wilson(k, n)
        return f"{k:,} of {n:,} measured images ({k / n:.0%} [{low:.0%}, {high:.0%}])"


def differences(
    table: pd.DataFrame, statistics: pd.DataFrame, key: str, noun: str
) -> Iterator[Reason]:
    """Compare each class with the others by the properties `WORDS` and the marks `MARKS`.

    Args:
        table: the readable images, as in the catalog; all of them have a `key`.
        statistics: pixel statistics of all images or of a sample, by `sample_id`.
        key: the column of the classes (or splits).
        noun: what they are called.
    """
    area = (table["width"].astype(float) * table["height"]).clip(lower=1)
    size = table["width"].astype(str) + " x " + table["height"].astype(str) + " pixels"
    turned = np.where(table["exif_orientation"] == 1, "upright", "turned by EXIF")
    every = _members(table[key], noun, sampled=False)
    yield from _marks("format", table["format"], every)
    yield from _marks("size", size, every)
    yield from _marks("exif", pd.Series(turned), every)
    yield from _apart("megapixels", area / 1e6, every)
    yield from _apart("aspect_ratio", table["width"] / table["height"].clip(lower=1), every)
    yield from _apart("bytes_per_pixel", table["size_bytes"] / area, every)
    pixels = statistics.merge(table[["sample_id", key]], on="sample_id")
    if not len(pixels):
        grey = np.where(table["mode"].isin(GREY_MODES), "grey", "in colour")
        yield from _marks("colour", pd.Series(grey), every)
        return
    # Pixels know better than modes: grey images are often stored as RGB.
    measured = _members(pixels[key], noun, sampled=len(pixels) < len(table))
    grey = np.where(pixels["saturation"] < GREY_SATURATION, "grey", "in colour")
    yield from _marks("colour", pd.Series(grey), measured)
    for name in SHOWN:
        yield from _apart(name, pixels[name], measured)


def _members(labels: pd.Series[Any], noun: str, sampled: bool) -> _Members:
    codes, names = pd.factorize(labels, sort=True)
    return _Members([str(name) for name in names], codes, noun, sampled)


def _apart(kind: str, column: pd.Series[float], members: _Members) -> Iterator[Reason]:
    """Classes nearly all of whose images lie on one side of the median of the others' medians."""
    values, n_names = column.to_numpy(dtype=float), len(members.names)
    if n_names < 2:
        return
    medians = pd.Series(values).groupby(members.codes).median().to_numpy(dtype=float)
    middle = np.array([np.median(np.delete(medians, i)) for i in range(n_names)])
    below = np.bincount(members.codes, values < middle[members.codes], n_names)
    above = np.bincount(members.codes, values > middle[members.codes], n_names)
    limit = ALPHA / (2 * n_names * len(WORDS))
    for i, (name, n) in enumerate(zip(members.names, members.sizes.tolist(), strict=True)):
        high = bool(above[i] > below[i])
        k = int(max(above[i], below[i]))
        if k < APART * n or binomial_upper(k, n, 0.5) >= limit:
            continue
        if n_names >= ENOUGH_CLASSES and not _far(medians, i, kind in LOG_SCALE):
            continue
        text = (
            f"{members.share(k, n)} are {WORDS[kind][high]} than the other {members.noun} "
            f"(median {kind.replace('_', ' ')} {number(medians[i])}, theirs {number(middle[i])})"
        )
        yield Reason(name, kind, 2 * k / n - 1, text)


def _far(medians: Floats, i: int, logarithmic: bool) -> bool:
    """Whether one median lies `ROBUST_Z` robust standard deviations from the others."""
    scaled = np.log(np.maximum(medians, 1e-9)) if logarithmic else medians
    others = np.delete(scaled, i)
    middle = np.median(others)
    spread = 1.4826 * np.median(np.abs(others - middle))
    return bool(abs(scaled[i] - middle) >= ROBUST_Z * spread)


def _marks(kind: str, column: pd.Series[Any], members: _Members) -> Iterator[Reason]:
    """Classes most of whose images share a format, size or colour that others rarely have."""
    values, uniques = pd.factorize(column, sort=True)
    if len(members.names) < 2 or len(uniques) < 2:
        return
    in_all = np.bincount(values)
    pairs, counts = np.unique(members.codes * len(uniques) + values, return_counts=True)
    commonest: dict[int, tuple[int, int]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        i, value = divmod(pair, len(uniques))
        if count > commonest.get(i, (0, 0))[0]:
            commonest[i] = (count, value)
    limit = ALPHA / (len(members.names) * len(MARKS))
    for i, (name, n) in enumerate(zip(members.names, members.sizes.tolist(), strict=True)):
        k, value = commonest[i]
        k_rest, rest = int(in_all[value]) - k, len(values) - n
        if k / n - k_rest / rest < CONTRAST:
            continue
        if binomial_upper(k, n, (k_rest + 1) / (rest + 2)) < limit:
            text = (
                f"{members.share(k, n)} are {uniques[value]}; of the other {members.noun}' images "
                f"{k_rest:,} of {rest:,}"
            )
            yield Reason(name, kind, k / n - k_rest / rest, text)
