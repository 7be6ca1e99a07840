"""Reading a file of predictions: ids, and one column of numbers a class.

Nothing is assumed about the order of rows: every form names its images.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.data.roles import PATH_NAMES
from curate.errors import ModelError, listed
from curate.inference.class_lists import as_class_list, check_classes, class_list_beside
from curate.inference.prediction_tables import NumberTable

TABLES = (".csv", ".tsv", ".parquet")
EXTENSIONS = (*TABLES, ".npy", ".npz")

ID_NAMES = ("sample_id", *PATH_NAMES, "ids", "key", "name")
"""Usual names of the column of ids, the preferred ones first; case and underscores do not count."""

PROBABILITIES, LOGITS = "probabilities", "logits"

PREFIXES = {
    "": None, "p_": PROBABILITIES, "prob_": PROBABILITIES, "probs_": PROBABILITIES,
    "proba_": PROBABILITIES, "probability_": PROBABILITIES, "logit_": LOGITS, "logits_": LOGITS,
    "pred_": None, "score_": None,
}  # fmt: skip
"""What may stand before a class in the name of its column, and what it says of the numbers."""

NPZ_NAMES = {
    "probs": PROBABILITIES, "pred_probs": PROBABILITIES, "probabilities": PROBABILITIES,
    "logits": LOGITS,
}  # fmt: skip

_UNNAMED = ("", "Unnamed: 0", "__index_level_0__")
"""What pandas calls the column of an index without a name."""

_IDS_BESIDE = (".ids.txt", ".ids.csv", ".ids.npy")

_WAY_OUT = "save the columns of the run's classes"


@dataclass(frozen=True)
class Read:
    """What a file holds.

    Attributes:
        ids: (m,) as written.
        values: (m, k) float32, columns in the order of the run's classes.
        kind: `PROBABILITIES` or `LOGITS` where the file says so, else None.
        notes: sentences on what was passed over or assumed.
    """

    ids: list[str]
    values: NDArray[np.float32]
    kind: str | None = None
    notes: list[str] = field(default_factory=list)


def read_file(path: Path, class_names: tuple[str, ...]) -> Read:
    """Read CSV, TSV or Parquet (a column of ids, one a class), npy (ids beside it) or npz.

    Raises:
        ModelError: no such file, another kind, or ids or classes that are missing or too many.
    """
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise ModelError(
            f"Expected predictions as {', '.join(EXTENSIONS)}, found {path}. Save one of these."
        )
    if not path.is_file():
        raise ModelError(f"Expected a file of predictions at {path}, found none. Check the path.")
    if extension in TABLES:
        read = _read_table(path, class_names)
    else:
        read = (_read_npy if extension == ".npy" else _read_npz)(path, class_names)
    if not read.ids:
        raise ModelError(f"Expected rows in {path}, found none. Save the predictions again.")
    return read


def files_of(path: Path) -> list[Path]:
    """The files that decide what is read: the one that is named, and ids and classes beside it."""
    beside = [path.with_name(path.stem + end) for end in (*_IDS_BESIDE, ".classes.txt")]
    beside.append(path.with_name("classes.txt"))
    return [path, *(file for file in beside if path.suffix == ".npy" and file.is_file())]


def _read_table(path: Path, class_names: tuple[str, ...]) -> Read:
    table = NumberTable(path)
    there = set(table.columns)
    prefix = max(PREFIXES, key=lambda one: sum(one + name in there for name in class_names))
    wanted = [prefix + name for name in class_names]
    others = [column for column in table.columns if column not in set(wanted)]
    id_column = _id_column(others)
    rest = [one for one in others if one != id_column and one not in _UNNAMED]
    missing = [name for name in class_names if prefix + name not in there]
    # Without a prefix, only its being numbers tells a class from what else is known of an image.
    extra = [one for one in rest if one.startswith(prefix)] if prefix else table.numeric(rest)
    if missing or extra:
        raise ModelError(
            f"Expected a column for each of the {len(class_names)} classes in {path}, found a "
            f"different set: missing there {listed(missing) or 'none'}; only there "
            f"{listed(extra) or 'none'}. Name the columns as the classes, and remove other columns "
            "of numbers."
        )
    ids = [] if id_column is None else table.texts(id_column)
    if id_column is None or (id_column in _UNNAMED and _only_counts(ids)):
        raise ModelError(
            f"Expected a column of ids in {path}, found none beside the classes "
            f"({listed(others) or 'no other column'}). Add one: sample_id or filepath."
        )
    notes = [f"{path}: columns that are no classes are passed over: {listed(rest)}"] if rest else []
    return Read(ids, table.numbers(wanted), PREFIXES[prefix], notes)


def _id_column(columns: Sequence[str]) -> str | None:
    """The column of ids: by a usual name, else an index without a name."""
    order = [_letters(name) for name in ID_NAMES]
    named = [column for column in columns if _letters(column) in order]
    if named:
        return min(named, key=lambda column: order.index(_letters(column)))
    return next((column for column in columns if column in _UNNAMED), None)


def _only_counts(ids: list[str]) -> bool:
    """Whether ids are row numbers, which name no image even where a file is called 0.jpg."""
    return set(ids) == {str(i) for i in range(len(ids))}


def _letters(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "")


def _read_npy(path: Path, class_names: tuple[str, ...]) -> Read:
    values = _numbers(_load(path), path)
    file = next((f for f in files_of(path)[1:] if f.name.startswith(f"{path.stem}.ids.")), None)
    if file is None:
        raise ModelError(
            f"Expected the ids of the {len(values)} rows of {path} beside it, found none. Write "
            f"them, one a line, to {path.with_name(path.stem + '.ids.txt')} (or .ids.csv, "
            ".ids.npy); or save an npz with `ids` and `probs`."
        )
    if file.suffix == ".npy":
        ids = _texts(_load(file), file)
    elif file.suffix == ".csv":
        table = NumberTable(file)
        column = _id_column(table.columns) or (
            table.columns[0] if len(table.columns) == 1 else None
        )
        if column is None:
            raise ModelError(
                f"Expected a column of ids in {file}, found {listed(table.columns)}. Name it "
                "sample_id or filepath."
            )
        ids = table.texts(column)
    else:
        try:
            ids = file.read_text("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ModelError(
                f"Expected {file} in UTF-8, found other bytes at {error.start}. Save it as UTF-8."
            ) from error
    return _arranged(path, ids, values, class_list_beside(path), class_names, None)


def _read_npz(path: Path, class_names: tuple[str, ...]) -> Read:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ModelError(f"Expected arrays in {path}, found {error}. Save it again.") from error
    kinds = [name for name in NPZ_NAMES if name in arrays]
    if len(kinds) != 1 or "ids" not in arrays:
        raise ModelError(
            f"Expected `ids` and either `probs` or `logits` in {path}, found "
            f"{listed(arrays) or 'nothing'}. Save them: np.savez(file, ids=..., probs=...)."
        )
    names = arrays.get("class_names")
    theirs = None if names is None else as_class_list(_texts(names, path), path)
    values = _numbers(arrays[kinds[0]], path)
    return _arranged(
        path, _texts(arrays["ids"], path), values, theirs, class_names, NPZ_NAMES[kinds[0]]
    )


def _arranged(
    path: Path,
    ids: list[str],
    values: NDArray[np.float32],
    theirs: tuple[str, ...] | None,
    ours: tuple[str, ...],
    kind: str | None,
) -> Read:
    """Check the shape, and bring the columns into the order of the run's classes."""
    k = len(theirs or ours)
    if len(ids) != len(values) or values.shape[1] != k:
        raise ModelError(
            f"Expected {len(ids)} rows (ids) of {k} columns (classes) in {path}, found "
            f"{values.shape[0]} x {values.shape[1]}. Save the predictions of all classes, and an "
            "id for each row."
        )
    if theirs is None:
        note = (
            f"{path} names no classes: its columns are taken in the run's order, "
            f"{listed(ours)} (say another one in {path.stem}.classes.txt)"
        )
        return Read(ids, values, kind, [note])
    check_classes(theirs, ours, path, _WAY_OUT)
    return Read(ids, values[:, [theirs.index(name) for name in ours]], kind)


def _load(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelError(f"Expected an array in {path}, found {error}. Save it again.") from error
    return array


def _numbers(array: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ModelError(
            f"Expected a table of numbers (rows x classes) in {path}, found shape {array.shape} of "
            f"{array.dtype}. Save one row an image."
        )
    return array.astype(np.float32)


def _texts(array: NDArray[Any], path: Path) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise ModelError(
            f"Expected a list of texts in {path}, found shape {array.shape} of {array.dtype}. Save "
            "it as np.array([...], dtype=str)."
        )
    return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in array.tolist()]
