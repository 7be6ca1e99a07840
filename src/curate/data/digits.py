"""A demo dataset of real images with planted faults: scikit-learn's 1,797 handwritten digits.

Every fault is recorded in ``planted.csv``, so that what an analysis finds can be counted. No fault
is planted on top of another, and file names say nothing about them.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from curate.data.views import apply_view
from curate.errors import DataError, listed
from curate.findings import stage_rng
from curate.store.files import place_folder, write_json, write_text

PLANTED_KINDS = ("orientation", "label_error", "near_duplicate", "unreadable", "outlier")

SIDE = 64
SHARES = {"train": 0.70, "val": 0.15, "test": 0.15}
ORIENTATION_SHARE = 0.03
LABEL_ERROR_SHARE = 0.02
N_NEAR_DUPLICATES = 12

_MIRROR_ALIKE = (0, 1, 3, 8)
"""Digits that look the same, or nearly so, upside-down: to turn one is no fault anyone could see,
so upside-down images are planted among the other digits."""

_MARK = {"format": "curate.digits", "version": 1}
_IMAGE = re.compile(r"(train|val|test)/\d/\d{4}\.png")
_JUNK = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


class _Item(NamedTuple):
    """One file to write."""

    split: str
    folder: int
    content: bytes


class _Plant(NamedTuple):
    """One fault: the number of its item, and of the item it was copied from (or -1)."""

    item: int
    kind: str
    detail: str
    source: int = -1


def write_digits(to: str | Path, seed: int = 0) -> pd.DataFrame:
    """Write the demo dataset as PNG class folders ``train|val|test/0..9`` and ``planted.csv``.

    The 1,797 digits (8 x 8 pixels, enlarged to 64 x 64) are split 70/15/15, stratified. Planted
    are: 3 % upside-down (half mirrored, half turned by 180 degrees), 2 % in the folder of another
    class, 12 slightly shifted and brightened copies of train images in val and test, 3 unreadable
    files, and one photograph of a cat.

    Args:
        to: the folder to make. An older demo dataset there is replaced; the same one is left
            untouched, so that times of change stay as they are.
        seed: of the split and of the plants.

    Returns:
        What ``planted.csv`` holds: ``filepath`` (relative to `to`), ``kind`` (one of
        `PLANTED_KINDS`) and ``detail`` (the view, the true class, the unreadable file's problem,
        the original's filepath, or the photograph's name).

    Raises:
        DataError: there is something else at `to`.
    """
    target = Path(to).expanduser().resolve()
    present = _check_target(target)
    mark = {**_MARK, "seed": seed}
    if present and _is_same(target, mark, present):
        return _read_planted(target)
    items, plants = _make(seed)
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        planted = _write(aside, items, plants, seed)
        write_json(aside / "demo.json", {**mark, "images": len(items)})
        place_folder(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return planted


def _make(seed: int) -> tuple[list[_Item], list[_Plant]]:
    """All files in memory, and which of them are faults."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels: NDArray[np.int64] = digits.target
    images = [_enlarge(pixels) for pixels in digits.images]
    rng = stage_rng(seed, "digits")
    splits = _split(labels, rng)
    turned = rng.choice(
        np.flatnonzero(~np.isin(labels, _MIRROR_ALIKE)),
        size=round(ORIENTATION_SHARE * len(labels)),
        replace=False,
    )
    rest = rng.permutation(np.setdiff1d(np.arange(len(labels)), turned))
    mislabelled, rest = np.split(rest, [round(LABEL_ERROR_SHARE * len(labels))])
    originals = rest[splits[rest] == "train"][:N_NEAR_DUPLICATES]

    folders = labels.copy()
    plants = []
    for turn, row in enumerate(turned):
        view = ("vflip", "rot180")[turn % 2]
        images[row] = apply_view(images[row][..., None], view)[..., 0]
        plants.append(_Plant(int(row), "orientation", view))
    for row in mislabelled:
        folders[row] = (labels[row] + rng.integers(1, 10)) % 10
        plants.append(_Plant(int(row), "label_error", str(labels[row])))
    items = [
        _Item(str(split), int(folder), _png(image))
        for split, folder, image in zip(splits, folders, images, strict=True)
    ]
    for turn, row in enumerate(originals):
        plants.append(_Plant(len(items), "near_duplicate", "", source=int(row)))
        copy = _png(_shift_and_brighten(images[row], rng))
        items.append(_Item(("val", "test")[turn % 2], int(labels[row]), copy))
    broken = {
        "empty": b"",
        "truncated": items[rest[-1]].content[: len(items[rest[-1]].content) // 2],
        "not_an_image": b"This is a line of text, whatever its name says.\n",
    }
    for problem, content in broken.items():
        plants.append(_Plant(len(items), "unreadable", problem))
        items.append(_Item("train", int(rng.integers(10)), content))
    plants.append(_Plant(len(items), "outlier", "chelsea"))
    items.append(_Item("train", int(rng.integers(10)), _photograph()))
    return items, plants


def _split(labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[Any]:
    """Stratified "train", "val" or "test" for each label."""
    splits = np.empty(len(labels), dtype="<U5")
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = np.rint(np.cumsum(list(SHARES.values()))[:-1] * len(rows)).astype(int)
        for name, part in zip(SHARES, np.split(rows, ends), strict=True):
            splits[part] = name
    return splits


def _enlarge(pixels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8 x 8 of 0 to 16 -> 64 x 64 of 0 to 255."""
    small = Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _shift_and_brighten(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Move by 1 to 3 pixels each way, repeating the border, and lighten by about a tenth."""
    down, right = (int(step) for step in rng.integers(1, 4, size=2) * rng.choice([-1, 1], size=2))
    padded = np.pad(image, 3, mode="edge")
    moved = padded[3 - down : 3 - down + SIDE, 3 - right : 3 - right + SIDE]
    lighter: NDArray[np.uint8] = np.clip(np.rint(moved * 1.1 + 12), 0, 255).astype(np.uint8)
    return lighter


def _png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _photograph() -> bytes:
    """A cat, among the pictures that scikit-image carries in its package."""
    from skimage.data import chelsea

    return _png(chelsea())


def _write(folder: Path, items: list[_Item], plants: list[_Plant], seed: int) -> pd.DataFrame:
    numbers = stage_rng(seed, "digits-names").permutation(len(items))
    paths = [
        f"{item.split}/{item.folder}/{number:04d}.png"
        for item, number in zip(items, numbers, strict=True)
    ]
    for split in SHARES:
        for label in range(10):
            (folder / split / str(label)).mkdir(parents=True, exist_ok=True)
    for path, item in zip(paths, items, strict=True):
        (folder / path).write_bytes(item.content)
    rows = [
        (paths[plant.item], plant.kind, paths[plant.source] if plant.source >= 0 else plant.detail)
        for plant in plants
    ]
    planted = pd.DataFrame(rows, columns=["filepath", "kind", "detail"])
    write_text(folder / "planted.csv", planted.to_csv(index=False))
    return _read_planted(folder)


def _read_planted(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "planted.csv", dtype=str, keep_default_na=False)


def _check_target(target: Path) -> list[str]:
    """The files at `target` if it can be written: nothing, or an older demo dataset's."""
    if not target.exists():
        return []
    if not target.is_dir():
        raise DataError(
            f"Expected a new folder for the demo dataset, found the file {target}. Choose another."
        )
    files = sorted(
        path.relative_to(target).as_posix()
        for path in target.rglob("*")
        if not path.is_dir() and path.name not in _JUNK
    )
    foreign = [
        name
        for name in files
        if name not in ("planted.csv", "demo.json") and not _IMAGE.fullmatch(name)
    ]
    if foreign or (files and "planted.csv" not in files):
        raise DataError(
            f"Expected a new folder or an older demo dataset at {target}, found other files: "
            f"{listed(foreign or files)}. Choose another folder, or move them away."
        )
    return files


def _is_same(target: Path, mark: dict[str, Any], present: list[str]) -> bool:
    """Whether the dataset there is the one that would be written, all of it."""
    try:
        found = json.loads((target / "demo.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    n_images = sum(bool(_IMAGE.fullmatch(name)) for name in present)
    return bool(found == {**mark, "images": n_images})
