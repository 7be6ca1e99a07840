r"""Shapes of file names that hold a group: each is a regular expression that cuts a name in two.

The key is what images of a group would share (``person_07``), the rest is what tells them apart
(``_front``). Whether keys are groups is for `curate.data.suspicion` to judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Check = Literal["copies", "counter", "words", "vocabulary", "folder"]


@dataclass(frozen=True)
class Shape:
    """One way to cut a name.

    Attributes:
        pattern: usable as ``--group-pattern``: it looks at the end of the path alone, and its named
            group ``group`` is the key.
        check: what the rests must be like: "copies" (anything), "counter" (small numbers), "words"
            (parts that come back in other groups), "vocabulary" (few words in all) or "folder"
            (the key is a folder, the rests are files).
        any_key: whether a key without a digit counts.
    """

    pattern: str
    check: Check
    any_key: bool = False

    def qualified(self) -> Shape:
        """The same shape with the folder above as part of the key."""
        return replace(self, pattern=self.pattern.replace("(?P<group>", "(?P<group>[^/]+/", 1))


# Each begins where a name begins: without that, a search starts anew at every letter.
SHAPES = (
    # NAME_jpg.rf.0123456789abcdef.jpg: augmented copies, as Roboflow writes them.
    Shape(r"(?:^|/)(?P<group>[^/]+)\.rf\.[0-9A-Za-z]{16,}\.\w+$", "copies", any_key=True),
    # NAME (2).jpg
    Shape(r"(?:^|/)(?P<group>[^/]+?) ?\(\d+\)\.\w+$", "counter", any_key=True),
    # person_07_front.jpg, video12_frame_0034.jpg, video12frame34.jpg: up to the first number.
    # Short numbers alone are ages or counters more often than persons.
    Shape(
        r"(?:^|/)(?P<group>(?:[^/\d]*[^\W\d_][^/\d]*\d+|\d{3,}))"
        r"(?:[-_\s.]|[^\W\d_]{3})[^/]*\.\w+$",
        "words",
    ),
    # n02103406_3326-7.jpg: a number after a name that holds one.
    Shape(r"(?:^|/)(?P<group>[^/\d]*\d[^/]*?)[-_\s.]+\d+\.\w+$", "counter"),
    # obama_3.jpg, obama3.jpg: a number after a name that ends in a letter.
    Shape(r"(?:^|/)(?P<group>[^/]*[^\W\d_])[-_\s.]*\d+\.\w+$", "counter", any_key=True),
    # person_07_a.jpg, 12b.jpg
    Shape(r"(?:^|/)(?P<group>[^/]+?)(?:[-_\s.]|(?<=\d))[A-Za-z]\.\w+$", "words", any_key=True),
    # obama_left.jpg
    Shape(r"(?:^|/)(?P<group>[^/]+)[-_\s.][^\W\d_]{2,}\.\w+$", "vocabulary", any_key=True),
    # person_07/anything.jpg, person_07/day_1/anything.jpg
    Shape(r"(?P<group>[^/]+)/[^/]+$", "folder", any_key=True),
    Shape(r"(?P<group>[^/]+)/[^/]+/[^/]+$", "folder", any_key=True),
)

DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?P<mark>[-_.]?)(?:0[1-9]|1[0-2])(?P=mark)(?:0[1-9]|[12]\d|3[01])"
    r"(?:[-_ T.]*(?:at[-_ ])?[0-2]\d[-.:_h]?[0-5]\d(?:[-.:_m]?[0-5]\d)?\d*)?(?!\d)"
)
"""A day, and the time that follows it."""

_HEXADECIMAL = re.compile(r"[0-9a-f]{4,}|[0-9A-F]{4,}")
_LETTER_THEN_DIGIT = re.compile(r"[a-fA-F]\d")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Names:
    """Paths, and what is found out about each name once for all shapes.

    Attributes:
        paths: n paths with slashes, NFC.
        labels: n classes in small letters without separators.
        dates: (start, end) of the date in the path, for rows whose file name has one.
        hashes: rows whose file name is a hexadecimal number.
    """

    paths: Sequence[str]
    labels: Sequence[str]
    dates: dict[int, tuple[int, int]]
    hashes: frozenset[int]

    @classmethod
    def of(cls, paths: Sequence[str], labels: Sequence[str]) -> Names:
        """Look at every name once."""
        dates, hexadecimal, mixed = {}, [], 0
        for row, path in enumerate(paths):
            start = path.rfind("/") + 1
            if match := DATE.search(path, start):
                dates[row] = match.span()
            stem = path[start:].rpartition(".")[0]
            if _HEXADECIMAL.fullmatch(stem):
                hexadecimal.append(row)
                mixed += _LETTER_THEN_DIGIT.search(stem) is not None
        # 0012a and 0012b are no hashes, nor is 0001: in hashes letters come before digits too.
        hashes = hexadecimal if mixed > 0.1 * len(hexadecimal) else []
        plain = {label: _plain(label) for label in set(labels)}
        return cls(paths, [plain[label] for label in labels], dates, frozenset(hashes))

    def cut(self, shape: Shape) -> tuple[list[int], list[str], list[str]]:
        """Cut every name that has the shape.

        A name is left out whose key is its class, or is told apart from others by a date alone.

        Returns:
            Rows, their keys, and their rests without the extension.
        """
        search = re.compile(shape.pattern).search
        rows, keys, rests = [], [], []
        for row, path in enumerate(self.paths):
            match = search(path)
            if match is None or (shape.check in ("counter", "words") and row in self.hashes):
                continue
            key, end = match["group"], match.end("group")
            own = key.rpartition("/")[2]
            if row in self.dates:
                start, stop = self.dates[row]
                if start < end < stop:
                    continue
                if stop <= end:
                    own = own.replace(path[start:stop], "")
                    if not _has_digit(own):
                        continue
            if not (shape.any_key or _has_digit(own)) or _plain(own) == self.labels[row]:
                continue
            rows.append(row)
            keys.append(key)
            rests.append(path[end:].rpartition(".")[0])
        return rows, keys, rests


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)
