"""Where an export may be written, and what must hold before a byte of it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from curate.errors import ExportError, listed
from curate.pipeline.exporting.exported import FILES, read_files
from curate.pipeline.places import check_apart, check_holds_none, image_folder
from curate.recipe.curriculum import ABOUT, FORMAT
from curate.remedies.formats.placing import other_file_system
from curate.store.run import Run
from curate.store.schema import TIER_NAMES

BYTES_PER_IMAGE = 4096
"""Room for what is written beside its pixels: rows of tables, and a block for its link."""

COPYING = ("imagefolder", "timm", "huggingface")
"""Formats that hold a copy of every image with ``--link copy``."""


def check_target(to: Path, overwrite: bool, run: Run) -> Path:
    """The absolute export directory, or `ExportError` if an export cannot be written there."""
    target = to.expanduser().resolve()
    check_apart(target, "--to", ExportError, image_folder(run.info["settings"]["source"]))
    check_apart(target, "--to", ExportError, run.path, "the run")
    check_holds_none(target, "--to", ExportError, run.table("samples")["filepath"])
    _check_outside_exports(target)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not target.is_dir():
        raise ExportError(f"Expected a directory for --to, found the file {target}.")
    if not overwrite:
        raise ExportError(
            f"Expected a new directory for --to, found {target} with files in it. Choose another, "
            "or replace an earlier export with --overwrite."
        )
    strange = _not_ours(target)
    if strange is None:
        raise ExportError(
            f"Expected an earlier export at {target}, found other files. They are not replaced: "
            "choose another --to."
        )
    if strange:
        raise ExportError(
            f"Expected nothing but an earlier export at {target}, found {listed(strange)} beside "
            "it. They are not replaced: move them away, or choose another --to."
        )
    return target


def check_images(rows: pd.DataFrame) -> None:
    """Refuse images that are not where the run saw them, or not as large.

    Args:
        rows: `filepath` and `size_bytes` of the images that the export would name.

    Raises:
        ExportError: naming the first five.
    """
    gone, changed = [], []
    for path, size in zip(rows["filepath"], rows["size_bytes"], strict=True):
        try:
            found = os.stat(path).st_size  # noqa: PTH116 - 100,000 of them
        except OSError:
            gone.append(path)
            continue
        if not pd.isna(size) and found != size:
            changed.append(path)
    cure = (
        "Point the run to where they are now: `curate analyze DATA --run RUN` with the options of "
        "before; nothing is embedded again that was."
    )
    if gone:
        raise ExportError(
            f"Expected {len(rows)} images where the run saw them, found {len(gone)} of them moved "
            f"or gone: {listed(gone)}. {cure}"
        )
    if changed:
        raise ExportError(
            f"Expected {len(rows)} images as the run saw them, found {len(changed)} of another "
            f"size: {listed(changed)}. Analyse again: `curate analyze DATA --run RUN`."
        )


def check_one_file_system(paths: Collection[str], target: Path) -> None:
    """Refuse hard links to images on another file system than the export.

    Raises:
        ExportError: naming the first such image.
    """
    place = _existing(target.parent)
    own = place.stat().st_dev
    for path in paths:
        if os.stat(path).st_dev != own:  # noqa: PTH116 - 100,000 of them
            raise other_file_system(Path(path), place)


def check_room(target: Path, sizes: pd.Series[int], formats: Collection[str], link: str) -> None:
    """Refuse an export that the disk has no room for.

    Args:
        target: of the export.
        sizes: bytes of the images that it holds.
        formats: their names.
        link: how trees are made.

    Raises:
        ExportError: saying how much is wanted and how much there is.
    """
    copies = sum(name in COPYING for name in formats) if link == "copy" else 0
    copies += "webdataset" in formats
    wanted = int(sizes.sum()) * copies + BYTES_PER_IMAGE * len(sizes) * (1 + len(formats))
    place = _existing(target.parent)
    free = shutil.disk_usage(place).free
    if wanted > free:
        cure = ", or --link symlink" if copies and link == "copy" else ""
        raise ExportError(
            f"Expected room for about {wanted / 1e6:,.0f} MB at {place}, found "
            f"{free / 1e6:,.0f} MB free. Free some, choose another --to{cure}."
        )


def _not_ours(folder: Path) -> list[str] | None:
    """Files in a folder that its export did not write; None where it holds no export."""
    about = _about(folder)
    if about is None:
        return None
    if about.get("schema_version") == 1:
        ours = {f"train_{tier}.csv" for tier in TIER_NAMES} | {
            "train.csv", "val.csv", "test.csv", "edits.csv", "classes.txt", ABOUT,
        }  # fmt: skip
    else:
        try:
            ours = {ABOUT, FILES, *read_files(folder, about)["path"]}
        except ExportError as error:
            raise ExportError(
                f"Expected a whole export at {folder}, found its list of files {FILES} gone or "
                "changed, so that nothing tells which files are whose. Remove the directory "
                "yourself, or choose another --to."
            ) from error
    return [name for name in names_in(folder) if name not in ours]


def _about(folder: Path) -> dict[str, Any] | None:
    """What the export in a folder says of itself; None where there is none."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) and about.get("format") == FORMAT else None


def names_in(folder: Path) -> Iterator[str]:
    """Every file and link below a folder, relative to it, sorted."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]  # noqa: PTH114,PTH118
        for name in sorted([*files, *links]):
            yield os.path.relpath(os.path.join(place, name), folder)  # noqa: PTH118


def _check_outside_exports(target: Path) -> None:
    """Refuse a place inside an earlier export, which would no longer be what it says it is."""
    for above in target.parents:
        if _about(above) is not None:
            raise ExportError(
                f"Expected a directory for --to outside other exports, found {target} inside that "
                f"of {above}. Choose another --to."
            )


def _existing(folder: Path) -> Path:
    """The folder, or the next one above it that exists."""
    return folder if folder.exists() else _existing(folder.parent)
