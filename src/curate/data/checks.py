"""Whether a catalog can be worked with, and what of it a person should know first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from curate.data.listing import SPLIT_ORDER
from curate.data.source import MAX_PROBLEM_SHARE
from curate.errors import DataError, TooManyProblems, listed


def check_problem_share(
    n_images: int, problems: pd.DataFrame, limit: float = MAX_PROBLEM_SHARE
) -> None:
    """Stop when too many images cannot be read.

    Args:
        n_images: all images, those with problems included.
        problems: the problems so far, with the columns of the problems table.
        limit: the largest share that is passed over.

    Raises:
        TooManyProblems: names the first five and counts the rest.
    """
    if len(problems) <= limit * n_images:
        return
    named = (
        f"{path} ({problem})"
        for path, problem in zip(problems["filepath"], problems["problem"], strict=True)
    )
    raise TooManyProblems(
        f"Expected at most {limit:.0%} unreadable images, found {len(problems)} of "
        f"{n_images} ({len(problems) / n_images:.0%}): {listed(named)}. Check that the files were "
        "copied completely; repair them, or remove them from the folder; or allow more with "
        "--max-problems."
    )


def check_usable(root: Path, splits: Iterable[str], table: pd.DataFrame) -> tuple[str, ...]:
    """Check that the readable images make a classification task, and return its classes.

    Only readable images count: of a class whose train images are all damaged nothing can be
    learned. Call it again when decoding has found more problems.

    Args:
        root: the data folder, for the messages.
        splits: the splits that must have images.
        table: the readable images, with columns `split` and `label` (missing for unlabelled ones).

    Returns:
        The classes of train, sorted.

    Raises:
        DataError: a split has no image, train lacks a class, or there is only one class.
    """
    for split in splits:
        if not (table["split"] == split).any():
            raise DataError(
                f"Expected readable {split} images in {root}, found none. "
                f"Add some, or remove the {split} split."
            )
    classes = tuple(sorted(_labels(table, "train")))
    for split in splits:
        lacking = sorted(_labels(table, split) - set(classes))
        if lacking:
            raise DataError(
                f"Expected every class of {split} in train too, found no readable train image of "
                f"{listed(lacking)} in {root}.{_same_but_case(lacking, classes)} "
                f"Add images of them to train, or remove them from {split}."
            )
    if len(classes) < 2:
        raise DataError(
            f"Expected at least two classes among the train images of {root}, found only "
            f"{listed(classes) or 'unlabelled images'}. Add images of another class."
        )
    return classes


def class_notes(table: pd.DataFrame, empty: list[str]) -> list[str]:
    """Sentences about classes that are empty, tiny, absent from a split, or doubles by case.

    Args:
        table: the readable images, with columns `split` and `label`.
        empty: "split/class" of each class folder without a readable image.
    """
    notes = [f"Class folders without a readable image: {listed(empty)}."] if empty else []
    train = table.loc[table["split"] == "train", "label"].value_counts()
    single = sorted(train.index[train == 1])
    if single:
        notes.append(f"{len(single)} classes have one train image: {listed(single)}.")
    for split in SPLIT_ORDER[1:]:
        there = _labels(table, split)
        if there and (absent := sorted(set(train.index) - there)):
            notes.append(f"{len(absent)} of {len(train)} classes are not in {split}: "
                         f"{listed(absent)}. Scores on {split} say nothing of them.")  # fmt: skip
    spelled = defaultdict(set)
    for label in table["label"].dropna().unique():
        spelled[label.casefold()].add(label)
    doubles = [" / ".join(sorted(names)) for names in spelled.values() if len(names) > 1]
    if doubles:
        notes.append(f"Classes that differ in upper and lower case only: {listed(sorted(doubles))}."
                     " If they are one class, merge them.")  # fmt: skip
    return notes


def byte_notes(table: pd.DataFrame) -> list[str]:
    """Sentences about files with the same bytes, and those among them with different labels."""
    same = table[table["content_digest"].duplicated(keep=False)]
    if same.empty:
        return []
    groups = same.groupby("content_digest")
    notes = [
        f"{len(same)} files have the same bytes as another, in {len(groups)} groups, "
        f"{int((groups['split'].nunique() > 1).sum())} of them across splits."
    ]
    labels = groups["label"].nunique()
    if (clash := labels.index[labels > 1]).size:
        first = same[same["content_digest"] == clash[0]]
        notes.append(
            f"{len(clash)} of these groups have different labels, such as "
            f"{listed(first['filepath'], 2)}. See the finding label_conflict."
        )
    return notes


def image_notes(table: pd.DataFrame) -> list[str]:
    """Sentences about pictures of which only a part is read, and those that EXIF turns."""
    notes = []
    if count := int(table["animated"].sum()):
        first = listed(table.loc[table["animated"], "filepath"], 2)
        notes.append(f"{count} images have several frames; only the first is read: {first}.")
    turned = table["exif_orientation"] != 1
    if count := int(turned.sum()):
        notes.append(
            f"{count} images are stored turned or mirrored, with an EXIF tag that says so. It is "
            "applied here; a training script that ignores it sees them as they are stored: "
            f"{listed(table.loc[turned, 'filepath'], 2)}."
        )
    return notes


def _labels(table: pd.DataFrame, split: str) -> set[str]:
    return set(table.loc[table["split"] == split, "label"].dropna())


def _same_but_case(lacking: list[str], classes: tuple[str, ...]) -> str:
    by_case = {name.casefold(): name for name in classes}
    alike = [by_case[name.casefold()] for name in lacking if name.casefold() in by_case]
    return f" Train has {listed(alike)}: is it the same class?" if alike else ""
