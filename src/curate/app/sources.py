"""Images out of FiftyOne: an existing dataset, or a folder that FiftyOne can import, as a table.

Both are read by the same code, which leaves the dataset as it is; an imported folder becomes a
dataset for as long as reading it takes.
"""

from __future__ import annotations

import difflib
import os
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from curate.app.database import connect, quiet
from curate.app.fields import utc_milliseconds
from curate.app.label_field import find_label_field, labels_of
from curate.app.names import MARK, OWN_FIELDS
from curate.data.listing import SPLIT_NAMES, has_image_extension
from curate.data.source import FIFTYONE
from curate.errors import DatabaseError, DataError, listed
from curate.progress import log

DATASET_TYPES = (
    "BDDDataset",
    "CVATImageDataset",
    "FiftyOneDataset",
    "FiftyOneImageClassificationDataset",
    "FiftyOneImageLabelsDataset",
    "ImageClassificationDirectoryTree",
    "LegacyFiftyOneDataset",
    "OpenImagesV6Dataset",
    "OpenImagesV7Dataset",
    "PlacesDataset",
)
"""The formats that FiftyOne imports with classes of whole images, which lie in files of their own:
names in `fiftyone.types`."""

_IN_RECORDS = ("TFImageClassificationDataset", "TFObjectDetectionDataset")
_WHOLE_DATASETS = ("FiftyOneDataset", "LegacyFiftyOneDataset")
_DEFAULT_FIELDS = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}
_TABLE_COLUMNS = ("filepath", "label", "split")


def read_dataset(name: str, label_field: str | None = None) -> pd.DataFrame:
    """Read an existing FiftyOne dataset as a table of images.

    Nothing is written to the dataset; FiftyOne itself notes when it was last loaded.

    Args:
        name: of the dataset.
        label_field: where the class is: a field of FiftyOne's type Classification, or the path of
            a string or number, such as ``ground_truth.label``. By default ``ground_truth``, else
            the only Classification field.

    Returns:
        One row a sample, in the dataset's order: `filepath`; `label`, missing for an unlabelled
        image; `split`, which is "train", "val", "test" by the sample's tags (or, where no sample
        has such a tag, by a field ``split``), or ""; then by name the user's own fields of numbers,
        truths, strings and dates (in UTC). A field called like one of the three columns is
        ``user_NAME``. Fields that curate itself published are left out.

    Raises:
        DataError: no such dataset, no images, no class field that could be meant, an image with
            two classes or in two splits.
        DatabaseError: no database answers.
    """
    fo = connect()
    with quiet():
        names = fo.list_datasets()
        if name not in names:
            raise DataError(_unknown(name, names))
        return _read(fo.load_dataset(name), f"the FiftyOne dataset {name!r}", label_field)


def import_dataset(folder: Path, dataset_type: str, label_field: str | None = None) -> pd.DataFrame:
    """Read a folder in a format that FiftyOne imports as a table of images.

    Args:
        folder: what FiftyOne calls the dataset directory.
        dataset_type: one of `DATASET_TYPES`.
        label_field: as for `read_dataset`, of the fields that the importer makes.

    Returns:
        The table of `read_dataset`.

    Raises:
        DataError: an unknown format, or a folder that is not of it; and as `read_dataset`.
        DatabaseError: no database answers.
    """
    if dataset_type in _IN_RECORDS:
        raise DataError(
            f"Expected images in files of their own, found --dataset-type {dataset_type}, which "
            "keeps them inside TFRecords. Unpack them with FiftyOne (Dataset.from_dir with "
            "images_dir=FOLDER) and analyse that dataset as fiftyone:NAME."
        )
    if dataset_type not in DATASET_TYPES:
        raise DataError(
            f"Expected a --dataset-type with classes of whole images, found {dataset_type!r}. "
            f"Use one of {', '.join(DATASET_TYPES)}."
        )
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        what = "a file" if folder.is_file() else "nothing"
        raise DataError(f"Expected a folder at {folder}, found {what}. Check the path.")
    fo = connect()
    with quiet():
        dataset = fo.Dataset(f"curate-import-{uuid.uuid4().hex}")
        try:
            _fill(fo, dataset, folder, dataset_type)
            frame = _read(dataset, f"{dataset_type} {folder}", label_field)
        finally:
            dataset.delete()
    _tell_left_out(folder, set(frame["filepath"]))
    return frame


def _tell_left_out(folder: Path, imported: set[str]) -> None:
    """Importers pass over images without an annotation in silence; say how many those are."""
    files = (
        Path(at) / name for at, _, names in os.walk(folder) for name in names
        if has_image_extension(name)
    )  # fmt: skip
    left_out = sorted(str(file) for file in files if str(file) not in imported)
    if left_out:
        log.warning(
            "source: %d image files below %s are not among its samples and are left out: %s",
            len(left_out), folder, listed(left_out, 3),
        )  # fmt: skip


