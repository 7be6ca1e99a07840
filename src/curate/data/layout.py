"""Finding image files in folders: which folders are splits, which are classes, which files count.

Nothing is opened here; names, sizes and times come from the directory listing alone.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curate.data.listing import (
    SPLIT_NAMES,
    SPLIT_ORDER,
    Entry,
    Listing,
    Problem,
    has_image_extension,
    printable,
)
from curate.data.manifest import read_imagefolder
from curate.data.source import Source
from curate.errors import DataError, listed

_SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin"})

_ADVICE = (
    "Arrange the images as DATA/train/CLASS/image, DATA/val/CLASS/image and "
    "DATA/test/CLASS/image (val and test may be absent), or as DATA/CLASS/image; or name a table "
    "of images by --manifest, or say by --label-pattern how a path names its class."
)


def list_folder(root: Path, source: Source) -> Listing:
    """List the images of a folder.

    Known layouts, in the order they are looked for: a metadata file that names the images
    (`curate.data.manifest.read_imagefolder`); files at any depth whose path names the class, with
    `Source.label_pattern`; split folders with class folders, where a val or test folder that holds
    images and no class folders is unlabelled; class folders without splits.

    Args:
        root: the folder, absolute.
        source: the options; its patterns are not applied here.

    Raises:
        DataError: `root` is no folder, or holds no such layout; the message says what it holds.
    """
    folders, files = _look(root)
    splits = _find_splits(root, folders)
    if (listing := read_imagefolder(root, splits, source)) is not None:
        rest = {split: folder for split, folder in splits.items() if split not in listing.splits}
        for split, folder in rest.items():
            _walk_split(split, folder, listing)
        listing.splits = (*listing.splits, *rest)
        return listing
    found = Listing(root, splits=tuple(splits))
    if source.label_pattern is not None:
        for split, folder in (splits or {"": root}).items():
            _take(_walk_below(str(folder), split, None, found), found)
    elif splits:
        for split, folder in splits.items():
            _walk_split(split, folder, found)
    else:
        _walk_tree(root, folders, files, found)
    _check_filled(root, splits, found)
    if splits:
        others = [folder.name for folder in folders if folder not in splits.values()]
        if others:
            found.notes.append(
                f"Not read, because they are no split: the folders {listed(others)}."
            )
    return found


def _look(root: Path) -> tuple[list[Path], list[Path]]:
    """The folders and files directly in `root`."""
    if not root.exists():
        raise DataError(f"Expected a folder of images at {root}, found nothing. Check the path.")
    if not root.is_dir():
        raise DataError(
            f"Expected a folder of images at {root}, found a file. If it is a table of images, "
            f"give it as --manifest {root}."
        )
    try:
        return _children(root)
    except OSError as error:
        raise DataError(
            f"Expected a readable folder at {root}, found {error.strerror}. Check its permissions."
        ) from error


def _find_splits(root: Path, folders: list[Path]) -> dict[str, Path]:
    """Each split folder, in the order train, val, test; empty where there is none."""
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
    if by_split and "train" not in by_split:
        raise DataError(
            f"Expected a folder named train in {root}, found only "
            f"{listed(same[0].name for same in by_split.values())}. {_ADVICE}"
        )
    return {split: by_split[split][0] for split in SPLIT_ORDER if split in by_split}


def _walk_tree(root: Path, folders: list[Path], files: list[Path], found: Listing) -> None:
    """Class folders directly in `root`, without splits."""
    if not folders:
        what = f"only files: {listed(file.name for file in files)}" if files else "nothing in it"
        raise DataError(f"Expected split or class folders in {root}, found {what}. {_ADVICE}")
    inside = [folder for folder in folders if _holds_splits(folder)]
    if inside:
        raise DataError(
            f"Expected split or class folders in {root}, found folders that hold splits "
            f"themselves: {listed(folder.name for folder in inside)}. Give one of them as DATA."
        )
    _children(root, found.skipped)
    _count_loose(root, files, found)
    _walk_classes("", folders, found)


def _holds_splits(folder: Path) -> bool:
    try:
        with os.scandir(folder) as children:
            return any(c.name.lower() in SPLIT_NAMES and c.is_dir() for c in children)
    except OSError:
        return False  # the walk makes a problem of it


def _walk_split(split: str, folder: Path, found: Listing) -> None:
    try:
        classes, files = _children(folder, found.skipped)
    except OSError as error:
        raise DataError(
            f"Expected a readable folder at {folder}, found {error.strerror}. "
            "Check its permissions."
        ) from error
    loose = [file for file in files if has_image_extension(file.name)]
    if loose and not classes and split == "train":
        raise DataError(
            f"Expected class folders in {folder}, found {len(loose)} images directly in it: "
            f"{listed(file.name for file in loose)}. {_ADVICE}"
        )
    if (loose and not classes) or (not loose and _is_one_bag(split, classes, found)):
        before = len(found.entries)
        _take(_walk_below(str(folder), split, None, found), found)
        found.notes.append(
            f"No folders of train's classes in {folder}: its {len(found.entries) - before} images "
            "are unlabelled. They are embedded and predicted, and count in no score."
        )
        return
    _count_loose(folder, files, found)
    _walk_classes(split, classes, found)


def _is_one_bag(split: str, classes: list[Path], found: Listing) -> bool:
    """Whether a held-out split is one folder, as test/images is, that is no class of train."""
    known = {entry.label.casefold() for entry in found.entries if entry.label}
    return split != "train" and len(classes) == 1 and classes[0].name.casefold() not in known


def _walk_classes(split: str, classes: list[Path], found: Listing) -> None:
    for path in classes:
        label = printable(unicodedata.normalize("NFC", path.name))
        found.class_folders.append((split, label))
        _take(_walk_below(str(path), split, label, found), found)


def _count_loose(folder: Path, files: list[Path], found: Listing) -> None:
    """Files that lie beside class folders."""
    loose = [file.name for file in files if has_image_extension(file.name)]
    found.skipped["outside_class_folders"] += len(files)
    if loose:
        found.notes.append(
            f"Left out, because they lie in no class folder: {len(loose)} images in {folder}: "
            f"{listed(loose)}."
        )


def _check_filled(root: Path, splits: dict[str, Path], found: Listing) -> None:
    filled = {entry.split for entry in found.entries} | {row.split for row in found.problems}
    if not filled:
        raise DataError(f"Expected images in {root}, found none in any class folder. {_ADVICE}")
    for split, folder in splits.items():
        if split not in filled:
            raise DataError(
                f"Expected images in {folder}, found none. Add some, or remove the folder."
            )


def _take(items: Iterator[Entry | Problem], found: Listing) -> None:
    for item in items:
        if isinstance(item, Entry):
            found.entries.append(item)
        else:
            found.problems.append(item)


def _walk_below(
    top: str, split: str, label: str | None, found: Listing
) -> Iterator[Entry | Problem]:
    """All files below a folder, at any depth; a link to a folder is followed once, a loop never."""
    skipped = found.skipped
    first = Path(top).stat()
    seen = {(first.st_dev, first.st_ino)}
    stack = [(top, frozenset(seen))]
    while stack:
        folder, above = stack.pop()
        try:
            # Links last: what is reached by its own name keeps it.
            children = sorted(os.scandir(folder), key=lambda c: (c.is_symlink(), c.name))
        except OSError as error:
            detail = f"the folder cannot be listed: {error.strerror}"
            yield Problem(printable(folder), split, label, "permission", detail)
            continue
        for child in children:
            if kind := _passed_over(child.name):
                skipped[kind] += 1
                continue
            status, reason = _status(child)
            if status is not None and stat.S_ISDIR(status.st_mode):
                inode = (status.st_dev, status.st_ino)
                if inode not in seen:
                    seen.add(inode)
                    stack.append((child.path, above | {inode}))
                    continue
                loop = inode in above
                skipped["link_loop" if loop else "linked_twice"] += 1
                where = "leads back to a folder above it" if loop else "was reached another way"
                found.notes.append(f"Not followed, because it {where}: {printable(child.path)}.")
                continue
            problem = None
            if not child.path.isascii() and printable(child.path) != child.path:
                problem = "bad_name", "the path is not UTF-8; rename it"
            elif status is None:
                problem = "unreadable", reason
            elif not stat.S_ISREG(status.st_mode):
                problem = "unreadable", "not a regular file"
            if problem is None and status is not None:
                size, changed = status.st_size, status.st_mtime_ns
                yield Entry(child.path, split, label, len(top) + 1, size, changed)
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
    with os.scandir(folder) as found:
        children = sorted(found, key=lambda child: child.name)
    for child in children:
        if kind := _passed_over(child.name):
            if skipped is not None:
                skipped[kind] += 1
        elif (status := _status(child)[0]) is not None and stat.S_ISDIR(status.st_mode):
            folders.append(folder / child.name)
        else:
            files.append(folder / child.name)
    return folders, files


def _passed_over(name: str) -> str | None:
    if name.lower() in _SYSTEM_NAMES:
        return "system"
    return "hidden" if name.startswith(".") else None
