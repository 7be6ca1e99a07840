"""What the files of a dataset are: sizes, formats, EXIF orientation, copies of the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from curate.data.listing import SPLIT_ORDER

EXAMPLES = 5
"""How many images are named for anything that concerns more of them."""

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
"""Pillow's modes of one channel. A palette may hold anything, so `P` is not among them."""


def size_facts(table: pd.DataFrame) -> dict[str, Any]:
    """Widths, heights and aspect ratios (width by height, upright), megapixels, bytes of a file."""
    width, height = table["width"].to_numpy(dtype=float), table["height"].to_numpy(dtype=float)
    pairs = table.groupby(["width", "height"], as_index=False).size()
    common = pairs.sort_values(["size", "width", "height"], ascending=False).head(EXAMPLES)
    return {
        "width": percentiles(width),
        "height": percentiles(height),
        "megapixels": percentiles(width * height / 1e6),
        "aspect_ratio": percentiles(width / np.maximum(height, 1)),
        "file_bytes": percentiles(table["size_bytes"]),
        "total_bytes": int(table["size_bytes"].sum()),
        "distinct": len(pairs),
        "most_common": [
            {"width": w, "height": h, "images": n} for w, h, n in common.to_numpy().tolist()
        ],
    }


def file_facts(table: pd.DataFrame, root: str) -> dict[str, Any]:
    """Formats and modes by Pillow's names, EXIF orientation, animations."""
    turned = table[table["exif_orientation"] != 1]
    moving = table[table["animated"].astype(bool)]
    return {
        "formats": counted(table["format"]),
        "modes": counted(table["mode"]),
        "grey_by_mode": int(table["mode"].isin(GREY_MODES).sum()),
        "turned_by_exif": {
            "images": len(turned),
            "orientations": dict(sorted(counted(turned["exif_orientation"]).items())),
            "examples": examples(turned["filepath"], root),
        },
        "animated": {"images": len(moving), "examples": examples(moving["filepath"], root)},
    }


def copy_facts(table: pd.DataFrame, root: str) -> dict[str, Any]:
    """Files of the same bytes: within a class, across splits, under different labels.

    `extra` is how many images would go if one of each kind stayed.
    """
    copies = table[table.duplicated("content_digest", keep=False)]
    by_digest = copies.groupby("content_digest", sort=False)
    splits, labels = by_digest["split"].nunique(), by_digest["label"].nunique()
    across, conflicting = splits.index[splits > 1], labels.index[labels > 1]
    order = sorted(splits.index, key=lambda d: (labels[d] < 2, splits[d] < 2))
    groups = {digest: by_digest.get_group(digest) for digest in order[:EXAMPLES]}
    return {
        "groups": len(splits),
        "images": len(copies),
        "extra": len(copies) - len(splits),
        "across_splits": {
            "groups": len(across),
            "images": int(copies["content_digest"].isin(across).sum()),
        },
        "different_labels": {
            "groups": len(conflicting),
            "images": int(copies["content_digest"].isin(conflicting).sum()),
        },
        "examples": [
            {
                "files": examples(group["filepath"], root),
                "images": len(group),
                "splits": present_splits(group),
                "labels": sorted(set(group["label"].dropna())),
            }
            for group in groups.values()
        ],
    }


def present_splits(table: pd.DataFrame) -> list[str]:
    """The splits that have images, in their usual order."""
    found = set(table["split"])
    return [split for split in SPLIT_ORDER if split in found]


def plain(value: float) -> float | int | None:
    """A number as JSON can hold it, to six significant digits; None for what is no number."""
    if not np.isfinite(value):
        return None
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def percentiles(values: ArrayLike) -> dict[str, float | int | None]:
    """`PERCENTILES` of some numbers by linear interpolation, with the smallest and the largest.

    Args:
        values: (n,) numbers; what is no number is left out.

    Returns:
        An empty dict where there is none.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return {}
    found = np.percentile(numbers, PERCENTILES)
    return {
        "min": plain(numbers.min()),
        **{f"p{at}": plain(value) for at, value in zip(PERCENTILES, found, strict=True)},
        "max": plain(numbers.max()),
    }


def shown_path(path: str, root: str) -> str:
    """A path relative to the data's root, where it lies below it."""
    return path.removeprefix(root.rstrip("/") + "/")


def examples(paths: Iterable[str], root: str) -> list[str]:
    """The first `EXAMPLES` paths, as a person wants them shown."""
    return [shown_path(path, root) for path, _ in zip(paths, range(EXAMPLES), strict=False)]


def counted(values: pd.Series[Any], limit: int | None = None) -> dict[str, int]:
    """How often each value occurs, the most common first, then by name; at most `limit` of them."""
    counts = values.astype(str).value_counts()
    table = pd.DataFrame({"value": counts.index.astype(str), "n": counts.to_numpy()})
    first = table.sort_values(["n", "value"], ascending=[False, True]).head(limit or len(table))
    return dict(zip(first["value"].tolist(), first["n"].tolist(), strict=True))
