"""Image folders to a checked table: every file is a row of it, a problem, or counted as skipped."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curate.data.images import UnreadableImage
from curate.data.layout import (
    SPLIT_ORDER,
    Entry,
    Problem,
    Walk,
    find_splits,
    has_image_extension,
    walk,
)
from curate.data.reading import Facts, read_all
from curate.errors import DataError, TooManyProblems, listed
from curate.progress import Progress, silent
from curate.store.schema import CATALOG, PROBLEMS, to_arrow

MAX_PROBLEM_SHARE = 0.05
"""A larger share of unreadable images stops a run: then something is wrong with the folder."""


@dataclass(frozen=True)
class Catalog:
    """The checked table of images.

    Attributes:
        root: the data folder, absolute.
        table: one row an image, with the columns of `curate.store.schema.CATALOG`, in the order
            train, val, test, then label, then path below the class folder.
        problems: one row a file that is meant to be an image and cannot be read, with the columns
            of `curate.store.schema.PROBLEMS`; `problem` is one of `curate.data.images
            .PROBLEM_KINDS`. Images in = rows of `table` + rows of `problems`.
        class_names: the classes of train, sorted. A class without a readable image is none.
        notes: sentences about what was left out.
        skipped: files passed over that are no images, by `curate.data.layout.SKIPPED_KINDS`.
    """

    root: Path
    table: pd.DataFrame
    problems: pd.DataFrame
    class_names: tuple[str, ...]
    notes: list[str]
    skipped: dict[str, int]

    @property
    def n_images(self) -> int:
        """All images, readable or not."""
        return len(self.table) + len(self.problems)


def scan(
    root: str | Path, previous: pd.DataFrame | None = None, progress: Progress = silent
) -> Catalog:
    """Read DATA/{train, val|valid|validation, test}/CLASS/.../image into a catalog.

    Every file's bytes are hashed and its header is read; pixels are not decoded, so that an image
    that is broken further in is found only by whoever decodes it.

    Args:
        root: the data folder.
        previous: the table of an older catalog; rows of unchanged files (path, size, time of
            change) are reused without opening the file. Files with problems are looked at again.
        progress: opens the bar.

    Raises:
        DataError: the folder cannot be used; the message says why. Nothing was written.
        TooManyProblems: more than 5 % of the images cannot be read.
    """
    # Not Path.resolve(): a linked file keeps the name under which it is given.
    root = Path(os.path.abspath(Path(root).expanduser()))  # noqa: PTH100 - also removes ".."
    splits = find_splits(root)
    found = walk(root, splits)
    facts = read_all(found.entries, previous, progress)
    rows: list[tuple[Entry, Facts]] = []
    for entry, fact in zip(found.entries, facts, strict=True):
        if isinstance(fact, Facts):
            rows.append((entry, fact))
        elif fact.problem in ("not_an_image", "empty") and not has_image_extension(entry.relative):
            found.skipped["not_an_image"] += 1
        else:
            found.problems.append(_problem(entry, fact))
    table = _table(rows)
    problems = _problems(found.problems)
    check_problem_share(len(table) + len(problems), problems)
    class_names = check_usable(root, splits, table)
    return Catalog(
        root=root,
        table=table,
        problems=problems,
        class_names=class_names,
        notes=found.notes + _empty_classes(found, table),
        skipped={
            kind: found.skipped[kind] for kind in sorted(found.skipped) if found.skipped[kind]
        },
    )


def check_problem_share(n_images: int, problems: pd.DataFrame) -> None:
    """Stop when more than 5 % of the images cannot be read.

    Args:
        n_images: all images, those with problems included.
        problems: the problems so far, with the columns of the problems table.

    Raises:
        TooManyProblems: names the first five and counts the rest.
    """
    if len(problems) <= MAX_PROBLEM_SHARE * n_images:
        return
    named = (
        f"{path} ({problem})"
        for path, problem in zip(problems["filepath"], problems["problem"], strict=True)
    )
    raise TooManyProblems(
        f"Expected at most {MAX_PROBLEM_SHARE:.0%} unreadable images, found {len(problems)} of "
        f"{n_images} ({len(problems) / n_images:.0%}): {listed(named)}. Check that the files were "
        "copied completely; repair them, or remove them from the folder."
    )


def check_usable(root: Path, splits: Iterable[str], table: pd.DataFrame) -> tuple[str, ...]:
    """Check that the readable images make a classification task, and return its classes.

    Only readable images count: of a class whose train images are all damaged nothing can be
    learned. Call it again when decoding has found more problems.

    Args:
        root: the data folder, for the messages.
        splits: the splits that must have images.
        table: the readable images, with columns `split` and `label`.

    Returns:
        The classes of train, sorted.

    Raises:
        DataError: a split has no image, train lacks a class, or there is only one class.
    """
    for split in splits:
        if not (table["split"] == split).any():
            raise DataError(
                f"Expected readable images in the {split} folder of {root}, found none. "
                "Add some, or remove the folder."
            )
    classes = tuple(sorted(set(table.loc[table["split"] == "train", "label"])))
    for split in splits:
        lacking = sorted(set(table.loc[table["split"] == split, "label"]) - set(classes))
        if lacking:
            raise DataError(
                f"Expected every class of {split} in train too, found no readable train image of "
                f"{listed(lacking)} in {root}.{_same_but_case(lacking, classes)} "
                f"Add images of them to train, or remove them from {split}."
            )
    if len(classes) < 2:
        raise DataError(
            f"Expected at least two classes in the train folder of {root}, found only "
            f"{listed(classes)}. Add a folder with images of another class."
        )
    return classes


def sample_id(split: str, label: str, relative: str) -> str:
    """The stable identifier of an image: the same wherever the data folder lies."""
    return hashlib.sha256(f"{split}/{label}/{relative}".encode()).hexdigest()[:16]


def _table(rows: list[tuple[Entry, Facts]]) -> pd.DataFrame:
    ids = [sample_id(entry.split, entry.label, entry.relative) for entry, _ in rows]
    if len(set(ids)) < len(ids):
        ids = _told_apart(ids, [entry for entry, _ in rows])
    columns = {
        "sample_id": ids,
        "group": [""] * len(rows),
        **{name: [entry[i] for entry, _ in rows] for i, name in enumerate(Entry._fields)},
        **{name: [facts[i] for _, facts in rows] for i, name in enumerate(Facts._fields)},
    }
    frame = pd.DataFrame({name: columns[name] for name in CATALOG})
    table: pd.DataFrame = to_arrow("catalog", frame).to_pandas()
    return table


def _told_apart(ids: list[str], entries: list[Entry]) -> list[str]:
    """Give a second id where two names differ only in how Unicode composes their letters."""
    times: Counter[str] = Counter()
    unique = []
    for name, entry in zip(ids, entries, strict=True):
        times[name] += 1
        # No file can lie below a file: this path is nobody else's.
        relative = f"{entry.relative}/{times[name]}"
        unique.append(name if times[name] == 1 else sample_id(entry.split, entry.label, relative))
    return unique


def _problem(entry: Entry, error: UnreadableImage) -> Problem:
    return Problem(entry.filepath, entry.split, entry.label, error.problem, error.detail)


def _problems(problems: list[Problem]) -> pd.DataFrame:
    ordered = sorted(problems, key=lambda p: (SPLIT_ORDER.index(p.split), p.label, p.filepath))
    frame = pd.DataFrame(ordered, columns=[*PROBLEMS])
    table: pd.DataFrame = to_arrow("problems", frame).to_pandas()
    return table


def _empty_classes(found: Walk, table: pd.DataFrame) -> list[str]:
    filled = set(zip(table["split"], table["label"], strict=True))
    empty = [
        f"{split}/{label}" for split, label in found.class_folders if (split, label) not in filled
    ]
    return [f"Class folders without a readable image: {listed(empty)}."] if empty else []


def _same_but_case(lacking: list[str], classes: tuple[str, ...]) -> str:
    by_case = {name.casefold(): name for name in classes}
    alike = [by_case[name.casefold()] for name in lacking if name.casefold() in by_case]
    return f" Train has {listed(alike)}: is it the same class?" if alike else ""
