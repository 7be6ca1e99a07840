"""A list of files that may be images, whoever made it: folders, manifests, another program."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Names of splits in lower case, and the split each one means."""

SPLIT_ORDER = ("train", "val", "test")

IMAGE_EXTENSIONS = frozenset({
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff",
    "avif", "heic", "heif", "jxl", "jp2", "j2k", "ppm", "pgm", "pbm", "pnm",
})  # fmt: skip
"""A file so named is meant to be an image: if it is none, that is a problem. A file of any other
name is an image if its content is one, and is skipped otherwise."""

SKIPPED_KINDS = (
    "hidden",
    "system",
    "not_an_image",
    "outside_class_folders",
    "link_loop",
    "linked_twice",
    "listed_twice",
    "not_listed",
)
"""Why a file, folder or manifest row is passed over without being a problem."""


class Entry(NamedTuple):
    """One file that may be an image.

    Attributes:
        filepath: absolute, as the file system spells it.
        split: "train", "val", "test", or "" where the source says nothing.
        label: the class, in Unicode's NFC form; None for an unlabelled image.
        start: where `relative` begins in `filepath`. A number, because a second string an image
            is memory that 100,000 images feel.
        size_bytes: the size of the file (of its target, for a link).
        mtime_ns: the time of its last change.
        row: of `Listing.metadata`, or -1.
    """

    filepath: str
    split: str
    label: str | None
    start: int
    size_bytes: int
    mtime_ns: int
    row: int = -1

    @property
    def relative(self) -> str:
        """What tells the image from others of its split and class, with slashes, NFC.

        The path below the class folder, or below the folder that a manifest's paths start from.
        """
        tail = self.filepath[self.start :].replace(os.sep, "/")
        return tail if tail.isascii() else unicodedata.normalize("NFC", tail)


class Problem(NamedTuple):
    """One row of the problems table."""

    filepath: str
    split: str
    label: str | None
    problem: str
    detail: str


@dataclass
class Listing:
    """What a source holds.

    Attributes:
        root: the folder that paths are shown relative to, absolute.
        entries: the files, in any order.
        problems: files that cannot even be opened, and rows that name no file.
        class_folders: (split, label) of every class folder, empty ones too.
        splits: the splits that the source names and that must therefore have images.
        metadata: the user's own columns, one row for each `Entry.row`.
        group_column: the column of `metadata` that `Source.group_column` names.
        notes: sentences about what was left out or looks odd.
        skipped: how many files were passed over, by `SKIPPED_KINDS`.
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    class_folders: list[tuple[str, str]] = field(default_factory=list)
    splits: tuple[str, ...] = ()
    metadata: pd.DataFrame = field(default_factory=pd.DataFrame)
    group_column: str | None = None
    notes: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def metadata_of(self, rows: Iterable[int]) -> pd.DataFrame:
        """The user's columns of the entries with these rows; missing where there is no row."""
        found = self.metadata.reset_index(drop=True).reindex(list(rows))
        return found.reset_index(drop=True)


def has_image_extension(name: str) -> bool:
    """Whether a file of this name is meant to be an image."""
    return name.rpartition(".")[2].lower() in IMAGE_EXTENSIONS


def printable(path: str) -> str:
    """Spell a path that is not UTF-8 so that a table can hold it."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
