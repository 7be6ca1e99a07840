"""What is trivially known of each image: of its pixels, its file, its name, the user's columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.data.statistics import SHOWN_WORDS
from curate.findings import Evidence

Source = Literal["pixels", "file", "name", "metadata"]

WORDS = {
    **SHOWN_WORDS,
    **{
        color: (f"with less {color.removesuffix('s')}", f"with more {color.removesuffix('s')}")
        for color in (
            "red",
            "green",
            "blue",
            "reds",
            "yellows",
            "greens",
            "cyans",
            "blues",
            "magentas",
        )
    },
    "chroma": ("less colourful", "more colourful"),
    "coloured": ("with less colour", "with more colour"),
    "smoothness": ("rougher", "smoother"),
    "noise": ("less noisy", "noisier"),
    "border": ("with less of a border", "with more of a border"),
    "margin": ("with less of a margin", "with more of a margin"),
    "width": ("narrower in pixels", "wider in pixels"),
    "height": ("less high in pixels", "higher in pixels"),
    "aspect ratio": ("narrower", "wider"),
    "size in bytes": ("smaller in bytes", "larger in bytes"),
    "bytes per pixel": ("of fewer bytes per pixel", "of more bytes per pixel"),
}
"""What a low and a high value is called; others are "of lower NAME" and "of higher NAME"."""

MARKS = 200
"""Marks (formats, words of names, ...) that are looked at: those of most images."""

LEAST = 5
"""Images of which a mark has to be."""

_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Property:
    """One number, or one mark (1 where an image has it, else 0), of each image.

    Attributes:
        name: such as "brightness", or for a mark what it says, such as "format PNG".
        source: where it is from. A model sees pixels; names and columns it does not, they tell
            where images come from.
        values: (n,) finite.
        mark: whether it is a mark.
    """

    name: str
    source: Source
    values: NDArray[np.float64]
    mark: bool = False

    def compared(self, higher: bool) -> str:
        """In words: brighter, or more often format PNG."""
        if self.mark:
            return f"{'more' if higher else 'less'} often {self.name}"
        low, high = WORDS.get(self.name, (f"of lower {self.name}", f"of higher {self.name}"))
        return high if higher else low


def properties(evidence: Evidence) -> list[Property]:
    """All that the evidence holds, numbers first; constant ones are left out."""
    found = [*_numbers(evidence), *_most_frequent([*_marks(evidence)])]
    return [one for one in found if len(one.values) and np.ptp(one.values) > 0]


def pixel_statistics(evidence: Evidence) -> list[Property]:
    """Those of `Evidence.image_stats`."""
    return [one for one in properties(evidence) if one.source == "pixels"]


def _numbers(evidence: Evidence) -> Iterator[Property]:
    if evidence.image_stats is not None:
        yield from _of_frame(evidence.image_stats, "pixels")
    if evidence.file_facts is not None:
        facts = evidence.file_facts
        width, height, size = (
            facts[name].to_numpy(dtype=np.float64) for name in ("width", "height", "size_bytes")
        )
        yield Property("width", "file", width)
        yield Property("height", "file", height)
        yield Property("aspect ratio", "file", width / np.maximum(height, 1))
        yield Property("size in bytes", "file", size)
        yield Property("bytes per pixel", "file", size / np.maximum(width * height, 1))
    if evidence.metadata is not None:
        yield from _of_frame(evidence.metadata, "metadata")


def _of_frame(frame: pd.DataFrame, source: Source) -> Iterator[Property]:
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
            continue
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.isfinite(values)
        if known.any():
            # What is not known sits in the middle; that it is not known is a mark of its own.
            filled = np.where(known, values, np.median(values[known]))
            yield Property(str(name).replace("_", " "), source, filled)


def _marks(evidence: Evidence) -> Iterator[Property]:
    facts, metadata = evidence.file_facts, evidence.metadata
    if facts is not None:
        for fact in ("format", "mode", "exif_orientation"):
            yield from _levels(fact.replace("_", " "), "file", facts[fact])
        sizes = facts["width"].astype(str) + " x " + facts["height"].astype(str)
        yield from _levels("size", "file", sizes)
        yield from _of_names(facts["filename"].tolist(), evidence.class_names)
    if metadata is not None:
        for name in metadata.columns:
            column = metadata[name]
            words = f"{name} ="
            if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
                yield from _levels(words, "metadata", column)
            elif column.isna().any():
                values = column.isna().to_numpy().astype(np.float64)
                yield Property(f"{words} missing", "metadata", values, mark=True)


def _levels(name: str, source: Source, column: pd.Series[Any]) -> Iterator[Property]:
    text = column.astype(object).where(column.notna(), "missing").astype(str)
    counts = text.value_counts()
    for level in sorted(counts.index[counts >= LEAST]):
        values = (text == level).to_numpy(dtype=np.float64)
        yield Property(f"{name} {level}", source, values, mark=True)


def _of_names(filenames: Sequence[str], class_names: Sequence[str]) -> Iterator[Property]:
    """Words of file names, and their shapes: 01003_Mask_Chin_00.jpg has the shape 0_mask_chin_0.

    Words of class names are left out, and are * in shapes: a name that says its class is how
    labels are written down, and predicts it as it should.
    """
    said = {_plain(name) for name in class_names}
    said |= {word for name in class_names for word in _WORD.findall(_plain(name))}
    stems = [_plain(name.rpartition(".")[0]) for name in filenames]
    words = [[w for w in _WORD.findall(stem) if len(w) > 1 and w not in said] for stem in stems]
    shapes = [
        _DIGITS.sub("0", _WORD.sub(lambda match: "*" if match[0] in said else match[0], stem))
        for stem in stems
    ]
    holders: dict[str, list[int]] = {}
    for row, found in enumerate(words):
        for word in set(found):
            holders.setdefault(word, []).append(row)
    for word in sorted(holders):
        if len(holders[word]) >= LEAST:
            values = np.zeros(len(stems))
            values[holders[word]] = 1
            yield Property(f"file name with {word!r}", "name", values, mark=True)
    yield from _levels("file name like", "name", pd.Series(map(repr, shapes), dtype=object))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _most_frequent(marks: list[Property]) -> list[Property]:
    """The `MARKS` of most images, one of those that are on the same images."""
    seen: dict[bytes, Property] = {}
    for one in marks:
        seen.setdefault(np.packbits(one.values > 0).tobytes(), one)
    return sorted(seen.values(), key=lambda one: (-one.values.sum(), one.name))[:MARKS]
