"""From the paths that a table gives to files: below which folder they are, and as what spelled.

A table is seldom written where it is read: its paths are relative to some folder, have another
system's slashes or Unicode form, or are ids without an extension.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from curate.data.listing import SPLIT_NAMES, has_image_extension
from curate.data.roles import split_word
from curate.errors import DataError, listed

_SAMPLE = 200
"""So many rows, spread over the table, decide which folder its paths are relative to."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FILE_SCHEME = re.compile(r"file://(?:localhost)?(?=/)")
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub(r"\s*/\s*", "/", path.replace("\\", "/")).strip(),
)


class Located(NamedTuple):
    """One row's file, or what is wrong with it.

    Attributes:
        filepath: absolute, as the file system spells it; where it was looked for if it is missing.
        status: of the file, or of what it links to; None if there is none that can be read.
        problem: one of `curate.data.images.PROBLEM_KINDS`, "" for none.
        detail: a phrase for a person.
    """

    filepath: str
    status: os.stat_result | None
    problem: str = ""
    detail: str = ""


class _Way(NamedTuple):
    """A rule from a row's path and split to a file: below `place`."""

    place: str
    to_file: Callable[[str, str], str]


class _Names(NamedTuple):
    """The content of one folder.

    Attributes:
        folder: its path, as the file system spells it.
        by_name: NFC name to the name on disk.
        by_stem: NFC name without extension to the names of images on disk.
    """

    folder: str
    by_name: dict[str, str]
    by_stem: dict[str, list[str]]


