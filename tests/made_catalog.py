"""Catalogs made by hand, for tests that need tables of images but no files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog
from curate.data.statistics import SHOWN
from curate.store.schema import PROBLEMS

ROOT = Path("/data")


def images(**columns: Any) -> pd.DataFrame:
    """Catalog rows: a list for what differs, nothing for what does not."""
    n = max(len(value) for value in columns.values() if isinstance(value, list | np.ndarray))
    table = pd.DataFrame({
        "sample_id": [f"{i:016x}" for i in range(n)],
        "split": "train",
        "label": "a",
        "group": "",
        "content_digest": [f"{i:032x}" for i in range(n)],
        "width": 64,
        "height": 48,
        "size_bytes": 1000,
        "mtime_ns": 0,
        "format": "JPEG",
        "mode": "RGB",
        "exif_orientation": 1,
        "animated": False,
    }, index=range(n)).assign(**columns)  # fmt: skip
    if "filepath" not in columns:
        labels = table["label"].fillna("")
        names = [f"{i}.jpg" for i in range(n)]
        table["filepath"] = str(ROOT) + "/" + table["split"] + "/" + labels + "/" + names
    return table


def problem_rows(*rows: tuple[str, str, str | None, str]) -> pd.DataFrame:
    """(path below the root, split, label, problem) as a problems table."""
    filled = [(f"{ROOT}/{path}", *rest, "as planted") for path, *rest in rows]
    return pd.DataFrame(filled, columns=[*PROBLEMS])


def catalog_of(table: pd.DataFrame, problems: pd.DataFrame | None = None, **rest: Any) -> Catalog:
    """A catalog of these rows."""
    return Catalog(
        root=ROOT,
        table=table,
        problems=problem_rows() if problems is None else problems,
        class_names=tuple(sorted(set(table["label"].dropna()))),
        notes=rest.pop("notes", []),
        skipped=rest.pop("skipped", {}),
        **rest,
    )


def pixels(table: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Pixel statistics of every image, the same for all but for `columns`."""
    same = {"brightness": 0.5, "contrast": 0.2, "sharpness": 800.0, "entropy": 7.0,
            "saturation": 0.3}  # fmt: skip
    frame = pd.DataFrame({"sample_id": table["sample_id"], **same}).assign(**columns)
    return frame[["sample_id", *SHOWN]]
