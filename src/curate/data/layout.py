"""Finding image files in DATA/SPLIT/CLASS/: which folders are splits, which files may be images.

Nothing is opened here; names, sizes and times come from the directory listing alone.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from curate.errors import DataError, listed

SPLIT_NAMES = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
"""Folder names in lower case, and the split each one means."""

SPLIT_ORDER = ("train", "val", "test")

IMAGE_EXTENSIONS = frozenset({
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff",
    "avif", "heic", "heif", "jxl", "jp2", "j2k", "ppm", "pgm", "pbm", "pnm",
})  # fmt: skip
"""A file so named is meant to be an image: if it is none, that is a problem. A file of any other
name is an image if its content is one, and is skipped otherwise."""

SKIPPED_KINDS = ("hidden", "system", "not_an_image", "outside_class_folders", "link_loop")
"""Why a file or folder is passed over without being a problem."""

_SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin"})

_ADVICE = (
    "Arrange the images as DATA/train/CLASS/image, DATA/val/CLASS/image and "
    "DATA/test/CLASS/image (val and test may be absent)."
)


class Entry(NamedTuple):
    """One file that may be an image.

    Attributes:
        filepath: absolute, as the file system spells it.
        split: "train", "val" or "test".
        label: the class folder's name, in Unicode's NFC form.
        relative: the path below the class folder, with slashes, NFC.
        size_bytes: the size of the file (of its target, for a link).
        mtime_ns: the time of its last change.
    """

    filepath: str
    split: str
    label: str
    relative: str
    size_bytes: int
    mtime_ns: int


class Problem(NamedTuple):
    """One row of the problems table."""

    filepath: str
    split: str
    label: str
    problem: str
    detail: str


@dataclass
class Walk:
    """What the folders hold.

    Attributes:
        entries: in the order split, label, relative path.
        problems: files that cannot even be opened.
        class_folders: (split, label) of every class folder, empty ones too.
        notes: sentences about what was left out.
        skipped: how many files were passed over, by `SKIPPED_KINDS`.
    """

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    class_folders: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def find_splits(root: Path) -> dict[str, Path]:
    """Map each split found in `root`, in the order train, val, test, to its folder.

    Raises:
        DataError: `root` is no folder, holds no split folders or no train, or two folders mean
            the same split.
    """
    if not root.exists():
        raise DataError(f"Expected a folder of images at {root}, found nothing. Check the path.")
    if not root.is_dir():
        raise DataError(f"Expected a folder of images at {root}, found a file. {_ADVICE}")
    try:
        folders, files = _children(root)
    except OSError as error:
        raise DataError(
            f"Expected a readable folder at {root}, found {error.strerror}. Check its permissions."
        ) from error
    by_split: dict[str, list[Path]] = {}
    for folder in folders:
        if (split := SPLIT_NAMES.get(folder.name.lower())) is not None:
            by_split.setdefault(split, []).append(folder)
    for split, same in by_split.items():
        if len(same) > 1:
            raise DataError(
                f"Expected one folder for {split} in {root}, found {len(same)}: "
                f"{listed(folder.name for folder in same)}. Merge them, or move one away."
            )
    if not by_split:
        raise DataError(
            f"Expected split folders (train, val or valid or validation, test) in {root}, found "
            f"{_what(folders, files)}. {_ADVICE}"
        )
    if "train" not in by_split:
        raise DataError(
            f"Expected a folder named train in {root}, found only "
            f"{listed(same[0].name for same in by_split.values())}. {_ADVICE}"
        )
    return {split: by_split[split][0] for split in SPLIT_ORDER if split in by_split}


def walk(root: Path, splits: dict[str, Path]) -> Walk:
    """List the files of every class folder.

    Raises:
        DataError: no split holds a file that may be an image; one split holds none; or a split's
            images lie directly in it, in no class folder.
    """
    found = Walk()
    for split, folder in splits.items():
        _walk_split(split, folder, found)
    found.entries.sort(key=lambda e: (SPLIT_ORDER.index(e.split), e.label, e.relative, e.filepath))
    filled = {entry.split for entry in found.entries} | {row.split for row in found.problems}
    if not filled:
        raise DataError(f"Expected images in {root}, found none in any class folder. {_ADVICE}")
    for split, folder in splits.items():
        if split not in filled:
            raise DataError(
                f"Expected images in {folder}, found none. Add some, or remove the folder."
            )
    others = [
        folder.name for folder in _children(root)[0] if folder.name.lower() not in SPLIT_NAMES
    ]
    if others:
        found.notes.append(f"Not read, because they are no split: the folders {listed(others)}.")
    return found


def has_image_extension(name: str) -> bool:
    """Whether a file of this name is meant to be an image."""
    return name.rpartition(".")[2].lower() in IMAGE_EXTENSIONS


def printable(path: str) -> str:
    """Spell a path that is not UTF-8 so that a table can hold it."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _walk_split(split: str, folder: Path, found: Walk) -> None:
    try:
        classes, files = _children(folder, found.skipped)
    except OSError as error:
        raise DataError(
            f"Expected a readable folder at {folder}, found {error.strerror}. "
            "Check its permissions."
        ) from error
    loose = [file for file in files if has_image_extension(file.name)]
    if loose and not classes:
        raise DataError(
            f"Expected class folders in {folder}, found {len(loose)} images directly in it: "
            f"{listed(file.name for file in loose)}. {_ADVICE}"
        )
    found.skipped["outside_class_folders"] += len(files)
    if loose:
        found.notes.append(
            f"Left out, because they lie in no class folder: {len(loose)} images in {folder}: "
            f"{listed(file.name for file in loose)}."
        )
    for path in classes:
        label = printable(unicodedata.normalize("NFC", path.name))
        found.class_folders.append((split, label))
        for item in _walk_class(str(path), split, label, found.skipped):
            if isinstance(item, Entry):
                found.entries.append(item)
            else:
                found.problems.append(item)


