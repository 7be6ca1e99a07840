"""Names of classes and files as every file system takes them, and back again.

A class may be called "a/b", "..", "con" or "Katze " and an image "a:b.jpg". Percent-encoding, as in
addresses on the web, makes a file name of any of them and can be undone (`urllib.parse.unquote`).
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

import pandas as pd

from curate.errors import ExportError

MAX_BYTES = 255
"""The longest name of a file or folder that common file systems take."""

_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}
"""Names that Windows keeps for devices, whatever follows their first dot."""

_UNSAFE = frozenset('/\\:*?"<>|%')
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_- ")

EXTENSIONS = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp",
    "DIB": ".bmp", "TIFF": ".tif", "AVIF": ".avif", "JPEG2000": ".jp2", "PPM": ".ppm",
}  # fmt: skip
"""The usual extension of each format in `curate.data.images.FORMATS`."""


def class_folders(class_names: Sequence[str]) -> dict[str, str]:
    """A folder name for each class, different on file systems that ignore case as well.

    Raises:
        ExportError: a class has an empty name, or one too long for a folder.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for name in class_names:
        alike[_folded(name)].append(name)
    folders = {
        name: _encoded(name) if len(alike[_folded(name)]) == 1 else _all_encoded(name)
        for name in class_names
    }
    for name, folder in folders.items():
        if not folder or len(folder.encode()) > MAX_BYTES:
            raise ExportError(
                f"Expected class names of 1 to {MAX_BYTES} bytes for the folders, found "
                f"{name[:60]!r} of {len(folder.encode())} once encoded. Rename the class."
            )
    return folders


def class_of(folder: str) -> str:
    """The class that a folder of `class_folders` stands for."""
    return unquote(folder, errors="strict")


def named(rows: pd.DataFrame, readable: Iterable[str]) -> dict[str, str]:
    """The file name of every image of a folder, by its sample id; a turned one is a PNG.

    Args:
        rows: of `curate.remedies.formats.content.Content.table`.
        readable: see `file_names`.
    """
    turned = [isinstance(turn, str) and bool(turn) for turn in rows["turn"]]
    paths = [
        str(PurePosixPath(path).with_suffix(".png")) if turn else str(path)
        for path, turn in zip(rows["filepath"], turned, strict=True)
    ]
    formats = [kind if isinstance(kind, str) else "" for kind in rows["format"]]
    ids = [str(one) for one in rows["sample_id"]]
    return dict(zip(ids, file_names(paths, ids, formats, readable), strict=True))


def file_names(
    paths: Sequence[str],
    sample_ids: Sequence[str],
    formats: Sequence[str],
    readable: Iterable[str],
) -> list[str]:
    """File names for images that are put into one folder.

    An image keeps its base name. Those that would collide, also on file systems that ignore case,
    get their sample id before the extension, all of them, so that no name depends on the order.
    Where the reader of the folder takes images by extension and not this one, the extension of the
    format is put behind it, or, if that is not taken either, ``.png``: readers that open the file
    go by its content.

    Args:
        paths: where the images are.
        sample_ids: of each.
        formats: Pillow's name of each one's format, "" where unknown.
        readable: extensions that the reader takes, in lower case, with the dot.
    """
    taken = frozenset(readable)
    bases = [
        _extended(_encoded(PurePosixPath(path).name), kind, taken)
        for path, kind in zip(paths, formats, strict=True)
    ]
    with_id = {i for i, base in enumerate(bases) if len(base.encode()) > MAX_BYTES}
    while True:
        names = [
            _with_id(base, sample_ids[i]) if i in with_id else base for i, base in enumerate(bases)
        ]
        alike: dict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(names):
            alike[_folded(name)].append(i)
        more = {i for rows in alike.values() if len(rows) > 1 for i in rows} - with_id
        if not more:
            return names
        with_id |= more


def _extended(name: str, kind: str, readable: frozenset[str]) -> str:
    if PurePosixPath(name).suffix.lower() in readable:
        return name
    usual = EXTENSIONS.get(kind, "")
    return name + (usual if usual in readable else ".png")


def _with_id(name: str, sample_id: str) -> str:
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    tail = f"-{quote(sample_id, safe='')}{suffix}"
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore") + tail


def _encoded(name: str) -> str:
    """A name in which what some file system or reader would not take is percent-encoded."""
    return _with_safe_ends(name, [char if _is_safe(char) else _percent(char) for char in name])


def _all_encoded(name: str) -> str:
    """Every character but plain small letters and digits encoded: different for any two names."""
    return _with_safe_ends(name, [char if char in _PLAIN else _percent(char) for char in name])


def _with_safe_ends(name: str, parts: list[str]) -> str:
    """The parts, one a character, with what is only wrong in its place encoded as well."""
    if not parts:
        return ""
    reserved = name.partition(".")[0].rstrip(" ").casefold() in _RESERVED
    if parts[0] in (" ", ".") or reserved:  # a first dot hides a file
        parts[0] = _percent(name[0])
    if parts[-1] in (" ", "."):
        parts[-1] = _percent(name[-1])
    return "".join(parts)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _is_safe(char: str) -> bool:
    if char in _UNSAFE:
        return False
    # Separators and control characters are not; a space inside a name is.
    return char == " " or unicodedata.category(char)[0] not in "ZC"


def _folded(name: str) -> str:
    """What a file system takes for the same name, if it ignores case and Unicode's form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
