r"""Classes, groups, splits and metadata that file paths hold, read by regular expressions.

A dataset whose folders are persons and whose files are classes needs no script:
``--label-pattern '(?P<label>mask|incorrect_mask|normal)\d*\.'`` names the class, and
``--group-pattern '(?P<group>\d+)_(?P<gender>[a-z]+)_'`` the person and a metadata column.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curate.data.listing import SPLIT_NAMES
from curate.errors import DataError, listed
from curate.findings import Ints

_LABEL_EXAMPLE = r"'(?P<label>cat|dog)_\d+\.'"
_GROUP_EXAMPLE = r"'(?P<group>person_\d+)_'"


@dataclass(frozen=True)
class Read:
    """What the patterns read from n paths.

    Attributes:
        labels: n classes, None where no class was found; None when no pattern names one.
        groups: n groups, "" where no group was found.
        splits: n of "train", "val", "test" or "" (not found); None when no pattern names one.
        metadata: (n, named groups of any other name) strings, "" where not found.
        unmatched_label: rows without a class, ascending; empty when no pattern names one.
        unmatched_group: the same for the group.
    """

    labels: list[str | None] | None
    groups: list[str]
    splits: list[str] | None
    metadata: pd.DataFrame
    unmatched_label: Ints
    unmatched_group: Ints


@dataclass(frozen=True)
class _Part:
    """One regular expression: the option it came by, and what its groups are read as."""

    option: str
    pattern: re.Pattern[str]
    columns: dict[str, str | int]
    """Column -> the name (or number) of the group that holds it, in the pattern's order."""


@dataclass(frozen=True)
class Patterns:
    """The regular expressions of ``--label-pattern`` and ``--group-pattern``, checked.

    Made by `read_patterns`. Each is searched for (not matched from the start) in the path below
    DATA, with slashes and in Unicode's NFC form. Case counts, unless the pattern says ``(?i)``.
    As everywhere in regular expressions the leftmost match wins: in ``incorrect_mask.jpg`` the
    pattern ``mask|incorrect_mask`` finds ``incorrect_mask``, in whichever order they are written.
    """

    parts: tuple[_Part, ...]

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The named groups that make up the class: ``label``, ``label_*``, in pattern order."""
        return tuple(name for name in self._names if _is_label(name))

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The named groups that are neither class, group nor split, in pattern order."""
        return tuple(n for n in self._names if not _is_label(n) and n not in ("group", "split"))

    @property
    def _names(self) -> list[str]:
        return [name for part in self.parts for name in part.columns]

    def read(self, paths: Sequence[str]) -> Read:
        """Read classes, groups, splits and metadata.

        A class of several parts is joined by "_"; where one part was not found or is empty, the
        class was not found.

        Args:
            paths: n paths below DATA, with slashes.

        Raises:
            DataError: the named group ``split`` found what is no split's name.
        """
        values: dict[str, list[str]] = {name: [] for name in self._names}
        for path in paths:
            normal = unicodedata.normalize("NFC", path)
            for part in self.parts:
                match = part.pattern.search(normal)
                for column, group in part.columns.items():
                    found = None if match is None else match.group(group)
                    values[column].append("" if found is None else found.strip())
        labels = self._labels(values)
        groups = values.get("group")
        return Read(
            labels=labels,
            groups=[""] * len(paths) if groups is None else groups,
            splits=_splits(values["split"], paths) if "split" in values else None,
            metadata=pd.DataFrame(
                {name: values[name] for name in self.metadata_columns},
                index=range(len(paths)),
                columns=list(self.metadata_columns),
                dtype=object,
            ),
            unmatched_label=_rows([] if labels is None else [x is None for x in labels]),
            unmatched_group=_rows([] if groups is None else [x == "" for x in groups]),
        )

    def _labels(self, values: dict[str, list[str]]) -> list[str | None] | None:
        if not self.label_columns:
            return None
        columns = [values[name] for name in self.label_columns]
        return ["_".join(row) if all(row) else None for row in zip(*columns, strict=True)]

    def explain(self, paths: Sequence[str]) -> str:
        """Say which pattern finds nothing in how many of the paths, and name the first five.

        Returns:
            One sentence or two for each pattern that misses a class or group, with what to do; ""
            where every path has what the patterns look for.
        """
        read = self.read(paths)
        missed = {"class": read.unmatched_label, "group": read.unmatched_group}
        sought = {"class": self.label_columns, "group": ("group",)}
        sentences = []
        for what, rows in missed.items():
            if len(rows) == 0:
                continue
            part = next(p for p in self.parts if set(sought[what]) & set(p.columns))
            names = " and ".join(f"(?P<{name}>...)" for name in sought[what])
            sentences.append(
                f"Expected {part.option} '{part.pattern.pattern}' to find a {what} by {names} in "
                f"every path, found none in {len(rows):,} of {len(paths):,}: "
                f"{listed(paths[row] for row in rows)}. "
                "It is searched in the path below DATA as written here. Correct the pattern."
            )
        return " ".join(sentences)


