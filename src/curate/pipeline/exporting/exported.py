"""An export, read back: what it says of itself, of its images and of its files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import ExportError
from curate.recipe.curriculum import ABOUT, FORMAT, SCHEMA_VERSION

IMAGES, FILES, DECISIONS = "images.parquet", "files.csv", "decisions.csv"

IMAGE_COLUMNS = {
    "sample_id": pa.string(),
    "filepath": pa.string(),
    "split": pa.string(),
    "source_label": pa.string(),
    "label": pa.string(),
    "tier": pa.string(),
    "difficulty": pa.float64(),
    "weight": pa.float64(),
    "turn": pa.string(),
    "state": pa.string(),
    "by": pa.string(),
    "reason": pa.string(),
    "size_bytes": pa.int64(),
    "content_digest": pa.string(),
}
"""Of images.parquet, every image of the run. `state` is kept, review, excluded or unlabelled (a
training image without a label); `by` is who made it so or changed its label, tier or turn: person,
tool, or empty."""

DECISION_COLUMNS = (
    "sample_id", "filepath", "action", "value", "source", "finding", "time", "used",
)  # fmt: skip
"""Of decisions.csv, every decision of a person, with where and when it was taken. `used` is yes, or
why it was not carried out."""

FILE_COLUMNS = ("path", "bytes", "digest")
"""Of files.csv, every file of the export but that and curriculum.json: the first 32 hex digits of
the SHA-256 of its content, for a link those of what it links to."""


@dataclass(frozen=True)
class Exported:
    """An export.

    Attributes:
        folder: where it lies, absolute.
        about: curriculum.json.
        images: images.parquet.
        decisions: decisions.csv, all as text.
        files: files.csv.
    """

    folder: Path
    about: dict[str, Any]
    images: pd.DataFrame
    decisions: pd.DataFrame
    files: pd.DataFrame


def read_export(folder: str | Path) -> Exported:
    """Read an export of `curate export`.

    Raises:
        ExportError: it is none, one of another version, or a table of it is gone or damaged.
    """
    place = Path(folder).expanduser().resolve()
    path = place / ABOUT
    try:
        about = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ExportError(
            f"Expected an export of curate at {place}, found "
            f"{f'a folder without {ABOUT}' if place.is_dir() else 'no such folder'}. Give the --to "
            "directory of a `curate export`."
        ) from error
    except (ValueError, OSError) as error:
        raise ExportError(
            f"Expected JSON in {path}, found something else ({error}). Export again."
        ) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ExportError(
            f"Expected an export of curate at {place}, found another program's {ABOUT}. Give the "
            "--to directory of a `curate export`."
        )
    if (version := about.get("schema_version")) != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        cure = "Update curate." if newer else "Export the run again with this version of curate."
        raise ExportError(
            f"Expected schema version {SCHEMA_VERSION} in {path}, found {version!r}. {cure}"
        )
    files = read_files(place, about)
    try:
        images: pd.DataFrame = pq.read_table(place / IMAGES).to_pandas()
        decisions = pd.read_csv(place / DECISIONS, dtype=str, keep_default_na=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ExportError(
            f"Expected the tables {IMAGES} and {DECISIONS} in {place}, found a fault: {error}. "
            "Export again."
        ) from error
    return Exported(place, about, images, decisions, files)


def read_files(folder: Path, about: dict[str, Any]) -> pd.DataFrame:
    """The list of files, as curriculum.json vouches for it.

    Raises:
        ExportError: it is gone, or not the one that was written.
    """
    path = folder / FILES
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ExportError(
            f"Expected the list of files {path}, found {error.strerror}. Export again."
        ) from error
    if digest_of_bytes(content) != about.get("files_digest"):
        raise ExportError(
            f"Expected {path} as it was written, found it changed. Export again: nothing tells any "
            "more what the files were."
        )
    files = pd.read_csv(path, dtype=str, keep_default_na=False)
    return files.assign(bytes=files["bytes"].astype(np.int64))


def digest_of_bytes(content: bytes) -> str:
    """The first 32 hex digits of the SHA-256, as everywhere in a run."""
    return hashlib.sha256(content).hexdigest()[:32]


def digest_of_file(path: str | Path) -> str:
    """The same of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