def _fill(fo: Any, dataset: Any, folder: Path, dataset_type: str) -> None:
    from pymongo.errors import PyMongoError

    options: dict[str, Any] = {}
    if dataset_type in _WHOLE_DATASETS:
        options = {f"import_{part}": False for part in ("saved_views", "runs", "workspaces")}
    try:
        dataset.add_dir(
            dataset_dir=str(folder),
            dataset_type=getattr(fo.types, dataset_type),
            progress=False,
            **options,
        )
    except PyMongoError as error:
        raise DatabaseError(
            f"Expected FiftyOne's database to take in {folder}, found {type(error).__name__}: "
            f"{str(error)[:300]}. Run `curate doctor`, then the same command again."
        ) from error
    # An importer meets files of any content, and says what is wrong with them by any exception.
    except Exception as error:
        raise DataError(
            f"Expected a {dataset_type} in {folder}, found one that FiftyOne cannot import "
            f"({type(error).__name__}: {str(error)[:300]}). Check the folder and --dataset-type."
        ) from error


def _read(dataset: Any, what: str, label_field: str | None) -> pd.DataFrame:
    """Read a dataset, which error messages call `what`."""
    _check_images(dataset, what)
    own = _own_fields(dataset)
    path, is_list = find_label_field(dataset, what, label_field, own)
    metadata = _metadata_fields(dataset, own, path)
    filepaths, tags, raw, *values = dataset.values(["filepath", "tags", path, *metadata])
    if None in filepaths:
        raise DataError(
            f"Expected a file for each sample of {what}, found "
            f"{sum(one is None for one in filepaths)} without one. Give it one, or delete it."
        )
    columns = dict(zip(metadata, values, strict=True))
    splits = _splits(filepaths, tags)
    if not any(splits) and (by_field := _splits_by_field(columns.get("split"))):
        splits = by_field
        del columns["split"]
    frame = pd.DataFrame(
        {
            "filepath": pd.Series(filepaths, dtype="string"),
            "label": pd.Series(labels_of(raw, filepaths, path, is_list), dtype="string"),
            "split": pd.Series(splits, dtype="string"),
        }
    )
    own_names = dataset.info.get(MARK, {}).get("user_columns", {})
    for field, column in columns.items():
        if any(value is not None for value in column):
            name = own_names.get(field, field)
            while name in frame.columns:
                name = f"user_{name}"
            # FiftyOne gives times in the time zone that a person configured.
            plain = [utc_milliseconds(one) if isinstance(one, date) else one for one in column]
            frame[name] = pd.Series(plain, dtype=metadata[field])
    log.info(
        "source: %s: %d images, classes from %s, %d columns of yours",
        what, len(frame), path, len(frame.columns) - len(_TABLE_COLUMNS),
    )  # fmt: skip
    return frame


def _check_images(dataset: Any, what: str) -> None:
    if dataset.media_type is None or not len(dataset):
        raise DataError(f"Expected images in {what}, found none. Add some, or take another.")
    if dataset.media_type != "image":
        cure = {
            "group": "Clone one slice of it (select_group_slices) and analyse the clone.",
            "video": "Make a dataset of its frames (to_frames) and analyse that.",
        }.get(dataset.media_type, "Analyse a dataset of images.")
        raise DataError(
            f"Expected a dataset of images, found {what} with media of type "
            f"{dataset.media_type!r}. {cure}"
        )


def _own_fields(dataset: Any) -> set[str]:
    """The fields that curate published; what it took from the user is the user's."""
    notes = dataset.info.get(MARK)
    if notes is None:
        return set()
    published = set(notes.get("fields", [])) - set(notes.get("user_columns", {}))
    return published | set(OWN_FIELDS) - {"ground_truth"}


def _metadata_fields(dataset: Any, own: set[str], label_path: str) -> dict[str, str]:
    """The user's fields of plain values, and the pandas type of each."""
    import fiftyone as fo

    types = {
        fo.BooleanField: "boolean",
        fo.IntField: "Int64",
        fo.FloatField: "Float64",
        fo.StringField: "string",
        fo.DateField: "datetime64[us]",
        fo.DateTimeField: "datetime64[us]",
    }
    skipped = own | _DEFAULT_FIELDS | {label_path}
    return {
        name: dtype
        for name, field in dataset.get_field_schema().items()
        if name not in skipped
        for kind, dtype in types.items()
        if isinstance(field, kind)
    }


def _splits(filepaths: list[str], tags: list[list[str] | None]) -> list[str]:
    found = []
    for path, own in zip(filepaths, tags, strict=True):
        splits = {SPLIT_NAMES[tag.lower()] for tag in own or () if tag.lower() in SPLIT_NAMES}
        if len(splits) > 1:
            raise DataError(
                f"Expected one split an image, found the tags {listed(own or ())} on {path}. "
                "Take one of them off."
            )
        found.append(splits.pop() if splits else "")
    return found


def _splits_by_field(values: list[Any] | None) -> list[str]:
    """The splits that a field of them names; empty if it says something else anywhere."""
    words = [str(value or "").lower() for value in values or ()]
    return [SPLIT_NAMES.get(w, "") for w in words] if {*words} <= {*SPLIT_NAMES, ""} else []


def _unknown(name: str, names: list[str]) -> str:
    lower = {one.lower(): one for one in names}
    near = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=5, cutoff=0.5)]
    if near:
        advice = f"Did you mean {listed(near)}?"
    elif names:
        advice = f"There are {listed(sorted(names))}."
    else:
        advice = "There are none; FiftyOne keeps only datasets with persistent=True."
    return f"Expected a FiftyOne dataset {name!r} for {FIFTYONE}{name}, found none. {advice}"
