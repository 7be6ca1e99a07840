"""A user's own training dynamics: a file of epochs, checked, as one row an image of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.errors import ModelError, listed
from curate.inference.prediction_files import ID_NAMES, TABLES
from curate.inference.prediction_tables import NumberTable
from curate.inference.row_ids import match_ids
from curate.numerics import dynamics
from curate.progress import log
from curate.store.schema import DYNAMICS, EPOCHS

SLACK = 1e-3
"""By how much a probability may leave [0, 1], as in `curate.inference.predictions`."""

_NUMBERS = ("epoch", "logit_true", "logit_other", "p_true")


@dataclass(frozen=True)
class Dynamics:
    """What a file says, one row an image of the catalog.

    Attributes:
        table: the columns of `curate.store.schema.DYNAMICS`, NaN where nothing was recorded.
        info: for `run.json`: rows and epochs of the file, how many images it covers, how its ids
            were read; and `notes`.
    """

    table: pd.DataFrame
    info: dict[str, Any]


def check_dynamics(path: Path) -> None:
    """Say that a file cannot be one of dynamics before any work.

    Raises:
        ModelError: there is none at the path, or it is of another kind.
    """
    if path.suffix.lower() not in TABLES:
        raise ModelError(
            f"Expected training dynamics as {', '.join(TABLES)}, found {path}. Save one of these."
        )
    if not path.is_file():
        raise ModelError(
            f"Expected a file of training dynamics at {path}, found none. Check the path."
        )


def read_dynamics(path: Path, table: pd.DataFrame) -> Dynamics:
    """Read a file of training dynamics and bring it into the catalog's order.

    A CSV, TSV or Parquet file with a row an image and epoch, in any order, and the columns of
    `curate.store.schema.EPOCHS`; in place of `sample_id` a path, as in files of predictions. An
    image's epochs follow each other: a curriculum may bring it in late, but not let it pause.

    Args:
        path: the file.
        table: the catalog: `sample_id`, `filepath`, `label`.

    Raises:
        ModelError: it cannot be read, lacks a column, has a sample and epoch twice, a gap between
            epochs, numbers that cannot be, or mostly ids of other images.
    """
    check_dynamics(path)
    file = _Table(path)
    id_column = next((name for name in ID_NAMES if name in file.columns), None)
    missing = [name for name in EPOCHS if name != "sample_id" and name not in file.columns]
    if missing or id_column is None:
        needed = [*(["sample_id (or filepath)"] if id_column is None else []), *missing]
        raise ModelError(
            f"Expected the columns {', '.join(EPOCHS)} in {path}, found none called "
            f"{listed(needed)}. Save a row an image and epoch with all of them."
        )
    ids, codes = file.codes(id_column)
    if not len(codes):
        raise ModelError(f"Expected rows in {path}, found none. Record the training again.")
    names = [*_NUMBERS, *(["error_length"] if "error_length" in file.columns else [])]
    values = dict(zip(names, file.numbers(names).T, strict=True))
    correct = file.truths("correct")
    _check(path, ids, codes, values, correct)
    matched = match_ids(ids, table, str(path))
    rows, notes = matched.rows[codes], []
    if (matched.rows < 0).any():
        unknown = [ids[i] for i in np.flatnonzero(matched.rows < 0).tolist()]
        notes.append(
            f"{path}: {len(unknown)} of {len(ids)} ids name no image of this run and are passed "
            f"over: {listed(unknown)}"
        )
    labels = table["label"].to_numpy(dtype=object).copy()
    if "label" in file.columns:
        classes, of = file.codes("label", blank=True)
        known = (rows >= 0) & (np.array(classes) != "")[of]
        _check_one_label(path, ids, codes[known], of[known])
        labels[rows[known]] = np.array(classes, dtype=object)[of[known]]
        other = table["filepath"][table["label"].notna() & (labels != table["label"])]
        if len(other):
            notes.append(
                f"{path}: {len(other)} images were trained as another class than their label here, "
                f"for which what was recorded of them does not count: {listed(other)}"
            )
    for note in notes:
        log.warning("%s", note)
    told, n_epochs = _tabulated(path, ids, codes, rows, values, correct)
    covered = int(told["aum"].notna().sum())
    filled = told.reindex(range(len(table))).assign(
        sample_id=table["sample_id"].to_numpy(), label=labels
    )
    info = {
        "file": str(path), "rows": len(codes), "images": len(table), "covered": covered,
        "epochs": n_epochs, "ids": matched.by, "notes": notes,
    }  # fmt: skip
    return Dynamics(filled[list(DYNAMICS)], info)


class _Table(NumberTable):
    """Reads what is written again in every epoch as codes, not as so many texts."""

    def codes(self, column: str, blank: bool = False) -> tuple[list[str], NDArray[np.int64]]:
        """The different texts of a column, and (m,) which of them each row has.

        Raises:
            ModelError: a field is empty and none may be `blank`.
        """
        import pyarrow as pa

        texts = self._read([column], pa.string()).column(0).fill_null("")
        found = texts.dictionary_encode().unify_dictionaries().combine_chunks()
        names = [str(text).strip() for text in found.dictionary.to_pylist()]
        codes = found.indices.to_numpy().astype(np.int64)
        if "" in names and not blank:
            empty = codes == names.index("")
            raise ModelError(
                f"Expected an id in every row of {self.path}, found none in {int(empty.sum())} of "
                f"{len(codes)}, first in row {int(empty.argmax()) + 1} below the header. Fill "
                f"column {column!r}."
            )
        return names, codes

    def truths(self, column: str) -> NDArray[np.bool_]:
        """(m,) a column of true and false, or 1 and 0.

        Raises:
            ModelError: it holds something else, or nothing somewhere.
        """
        import pyarrow as pa

        found = self._read([column], pa.bool_()).column(0)
        if found.null_count:
            raise ModelError(
                f"Expected true or false in every row of {self.path}, found nothing in "
                f"{found.null_count} of column {column!r}. Fill them."
            )
        truths: NDArray[np.bool_] = np.asarray(found.to_numpy(), dtype=bool)
        return truths


def _check(
    path: Path, ids: list[str], codes: NDArray[np.int64], values: dict[str, Any],
    correct: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Raise ModelError where a number cannot be what its column says."""
    epoch, p, own, other = (values[k] for k in ("epoch", "p_true", "logit_true", "logit_other"))
    finite = np.all([np.isfinite(column) for column in values.values()], axis=0)
    wrong = (
        (~finite, "a number in every field", "NaN, infinity or nothing", "Record these again."),
        (
            (epoch < 0) | (epoch != np.floor(epoch)), "whole numbers of epochs from 0 on",
            "others", "Number the epochs.",
        ),
        (
            (p < -SLACK) | (p > 1 + SLACK), "probabilities in p_true", "numbers outside [0, 1]",
            "Record the softmax of the logits.",
        ),
        (
            correct & (own < other) | ~correct & (own > other),
            "`correct` where logit_true is above logit_other, and only there", "others",
            "Record all three of one forward pass.",
        ),
        (
            values.get("error_length", np.zeros(1)) < 0, "lengths in error_length",
            "negative numbers", "Record the Euclidean length of p - one_hot.",
        ),
    )  # fmt: skip
    for at, expected, found, cure in wrong:
        if at.any():
            row = int(at.argmax())
            raise ModelError(
                f"Expected {expected} in {path}, found {found} in {int(at.sum())} of {len(codes)} "
                f"rows, first of {ids[codes[row]]!r} in epoch {epoch[row]:g}. {cure}"
            )