def locate(
    paths: Sequence[str], splits: Sequence[str], base: Path, name: str
) -> tuple[list[Located], list[str]]:
    """Find the file of every row.

    The paths are taken as absolute or relative to `base`. Where a sample of the rows has more
    files elsewhere, all are taken relative to the folder with the most: `base`'s folder of each
    row's split, a folder named images, or, if nothing is found at all, below `base` without their
    first parts (paths that were right on another machine). In that folder a name is also found in
    the other Unicode form, with backslashes for slashes, and without its extension.

    Args:
        paths: as the table gives them; none is empty.
        splits: "train", "val", "test" or "" of each row.
        base: an absolute folder.
        name: of the table, for messages.

    Returns:
        One `Located` a row, and notes.

    Raises:
        DataError: a path is an address on the network, or no row has a file.
    """
    paths = _without_scheme(paths, name)
    finder = _Finder()
    step = max(1, len(paths) // _SAMPLE)
    sample = list(zip(paths[::step], splits[::step], strict=True))
    ways = list(_ways(str(base), set(splits)))
    way = _best(finder, ways, sample) or _best(finder, _shorter(str(base), paths), sample)
    way = way or ways[0]
    found = [
        finder.find(way.to_file(path, split)) for path, split in zip(paths, splits, strict=True)
    ]
    if found and all(one.problem == "missing" for one in found):
        raise DataError(
            f"Expected the files that {name} names, found none of {len(paths)}: {listed(paths)}. "
            f"Looked in {', '.join(dict.fromkeys(way.place for way in ways))}. Say by "
            "--image-root what the paths are relative to."
        )
    note = f"The paths of {name} were not found in {base}, and are taken {{}} {way.place}."
    if way in ways[1:]:
        return found, [note.format("below")]
    return found, [] if way is ways[0] else [note.format("without their first parts: below")]


class _Finder:
    """Finds files, and lists each folder once."""

    def __init__(self) -> None:
        self._known: dict[str, _Names | None] = {}

    def find(self, path: str) -> Located:
        """The file of this path, spelled in any of the ways that `locate` names."""
        first = _look(path)
        if not first.problem or first.problem == "permission" or "\0" in path:
            return first
        twins: list[str] = []
        tried: set[str] = set()
        for spell in _SPELLINGS:
            spelling = os.path.abspath(spell(path))  # noqa: PTH100 - links stay
            if spelling not in tried:
                tried.add(spelling)
                for other in self._others(spelling, twins):
                    if not (second := _look(other)).problem:
                        return second
        if twins:
            return first._replace(detail=f"several files have this name: {listed(twins)}")
        if first.problem == "missing" and os.path.islink(path):  # noqa: PTH114
            return first._replace(problem="unreadable", detail="a broken link")
        return first

    def _others(self, path: str, twins: list[str]) -> Iterator[str]:
        """How else the path may be spelled on disk; files of one stem are put into `twins`."""
        folder, name = os.path.split(path)
        if (names := self._names(folder)) is None:
            return
        name = _nfc(name)
        if name in names.by_name:
            yield os.path.join(names.folder, names.by_name[name])  # noqa: PTH118 - 100,000 of them
        stems = [] if has_image_extension(name) else names.by_stem.get(name, [])
        if len(stems) == 1:
            yield os.path.join(names.folder, stems[0])  # noqa: PTH118
        elif stems:
            twins[:] = stems

    def _names(self, folder: str) -> _Names | None:
        if folder not in self._known:
            self._known[folder] = self._listed(folder)
        return self._known[folder]

    def _listed(self, folder: str) -> _Names | None:
        try:
            with os.scandir(folder) as entries:
                children = sorted(entry.name for entry in entries)
        except FileNotFoundError:
            parent, name = os.path.split(folder)
            above = self._names(parent) if name else None
            real = None if above is None else above.by_name.get(_nfc(name))
            if above is None or real is None or real == name:
                return None
            return self._names(os.path.join(above.folder, real))  # noqa: PTH118
        except (OSError, ValueError):  # may not be listed, is a file, or no name of a folder at all
            return None
        names = _Names(folder, {}, {})
        for child in children:
            names.by_name.setdefault(_nfc(child), child)
            if has_image_extension(child):
                names.by_stem.setdefault(_nfc(child.rpartition(".")[0]), []).append(child)
        return names


def _look(path: str) -> Located:
    """The status of a file of exactly this path."""
    try:
        status = os.stat(path)  # noqa: PTH116 - 100,000 of them
    except ValueError:
        return Located(path, None, "missing", "no file can have this name")
    except OSError as error:
        if isinstance(error, PermissionError):
            return Located(path, None, "permission", "the file may not be read")
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return Located(path, None, "missing", "there is no such file")
        return Located(path, None, "unreadable", str(error.strerror))
    if stat.S_ISDIR(status.st_mode):
        return Located(path, None, "unreadable", "a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        return Located(path, None, "unreadable", "not a regular file")
    return Located(path, status)


def _without_scheme(paths: Sequence[str], name: str) -> list[str]:
    """Take off ``file://``.

    Raises:
        DataError: an address of another kind.
    """
    if not any("://" in path for path in paths):
        return list(paths)
    local = [
        unquote(path[found.end() :]) if (found := _FILE_SCHEME.match(path)) else path
        for path in paths
    ]
    remote = [path for path in local if _SCHEME.match(path)]
    if remote:
        raise DataError(
            f"Expected paths of local files in {name}, found addresses: {listed(remote)}. "
            "Download the images, and give the paths they have here."
        )
    return local


def _ways(base: str, splits: set[str]) -> Iterator[_Way]:
    """What the paths may be relative to, the plain reading first."""
    yield _below(base)
    try:
        with os.scandir(base) as children:
            folders = sorted(child.name for child in children if _is_folder(child))
    except OSError:  # the rows will say so
        return
    # A folder named exactly as a split goes before one such as train_images.
    folders.sort(key=lambda name: name.lower() not in SPLIT_NAMES)
    by_split: dict[str, str] = {}
    for name in folders:
        if word := split_word(name):
            by_split.setdefault(word, name)
    if splits & set(by_split):
        for inner in ("", "images"):
            place = "/".join(filter(None, (base, "|".join(by_split.values()), inner)))
            yield _Way(place, partial(_in_split_folder, base, by_split, inner))
    for name in folders:
        if name.lower() == "images":
            yield _below(os.path.join(base, name))  # noqa: PTH118
    if "" in splits:
        for name in by_split.values():
            yield _below(os.path.join(base, name))  # noqa: PTH118
            yield _below(os.path.join(base, name, "images"))  # noqa: PTH118


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link to itself
        return False


def _below(folder: str) -> _Way:
    return _Way(folder, lambda path, split: _joined(folder, path))


def _in_split_folder(base: str, folders: dict[str, str], inner: str, path: str, split: str) -> str:
    return _joined(os.path.join(base, folders.get(split, ""), inner), path)  # noqa: PTH118


def _shorter(base: str, paths: list[str]) -> Iterator[_Way]:
    """Ways that leave out the first parts of every path, as long as all stay different."""
    parts = {tuple(re.split(r"[\\/]+", path)) for path in paths}
    for left_out in range(1, max(map(len, parts), default=0)):
        short = {one[left_out:] for one in parts}
        if len(short) < len(parts):
            return
        yield _Way(base, partial(_without_parts, base, left_out))


def _without_parts(base: str, left_out: int, path: str, split: str) -> str:
    return _joined(base, "/".join(re.split(r"[\\/]+", path)[left_out:]))


def _best(finder: _Finder, ways: Iterable[_Way], sample: list[tuple[str, str]]) -> _Way | None:
    """The way by which most of the sample are files, the first of equals; None if none is."""
    best, most = None, 0
    for way in ways:
        found = sum(not finder.find(way.to_file(path, split)).problem for path, split in sample)
        if found > most:
            best, most = way, found
        if most == len(sample):
            break
    return best


def _joined(folder: str, path: str) -> str:
    joined = os.path.join(folder, path)  # noqa: PTH118
    # Some versions of Python cut a path at its NUL, which would name another file.
    return joined if "\0" in joined else os.path.abspath(joined)  # noqa: PTH100 - links stay


def _nfc(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)