def read_patterns(label_pattern: str | None, group_pattern: str | None) -> Patterns:
    """Compile and check the two options.

    Args:
        label_pattern: must have a named group ``label``, or several beginning with ``label_``
            that together are the class, such as ``label_state`` and ``label_gender``.
        group_pattern: must have a named group ``group``, or a single group without a name.

    Either pattern may also name ``split`` and metadata columns, and each may name what the other
    one is for: one expression can be enough.

    Raises:
        DataError: an expression does not compile, lacks its named group, or both name the same.
    """
    parts = []
    if label_pattern is not None:
        part = _compile("--label-pattern", label_pattern)
        if not any(_is_label(name) for name in part.columns):
            raise DataError(
                f"Expected a named group 'label' in --label-pattern, found '{label_pattern}' "
                f"{_named(part)}. Write (?P<label>...) round the class, as in {_LABEL_EXAMPLE}."
            )
        parts.append(part)
    if group_pattern is not None:
        part = _compile("--group-pattern", group_pattern)
        if not part.columns and part.pattern.groups == 1:
            part = _Part(part.option, part.pattern, {"group": 1})
        if "group" not in part.columns:
            raise DataError(
                f"Expected a named group 'group' in --group-pattern, found '{group_pattern}' "
                f"{_named(part)}. Write (?P<group>...) round what the images of one group share, "
                f"as in {_GROUP_EXAMPLE}."
            )
        parts.append(part)
    counts = Counter(name for part in parts for name in part.columns)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise DataError(
            f"Expected each named group in one of --label-pattern and --group-pattern, found "
            f"{listed(twice)} in both. Rename or remove one."
        )
    return Patterns(tuple(parts))


def _compile(option: str, pattern: str) -> _Part:
    # Paths are compared in NFC, so a pattern typed in another form would never match.
    pattern = unicodedata.normalize("NFC", pattern)
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        where = error.pos if isinstance(error, re.error) and error.pos is not None else None
        what = error.msg if isinstance(error, re.error) else str(error)
        at = "" if where is None else f" at character {where + 1}: {pattern[where:][:20]!r}"
        raise DataError(
            f"Expected a regular expression in {option}, found '{pattern}' ({what}{at}). "
            "Correct it; in a shell, write it in single quotes."
        ) from error
    return _Part(option, compiled, {name: name for name in compiled.groupindex})


def _named(part: _Part) -> str:
    if part.columns:
        return f"with the named groups {listed(part.columns)}"
    return "without named groups"


def _is_label(name: str) -> bool:
    return name == "label" or name.startswith("label_")


def _rows(missing: list[bool]) -> Ints:
    return np.flatnonzero(np.asarray(missing, dtype=bool))


def _splits(found: list[str], paths: Sequence[str]) -> list[str]:
    unknown = [row for row, name in enumerate(found) if name and name.lower() not in SPLIT_NAMES]
    if unknown:
        raise DataError(
            f"Expected the group (?P<split>...) to find one of {', '.join(SPLIT_NAMES)}, found "
            f"{listed(dict.fromkeys(found[row] for row in unknown))} "
            f"(in {paths[unknown[0]]!r}). Narrow the pattern, as in (?P<split>train|val|test)."
        )
    return [SPLIT_NAMES.get(name.lower(), "") for name in found]
