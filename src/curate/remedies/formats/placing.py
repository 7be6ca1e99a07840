"""One image at a new place: linked, copied, or turned upright."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from curate.data.images import UnreadableImage, load_rgb
from curate.data.views import apply_view
from curate.errors import ExportError
from curate.remedies.formats.content import Link

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def place(source: Path, target: Path, link: Link, turn: str = "", digest: str = "") -> None:
    """Put an image at `target`.

    A symbolic link points to the absolute path, as the lists of images do: the export can be moved,
    the images cannot. What a person said is to be turned is neither linked nor copied but written
    anew, turned, as PNG, whatever `link` says.

    Args:
        source: the image.
        target: where it is to be; its folder exists.
        link: how.
        turn: the view of `curate.data.views` that sets it upright, or "".
        digest: of its bytes, which a copy is checked against; "" to take them as they are.

    Raises:
        ExportError: a link cannot be made, or the image is not what it was.
    """
    if turn:
        write_turned(source, target, turn)
    elif link == "symlink":
        _symbolic_link(source, target)
    elif link == "hardlink":
        _hard_link(source, target)
    else:
        target.write_bytes(checked_bytes(source, digest))


def checked_bytes(source: Path, digest: str) -> bytes:
    """The bytes of an image.

    Raises:
        ExportError: they are not those that the run saw, or cannot be read.
    """
    try:
        content = source.read_bytes()
    except FileNotFoundError as error:
        raise ExportError(
            f"Expected the image {source}, found none: it was moved during the export. "
            "Export again."
        ) from error
    if digest and hashlib.sha256(content).hexdigest()[:32] != digest:
        raise ExportError(
            f"Expected {source} as the run saw it, found other bytes. Analyse again, so that the "
            "run knows the image that is there now."
        )
    return content


def turned_png(source: Path, turn: str) -> bytes:
    """An image turned by a view, as the bytes of a PNG.

    Raises:
        ExportError: it cannot be decoded.
    """
    from io import BytesIO

    from PIL import Image

    try:
        pixels = np.asarray(load_rgb(source))
    except UnreadableImage as error:
        raise ExportError(
            f"Expected an image to turn at {source}, found {error}. Mend it and analyse again, or "
            "exclude it."
        ) from error
    file = BytesIO()
    Image.fromarray(apply_view(pixels, turn)).save(file, "PNG")
    return file.getvalue()


def write_turned(source: Path, target: Path, turn: str) -> None:
    """Write an image turned by a view as PNG."""
    target.write_bytes(turned_png(source, turn))


def again(first: Path, second: Path) -> None:
    """Put what `place` has put at `first` at `second` too; copies share their bytes."""
    if first.is_symlink():
        second.symlink_to(first.readlink())
        return
    try:
        os.link(first, second)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # Both are the export's own files, so a second copy is all that it costs.
        shutil.copyfile(first, second)


def _symbolic_link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        raise ExportError(
            f"Expected symbolic links to be possible in {target.parent}, found: {error.strerror}. "
            "Use --link copy, or export to another file system."
        ) from error


def _hard_link(source: Path, target: Path) -> None:
    try:
        # Of what a symbolic link points to: a hard link to the link itself would be none.
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise other_file_system(source, target.parent) from error
        if error.errno in NO_LINKS:
            raise ExportError(
                f"Expected hard links to {source} to be possible, found: {error.strerror}. Use "
                "--link symlink or --link copy."
            ) from error
        raise


def other_file_system(source: Path, folder: Path) -> ExportError:
    """The error of a hard link from one file system to another."""
    return ExportError(
        f"Expected images and export on one file system for --link hardlink, found {source} on "
        f"another than {folder}. Use --link symlink or --link copy, or export to where the "
        "images are."
    )


def text(value: Any) -> str:
    """A cell of a table, "" where there is nothing."""
    return value if isinstance(value, str) else ""
