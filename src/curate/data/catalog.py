"""A source of images to a checked table: every file is a row of it, a problem, or counted."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa

from curate.data.checks import (
    byte_notes,
    check_problem_share,
    check_usable,
    class_notes,
    image_notes,
)
from curate.data.class_names import read_class_names, rename
from curate.data.columns import kind_of
from curate.data.grouping import Straddling, Suspicion, straddling, suspect
from curate.data.layout import list_folder
from curate.data.listing import (
    SPLIT_ORDER,
    Entry,
    Listing,
    Problem,
    has_image_extension,
)
from curate.data.manifest import listing_of, read_manifests
from curate.data.placing import with_splits
from curate.data.reading import read_all
from curate.data.source import Source
from curate.data.tagging import tag_by_path
from curate.errors import DataError
from curate.progress import Progress, silent
from curate.store.schema import CATALOG, PROBLEMS, to_arrow


@dataclass(frozen=True)
class Catalog:
    """The checked table of images.

    Attributes:
        root: the data folder, absolute.
        table: one row an image, with the columns of `curate.store.schema.CATALOG`, then the user's
            own, in the order train, val, test, then label, then path below the class folder.
            `label` is missing for an unlabelled image, `group` is "" for an image of its own.
        problems: one row a file that is meant to be an image and cannot be read, with the columns
            of `curate.store.schema.PROBLEMS`; `problem` is one of `curate.data.images
            .PROBLEM_KINDS`. Images in = rows of `table` + rows of `problems`.
        class_names: the classes of train, sorted. A class without a readable image is none.
        notes: sentences about what was left out or deserves a look.
        skipped: files passed over that are no images, by `curate.data.listing.SKIPPED_KINDS`.
        metadata: the user's own columns of `table` and the kind of each: "int", "float", "bool",
            "datetime" or "string".
        empty_classes: "split/class" of each class folder without a readable image.
    """

    root: Path
    table: pd.DataFrame
    problems: pd.DataFrame
    class_names: tuple[str, ...]
    notes: list[str]
    skipped: dict[str, int]
    metadata: dict[str, str] = field(default_factory=dict)
    empty_classes: list[str] = field(default_factory=list)

    @property
    def n_images(self) -> int:
        """All images, readable or not."""
        return len(self.table) + len(self.problems)

    @cached_property
    def straddling(self) -> Straddling | None:
        """How groups lie across the splits; None where no groups are known."""
        if not (self.table["group"] != "").any():
            return None
        return straddling(self.table["group"].tolist(), self.table["split"].tolist())

    @cached_property
    def suspicion(self) -> Suspicion | None:
        """Groups that file names seem to hold, where none were given; None without."""
        if (self.table["group"] != "").any():
            return None
        labels = [None if pd.isna(label) else label for label in self.table["label"]]
        paths = ["/".join(path.split("/")[-3:]) for path in self.table["filepath"]]
        return suspect(paths, labels, self.table["split"].tolist())

    @property
    def first_notes(self) -> list[str]:
        """The sentences about groups: what a person must see on the first page."""
        return [found.sentence for found in (self.straddling, self.suspicion) if found is not None]


def scan(
    source: Source | str | Path,
    given: pd.DataFrame | None = None,
    previous: pd.DataFrame | None = None,
    progress: Progress = silent,
    seed: int = 0,
) -> Catalog:
    """Read a source of images into a catalog.

    Every file's bytes are hashed and its header is read; pixels are not decoded, so that an image
    that is broken further in is found only by whoever decodes it.

    Args:
        source: where the images are and how to read what is there; or a folder.
        given: a table of images in memory, read like a manifest in place of `source.data`.
        previous: the table of an older catalog; rows of unchanged files (path, size, time of
            change) are reused without opening the file. Files with problems are looked at again.
        progress: opens the bar.
        seed: of made splits.

    Raises:
        DataError: the source cannot be used; the message says why. Nothing was written.
        TooManyProblems: more than `source.max_problems` of the images cannot be read.
    """
    if not isinstance(source, Source):
        source = Source(str(source))
    listing = _list(source, given)
    groups = tag_by_path(listing, source)
    files, own = _files(listing, groups), list(listing.metadata.columns)
    facts, bad = read_all(files, previous, progress, source.max_pixels)
    for row, error in bad.items():
        path, split = str(files.at[row, "filepath"]), str(files.at[row, "split"])
        if error.problem in ("not_an_image", "empty") and not has_image_extension(path):
            listing.skipped["not_an_image"] += 1
        else:
            label = files.at[row, "label"]
            known = label if isinstance(label, str) else None
            listing.problems.append(Problem(path, split, known, error.problem, error.detail))
    files = files.iloc[facts.index].reset_index(drop=True)
    table = pd.concat([files, facts.reset_index(drop=True)], axis=1)[list(CATALOG)]
    if own:
        table = pd.concat([table, listing.metadata_of(files["row"])], axis=1)
    del files, facts
    table, notes = with_splits(table, listing.root, source, seed)
    if source.class_names is not None:
        notes += _rename(table, listing, source.class_names)
    problems = _problems(listing.problems)
    check_problem_share(len(table) + len(problems), problems, source.max_problems)
    wanted = {*table["split"].unique(), *filter(None, listing.splits)}
    class_names = check_usable(listing.root, [s for s in SPLIT_ORDER if s in wanted], table)
    filled = set(zip(table["split"], table["label"], strict=True)) if listing.splits else {
        ("", label) for label in table["label"].unique()
    }  # fmt: skip
    empty = ["/".join(filter(None, pair)) for pair in listing.class_folders if pair not in filled]
    notes = [
        *listing.notes, *notes, *class_notes(table, empty), *byte_notes(table), *image_notes(table),
    ]  # fmt: skip
    return Catalog(
        root=listing.root,
        table=table,
        problems=problems,
        class_names=class_names,
        notes=notes,
        skipped={kind: count for kind, count in sorted(listing.skipped.items()) if count},
        metadata={name: kind_of(table[name]) for name in own},
        empty_classes=empty,
    )


def sample_id(split: str, label: str | None, relative: str) -> str:
    """The stable identifier of an image: the same wherever the data folder lies."""
    return hashlib.sha256(f"{split}/{label or ''}/{relative}".encode()).hexdigest()[:16]


def _list(source: Source, given: pd.DataFrame | None) -> Listing:
    """The listing of whatever the source is."""
    if given is None and (source.is_fiftyone or source.dataset_type):
        raise DataError(
            f"Expected the images of {source.data} as a table, found only its name. Load it with "
            "curate.app.sources, or use the command line, which does."
        )
    if given is not None:
        if source.is_fiftyone and len(given):
            root = Path(os.path.commonpath(given["filepath"].tolist()))
        else:
            root = _absolute(source.data or ".")
        return listing_of(given, source, source.data or "the table", root)
    if source.manifests:
        return read_manifests(source)
    assert source.data is not None
    return list_folder(_absolute(source.data), source)


def _absolute(folder: str | Path) -> Path:
    # Not Path.resolve(): a linked file keeps the name under which it is given.
    return Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 - also removes ".."


def _place(entry: Entry) -> tuple[int, str, str, str]:
    """What the rows of a catalog are ordered by; an image without a split may become train."""
    split = SPLIT_ORDER.index(entry.split) if entry.split else 0
    return split, entry.label or "", entry.relative, entry.filepath


def _files(listing: Listing, groups: list[str]) -> pd.DataFrame:
    """One row a file, in the catalog's order, and no more `Entry` objects, which take more room."""
    order = sorted(range(len(groups)), key=lambda i: _place(listing.entries[i]))
    entries = [listing.entries[i] for i in order]
    listing.entries = []
    ids = [sample_id(entry.split, entry.label, entry.relative) for entry in entries]
    if len(set(ids)) < len(ids):
        ids = _told_apart(ids, entries)
    arrays = {
        "sample_id": pa.array(ids),
        "group": pa.array([groups[i] for i in order], pa.string()),
    }
    del ids
    for i, name in enumerate(Entry._fields):
        if name in CATALOG or name == "row":
            arrays[name] = pa.array(map(itemgetter(i), entries), type=CATALOG.get(name, pa.int64()))
    frame: pd.DataFrame = pa.table(arrays).to_pandas()
    return frame


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


def _rename(table: pd.DataFrame, listing: Listing, path: Path) -> list[str]:
    """Put names in place of class ids, in place; ids of images stay as they were."""
    names = read_class_names(path)
    labels = [None if pd.isna(label) else label for label in table["label"]]
    renamed, notes = rename(labels, names)
    table["label"] = pd.array(renamed, dtype="str")
    new = {old: label for old, label in zip(labels, renamed, strict=True) if old is not None}
    listing.class_folders = [
        (split, new.get(label) or label) for split, label in listing.class_folders
    ]
    listing.problems = [
        problem._replace(label=new.get(problem.label, problem.label)) if problem.label else problem
        for problem in listing.problems
    ]
    return notes


def _problems(problems: list[Problem]) -> pd.DataFrame:
    rows = [row if row.split else row._replace(split="train") for row in problems]
    rows.sort(key=lambda p: (SPLIT_ORDER.index(p.split), p.label or "", p.filepath))
    frame = pd.DataFrame(rows, columns=[*PROBLEMS])
    table: pd.DataFrame = to_arrow("problems", frame).to_pandas()
    return table
