"""Tables of images to a listing: manifests, a table in memory, a Hugging Face imagefolder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from curate.data.assembling import Part, assemble
from curate.data.columns import as_text
from curate.data.listing import SPLIT_NAMES, Listing, has_image_extension, printable
from curate.data.roles import find_roles, split_word
from curate.data.source import Source
from curate.data.tables import read_table
from curate.errors import DataError, listed

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def read_manifests(source: Source) -> Listing:
    """Read all manifests of a source into one listing.

    Which column holds what is found by usual names (`curate.data.roles`) or named by the options;
    where the files are, by `curate.data.resolving.locate`; what further columns mean, by
    `curate.data.columns.typed`. Without a column of splits, the split is the one that the
    manifest's own name holds, as in ``train.csv``.

    Raises:
        DataError: a manifest cannot be read, lacks a column, or names no file that is there.
    """
    tables = [
        (str(path), _absolute(path), read_table(_absolute(path))) for path in source.manifests
    ]
    everywhere = list(dict.fromkeys(name for _, _, table in tables for name in table.columns))
    parts = []
    for name, path, table in tables:
        roles = find_roles(table, source, name, everywhere)
        splits = roles.splits or [split_word(path.stem)] * len(table)
        parts.append(Part(name, table, roles, splits, roles.labels, _base(source, path.parent)))
    return assemble(parts, source.group_column)


def listing_of(table: pd.DataFrame, source: Source, name: str, root: Path) -> Listing:
    """Read a table in memory as `read_manifests` reads a file.

    Args:
        table: one row an image.
        source: the options.
        name: what messages call the table.
        root: the folder that paths are relative to, where `source` names no image root.

    Raises:
        DataError: the table is empty, has two columns of one name, or as `read_manifests`.
    """
    if table.empty:
        raise DataError(f"Expected images in {name}, found an empty table. Fill it.")
    table = table.rename(columns=str)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()]
        raise DataError(
            f"Expected different names of columns in {name}, found {listed(twice)} more than "
            "once. Rename them."
        )
    roles = find_roles(table, source, name)
    splits = roles.splits or [""] * len(table)
    base = _image_root(source) or _absolute(root)
    part = Part(name, table, roles, splits, roles.labels, base)
    return assemble([part], source.group_column)


def read_imagefolder(root: Path, splits: dict[str, Path], source: Source) -> Listing | None:
    """Read a Hugging Face imagefolder: images beside a table that names them.

    The table is ``metadata.csv``, ``.jsonl`` or ``.parquet`` in `root` or in split folders, with
    paths relative to its own folder in column ``file_name``. The split is the folder's; for a table
    in `root`, the first part of the path, or else a column's. The label is a column's, or else the
    name of the folder that the image lies in, or else there is none.

    Args:
        root: the folder, absolute.
        splits: its split folders.
        source: the options; those that name columns apply.

    Returns:
        None where there is no such table. A split folder that no table speaks of is not in the
        listing's splits, and its images are not looked at.

    Raises:
        DataError: two tables in one folder, or as `read_manifests`.
    """
    tables: list[tuple[str, Path, pd.DataFrame]] = []
    for split, folder in {"": root, **splits}.items():
        files = [folder / name for name in _METADATA if (folder / name).is_file()]
        if len(files) > 1:
            raise DataError(
                f"Expected one table of images in {folder}, found {len(files)}: "
                f"{listed(file.name for file in files)}. Keep one of them."
            )
        for file in files:
            if _mentions_files(file) and "file_name" in (table := read_table(file)).columns:
                tables.append((split, file, table))
    if not tables:
        return None
    everywhere = list(dict.fromkeys(name for _, _, table in tables for name in table.columns))
    parts = [_imagefolder_part(*one, source, everywhere) for one in tables]
    listing = assemble(parts, source.group_column)
    _count_unlisted(root, splits, parts, listing)
    return listing


def _mentions_files(file: Path) -> bool:
    """Whether to read it at all: a table of something else may be in any state."""
    if file.suffix == ".parquet":
        return True
    with file.open("rb") as opened:
        return b"file_name" in opened.read(2**16)


def _imagefolder_part(
    split: str, file: Path, table: pd.DataFrame, source: Source, everywhere: list[str]
) -> Part:
    roles = find_roles(table, source, str(file), everywhere, path_names=("file_name",))
    folders = [_folders(path) for path in roles.paths]
    splits, labels = roles.splits or [""] * len(table), roles.labels
    if split:
        splits = [split] * len(table)
    else:
        splits = [
            SPLIT_NAMES.get(folder[0].lower(), given) if folder else given
            for folder, given in zip(folders, splits, strict=True)
        ]
        folders = [
            folder[1:] if folder and folder[0].lower() in SPLIT_NAMES else folder
            for folder in folders
        ]
    if roles.label_column is None and source.label_column is None:
        labels = [folder[-1] if folder else None for folder in folders]
    return Part(str(file), table, roles, splits, labels, file.parent)


def _count_unlisted(
    root: Path, splits: dict[str, Path], parts: list[Part], listing: Listing
) -> None:
    """Count the images that no table names, but not those of splits of which no table speaks."""
    known = {entry.filepath for entry in listing.entries}
    known |= {problem.filepath for problem in listing.problems}
    others = {str(folder) for split, folder in splits.items() if split not in listing.splits}
    tops = [root] if any(part.base == root for part in parts) else splits.values()
    unlisted = [
        printable(os.path.relpath(path, root))
        for top in tops
        for path in _images_below(top, others)
        if printable(path) not in known
    ]
    if unlisted:
        listing.skipped["not_listed"] += len(unlisted)
        listing.notes.append(
            f"{len(unlisted)} images below {root} are in no {Path(parts[0].name).name} and are "
            f"left out: {listed(unlisted)}."
        )


def _images_below(top: Path, left_out: set[str]) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        if folder in left_out:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if has_image_extension(name) and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118 - 100,000 of them


def _folders(path: str | None) -> list[str]:
    """The names of the folders that a path goes through."""
    parts = re.split(r"[\\/]+", path or "")[:-1]
    return [name for part in parts if (name := as_text(part)) and name != "."]


def _base(source: Source, folder: Path) -> Path:
    """What a manifest's paths are relative to: the image root, the data folder, or its own."""
    if (root := _image_root(source)) is not None:
        return root
    if source.data is not None and not source.is_fiftyone:
        return _absolute(Path(source.data))
    return folder


def _image_root(source: Source) -> Path | None:
    if source.image_root is None:
        return None
    root = _absolute(source.image_root)
    if not root.is_dir():
        raise DataError(
            f"Expected a folder at {root} for --image-root, found "
            f"{'a file' if root.exists() else 'nothing'}. Check the path."
        )
    return root


def _absolute(path: Path) -> Path:
    # Not Path.resolve(): a linked file keeps the name under which it is given.
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100