def _check_one_label(
    path: Path, ids: list[str], codes: NDArray[np.int64], classes: NDArray[np.int64]
) -> None:
    """Raise ModelError where an image was trained as two classes."""
    pairs = np.unique(np.column_stack([codes, classes]), axis=0)
    twice = pairs[1:, 0][np.diff(pairs[:, 0]) == 0]
    if len(twice):
        raise ModelError(
            f"Expected one label an image in {path}, found several of "
            f"{listed(ids[i] for i in np.unique(twice).tolist())}. Keep the epochs of one label."
        )


def _tabulated(
    path: Path, ids: list[str], codes: NDArray[np.int64], rows: NDArray[np.int64],
    values: dict[str, Any], correct: NDArray[np.bool_],
) -> tuple[pd.DataFrame, int]:  # fmt: skip
    """The numbers of `curate.numerics.dynamics.table` by row of the catalog, and the epochs.

    Raises:
        ModelError: a sample and epoch comes twice, or there is a gap.
    """
    epoch = values["epoch"].astype(np.int64)
    order = np.lexsort((epoch, codes))
    step, same = np.diff(epoch[order]), np.diff(codes[order]) == 0
    twice, gap = same & (step == 0), same & (step > 1)
    if twice.any():
        at = order[int(twice.argmax())]
        raise ModelError(
            f"Expected one row an image and epoch in {path}, found {int(twice.sum())} more, first "
            f"of {ids[codes[at]]!r} in epoch {epoch[at]}. Keep one training run in a file."
        )
    if gap.any():
        at, after = order[int(gap.argmax())], order[int(gap.argmax()) + 1]
        raise ModelError(
            f"Expected the epochs of an image to follow each other in {path}, found "
            f"{int(gap.sum())} gaps, first of {ids[codes[at]]!r} between epochs {epoch[at]} and "
            f"{epoch[after]}. Record every epoch."
        )
    order = order[rows[order] >= 0]
    images, first, at_image = np.unique(rows[order], return_index=True, return_inverse=True)
    # Rows of one image lie together, though the images are in the order of the file.
    place = epoch[order] - epoch[order][first][at_image]
    shape = (int(place.max(initial=-1)) + 1, len(images))

    def arranged(column: NDArray[Any], blank: float) -> Any:
        grid = np.full(shape, blank, dtype=np.float32 if np.isnan(blank) else bool)
        grid[place, at_image] = column[order]
        return grid

    own, other, p = (arranged(values[k], np.nan) for k in ("logit_true", "logit_other", "p_true"))
    lengths = values.get("error_length")
    told = dynamics.table(
        own, other, arranged(correct, 0.0), np.clip(p, 0, 1),
        None if lengths is None else arranged(lengths, np.nan),
    )  # fmt: skip
    return told.set_index(images), len(np.unique(epoch))
