"""A user's own predictions in place of a model's, several files at once as an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.errors import ModelError, listed
from curate.findings import Bools
from curate.inference.prediction_files import LOGITS, PROBABILITIES, Read, read_file
from curate.inference.row_ids import match_ids
from curate.numerics.intervals import wilson
from curate.numerics.probabilities import softmax
from curate.progress import log

TOLERANCE = 1e-3
"""By how much a row of probabilities may miss the sum of one: they are often written in 3 digits
less than they are computed in."""

FEW = 0.05
"""Share of rows that look like probabilities, from which a file of logits is a mixture of both."""


@dataclass(frozen=True)
class Predictions:
    """What the files say, one row an image of the catalog.

    Attributes:
        pred_probs: (n, n_classes) float32, the mean over the files that have the image; NaN where
            none has.
        covered: (n,) whether any file has it.
        info: for `run.json`: of each file its rows, how many of them the run has, what its numbers
            were, how its ids were read, and its accuracy on labelled images; and `notes`.
    """

    pred_probs: NDArray[np.float32]
    covered: Bools
    info: dict[str, Any]


def read_predictions(
    paths: Sequence[Path], table: pd.DataFrame, class_names: tuple[str, ...]
) -> Predictions:
    """Read files of predictions, check them, and bring them into the catalog's order.

    A CSV, TSV or Parquet file has a column of ids and one a class, named as the class or with
    `prob_`, `p_` or `logit_` before it; an npz has `ids`, `probs` or `logits`, and `class_names`;
    an npy has its ids in ``STEM.ids.txt`` (or .csv, .npy) beside it. Which image an id means:
    `curate.inference.row_ids`. Numbers within [0, 1] whose rows sum to one (within 0.001) are
    probabilities; negative or larger ones are logits, of which the softmax is taken.

    Args:
        paths: at least one file; the result is the mean of their probabilities.
        table: the catalog: `sample_id`, `filepath`, `label`.
        class_names: the run's classes, the columns of the result.

    Raises:
        ModelError: a file cannot be read, lacks a class or has one too many, has an id twice or
            mostly ids of other images, or numbers that are neither probabilities nor logits.
    """
    if not paths:
        raise ModelError("Expected at least one file of predictions, found none.")
    total = np.zeros((len(table), len(class_names)), dtype=np.float32)
    times = np.zeros(len(table), dtype=np.int32)
    labels = pd.Categorical(table["label"], categories=list(class_names)).codes.astype(np.int64)
    files, notes = [], []
    for path in paths:
        read = read_file(path, class_names)
        probs, kind = to_probabilities(read, path)
        matched = match_ids(read.ids, table, str(path))
        known = matched.rows >= 0
        rows = matched.rows[known]
        total[rows] += probs[known]
        times[rows] += 1
        files.append({
            "file": str(path), "rows": len(read.ids), "covered": len(rows), "kind": kind,
            "ids": matched.by, **_accuracy(labels[rows], probs[known]),
        })  # fmt: skip
        notes += read.notes
        if not known.all():
            unknown = [read.ids[i] for i in np.flatnonzero(~known).tolist()]
            notes.append(
                f"{path}: {len(unknown)} of {len(read.ids)} ids name no image of this run and are "
                f"passed over: {listed(unknown)}"
            )
    covered = times > 0
    if not covered.all():
        missing = table["filepath"][~covered]
        notes.append(f"{len(missing)} of {len(table)} images have no prediction: {listed(missing)}")
    for note in notes:
        log.warning("%s", note)
    total[covered] /= times[covered, None]
    total[~covered] = np.nan
    info = {
        "files": files, "images": len(table), "covered": int(covered.sum()), "notes": notes,
        **_accuracy(labels[covered], total[covered]),
    }  # fmt: skip
    return Predictions(total, covered, info)


def to_probabilities(read: Read, path: Path) -> tuple[NDArray[np.float32], str]:
    """Rows that sum to one, and what they were: `PROBABILITIES` or `LOGITS`.

    Raises:
        ModelError: a number is NaN or infinite, or the rows are neither, or some of each.
    """
    values, ids = read.values, read.ids
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ModelError(
            f"Expected numbers everywhere in {path}, found NaN, infinity or nothing in "
            f"{int((~finite).sum())} rows: {_named(ids, ~finite)}. Predict these images again, or "
            "leave them out."
        )
    sums = values.sum(axis=1, dtype=np.float64)
    within = (values >= -TOLERANCE).all(axis=1) & (values <= 1 + TOLERANCE).all(axis=1)
    good = within & (np.abs(sums - 1) <= TOLERANCE)
    if read.kind == LOGITS:
        return softmax(values), LOGITS
    if good.all():
        clipped = np.clip(values, 0, None)
        return clipped / clipped.sum(axis=1, keepdims=True), PROBABILITIES
    if read.kind is None and not within.all() and good.mean() < FEW:
        _check_no_shares(values, sums, path)
        return softmax(values), LOGITS
    bad = ~good
    row = int(np.flatnonzero(bad)[0])
    raise ModelError(
        f"Expected rows of probabilities that sum to one in {path}, found {int(bad.sum())} of "
        f"{len(ids)} that do not: {_named(ids, bad)}; the first sums to {sums[row]:.4g}, from "
        f"{values[row].min():.4g} to {values[row].max():.4g}. Give one of {len(values[0])} "
        "exclusive classes a share each: scores of independent classes must be normalised first, "
        "and logits go under logit_CLASS (in npz: logits)."
    )


def _check_no_shares(values: NDArray[np.float32], sums: NDArray[np.float64], path: Path) -> None:
    """Per cent and votes are no logits: they are not negative, and all rows have one sum."""
    if (values >= 0).all() and len(sums) > 1 and np.ptp(sums) <= TOLERANCE * sums.max():
        raise ModelError(
            f"Expected probabilities or logits in {path}, found rows that all sum to "
            f"{sums[0]:.4g}. Divide them by it."
        )


def _named(ids: Sequence[str], which: Any) -> str:
    return listed(ids[i] for i in np.flatnonzero(which).tolist())


def _accuracy(labels: NDArray[np.int64], probs: NDArray[np.float32]) -> dict[str, Any]:
    """Share of labelled images whose likeliest class is their label, with its 95 % interval."""
    labelled = labels >= 0
    n = int(labelled.sum())
    if n == 0:
        return {"labelled": 0, "accuracy": None, "accuracy_interval": None}
    hits = int((probs[labelled].argmax(axis=1) == labels[labelled]).sum())
    return {"labelled": n, "accuracy": hits / n, "accuracy_interval": list(wilson(hits, n))}
