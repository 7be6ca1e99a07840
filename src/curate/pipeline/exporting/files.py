"""The list of an export's own files, with what each of them holds."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from curate.pipeline.exporting.exported import FILE_COLUMNS, digest_of_file
from curate.pipeline.exporting.target import names_in


def list_files(folder: Path, images: pd.DataFrame) -> pd.DataFrame:
    """Every file below a folder with its size and digest, sorted by path.

    What is a link to an image, symbolic or hard, is not read: its digest is known.

    Args:
        folder: of the export.
        images: `filepath` and `content_digest`.
    """
    known = dict(zip(images["filepath"], images["content_digest"], strict=True))
    by_inode: dict[tuple[int, int], str] = {}
    rows = []
    for name in names_in(folder):
        path = os.path.join(folder, name)  # noqa: PTH118 - a million of them
        status = os.stat(path)  # noqa: PTH116
        inode = (status.st_dev, status.st_ino)
        if os.path.islink(path):  # noqa: PTH114
            digest = known.get(os.readlink(path))  # noqa: PTH115
        else:
            if status.st_nlink > 1 and not by_inode:
                by_inode = _inodes(known)
            digest = by_inode.get(inode)
        digest = digest or digest_of_file(path)
        if status.st_nlink > 1:
            by_inode[inode] = digest
        rows.append((Path(name).as_posix(), status.st_size, digest))
    return pd.DataFrame(rows, columns=list(FILE_COLUMNS)).sort_values("path", ignore_index=True)


def _inodes(known: dict[str, str]) -> dict[tuple[int, int], str]:
    """The digests of images by their inode, under which hard links to them are found."""
    found = {}
    for path, digest in known.items():
        status = os.stat(path)  # noqa: PTH116
        found[status.st_dev, status.st_ino] = digest
    return found