def _walk_class(
    top: str, split: str, label: str, skipped: Counter[str]
) -> Iterator[Entry | Problem]:
    """All files below a class folder, at any depth; links are followed, loops are not."""
    first = Path(top).stat()
    stack = [(top, frozenset({(first.st_dev, first.st_ino)}))]
    while stack:
        folder, above = stack.pop()
        try:
            children = sorted(os.scandir(folder), key=lambda child: child.name)
        except OSError as error:
            detail = f"the folder cannot be listed: {error.strerror}"
            yield Problem(printable(folder), split, label, "permission", detail)
            continue
        for child in children:
            if kind := _passed_over(child.name):
                skipped[kind] += 1
                continue
            found, reason = _status(child)
            if found is not None and stat.S_ISDIR(found.st_mode):
                inode = (found.st_dev, found.st_ino)
                if inode in above:
                    skipped["link_loop"] += 1
                else:
                    stack.append((child.path, above | {inode}))
                continue
            problem = None
            if not child.path.isascii() and printable(child.path) != child.path:
                problem = "bad_name", "the path is not UTF-8; rename it"
            elif found is None:
                problem = "unreadable", reason
            elif not stat.S_ISREG(found.st_mode):
                problem = "unreadable", "not a regular file"
            if problem is None and found is not None:
                relative = unicodedata.normalize("NFC", child.path[len(top) + 1 :])
                yield Entry(child.path, split, label, relative, found.st_size, found.st_mtime_ns)
            elif problem is not None and has_image_extension(child.name):
                yield Problem(printable(child.path), split, label, *problem)
            else:
                skipped["not_an_image"] += 1


def _status(child: os.DirEntry[str]) -> tuple[os.stat_result | None, str]:
    """The status of a file or of what a link points to, or None and why there is none."""
    try:
        return child.stat(), ""
    except OSError as error:
        what = "a broken link" if child.is_symlink() else "no status"
        return None, f"{what}: {error.strerror}"


def _children(folder: Path, skipped: Counter[str] | None = None) -> tuple[list[Path], list[Path]]:
    """Folders and files directly in `folder`, by name; hidden and system ones left out."""
    folders, files = [], []
    for child in sorted(folder.iterdir()):
        if kind := _passed_over(child.name):
            if skipped is not None:
                skipped[kind] += 1
        elif child.is_dir():
            folders.append(child)
        else:
            files.append(child)
    return folders, files


def _passed_over(name: str) -> str | None:
    if name.lower() in _SYSTEM_NAMES:
        return "system"
    return "hidden" if name.startswith(".") else None


def _what(folders: list[Path], files: list[Path]) -> str:
    if folders:
        return f"the folders {listed(folder.name for folder in folders)}"
    if files:
        return f"only files: {listed(file.name for file in files)}"
    return "an empty folder, no images"
