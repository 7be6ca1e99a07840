"""Labels, groups, splits and metadata that the paths of images hold, put into a listing."""

from __future__ import annotations

import os
import unicodedata

import pandas as pd

from curate.data.columns import typed_frame
from curate.data.listing import Listing, Problem
from curate.data.patterns import read_patterns
from curate.data.source import Source
from curate.errors import DataError


def tag_by_path(listing: Listing, source: Source) -> list[str]:
    """Apply the label and group patterns to every path below the root, in place.

    An image whose path the label pattern does not match becomes a problem, `no_label`.

    Returns:
        The group of each of `listing.entries`, "" for none; the group column's where there is one.

    Raises:
        DataError: a pattern is no regular expression, lacks its group, or matches no path.
    """
    if source.label_pattern is None and source.group_pattern is None:
        return _by_column(listing, source)
    patterns = read_patterns(source.label_pattern, source.group_pattern)
    paths = [_below(listing, entry.filepath) for entry in listing.entries]
    read = patterns.read(paths)
    nothing = (
        (read.labels is not None and len(read.unmatched_label) == len(paths))
        or (source.group_pattern is not None and len(read.unmatched_group) == len(paths))
    )  # fmt: skip
    if paths and nothing:
        raise DataError(patterns.explain(paths))
    entries = listing.entries
    if read.labels is not None:
        entries = [e._replace(label=label) for e, label in zip(entries, read.labels, strict=True)]
    if read.splits is not None:
        entries = [
            e._replace(split=split or e.split)
            for e, split in zip(entries, read.splits, strict=True)
        ]
    _add_columns(listing, typed_frame(read.metadata))
    entries = [entry._replace(row=row) for row, entry in enumerate(entries)]
    lost = set(read.unmatched_label) if read.labels is not None else set()
    if lost:
        listing.problems += [
            Problem(
                entries[i].filepath, entries[i].split, None, "no_label",
                f"the label pattern does not match {paths[i]}",
            )
            for i in sorted(lost)
        ]  # fmt: skip
    if len(read.unmatched_group) and source.group_pattern is not None:
        listing.notes.append(
            f"{len(read.unmatched_group)} of {len(paths)} paths do not match the group pattern; "
            "each of these images is a group of its own."
        )
    listing.entries = [entry for i, entry in enumerate(entries) if i not in lost]
    if source.group_pattern is None and source.group_column is not None:
        return _by_column(listing, source)
    return [group for i, group in enumerate(read.groups) if i not in lost]


def _by_column(listing: Listing, source: Source) -> list[str]:
    if source.group_column is None:
        return [""] * len(listing.entries)
    column = listing.group_column or source.group_column
    if column not in listing.metadata:
        raise DataError(
            f"Expected a column {source.group_column!r} in a manifest for --group-column, found "
            "images without one. Name a column that is there, or use --group-pattern."
        )
    return (
        listing.metadata_of(entry.row for entry in listing.entries)[column]
        .astype("string")
        .fillna("")
        .tolist()
    )


def _below(listing: Listing, filepath: str) -> str:
    """The path below the root, with slashes, NFC; the whole path of a file that lies elsewhere."""
    root = str(listing.root).rstrip(os.sep) + os.sep
    path = filepath.removeprefix(root).replace(os.sep, "/")
    return unicodedata.normalize("NFC", path)


def _add_columns(listing: Listing, found: pd.DataFrame) -> None:
    """Line the metadata up with the entries, and put what the paths hold beside it."""
    kept = listing.metadata_of(entry.row for entry in listing.entries)
    twice = [name for name in found.columns if name in kept.columns]
    if twice:
        listing.notes.append(f"Taken from the paths, not from a manifest: {', '.join(twice)}.")
        kept = kept.drop(columns=twice)
    listing.metadata = pd.concat([kept, found.reset_index(drop=True)], axis=1)
