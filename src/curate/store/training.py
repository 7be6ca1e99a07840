"""Writing what training recorded of each image and epoch, for ``curate analyze --dynamics``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.store.files import atomic
from curate.store.schema import EPOCHS, EPOCHS_OPTIONAL

Recorded = NDArray[Any]
"""(epochs, n)."""


def write_dynamics(
    path: Path,
    sample_ids: Sequence[str],
    logit_true: Recorded,
    logit_other: Recorded,
    p_true: Recorded,
    correct: Recorded,
    *,
    error_length: Recorded | None = None,
    labels: Sequence[str] | None = None,
    trained: Recorded | None = None,
    first_epoch: int = 0,
    id_name: str = "sample_id",
) -> None:
    """Write a Parquet file with the columns of `curate.store.schema.EPOCHS`, whole or not at all.

    Args:
        path: of the file.
        sample_ids: (n,) the catalog's ids.
        logit_true: (epochs, n) logit of the class that the image was trained as.
        logit_other: (epochs, n) the largest of the other logits.
        p_true: (epochs, n) probability of its class.
        correct: (epochs, n) whether its class had the largest logit.
        error_length: (epochs, n) of `curate.numerics.dynamics.error_length`.
        labels: (n,) names of the classes that the images were trained as.
        trained: (epochs, n) False where an image was not in the epoch; those rows are left out.
            The epochs of one image must follow each other. None for all True.
        first_epoch: the number of the first epoch.
        id_name: what the ids are: "sample_id" or "filepath".

    Raises:
        ValueError: shapes differ, an id comes twice, an image pauses, or a number is not finite.
    """
    own = np.asarray(logit_true)
    there = np.ones(own.shape, dtype=bool) if trained is None else np.asarray(trained, dtype=bool)
    numbers: dict[str, Recorded] = {
        "logit_true": own, "logit_other": np.asarray(logit_other), "p_true": np.asarray(p_true),
    }  # fmt: skip
    if error_length is not None:
        numbers["error_length"] = np.asarray(error_length)
    _check(sample_ids, {**numbers, "correct": np.asarray(correct), "trained": there})
    epoch, image = np.nonzero(there)
    for name, values in numbers.items():
        wrong = ~np.isfinite(values) & there
        if wrong.any():
            e, i = (int(at[0]) for at in np.nonzero(wrong))
            raise ValueError(
                f"Expected finite numbers, found {values[e, i]} as {name} of {sample_ids[i]} in "
                f"epoch {first_epoch + e}"
            )
    columns: dict[str, Any] = {
        "sample_id": _texts(sample_ids, image),
        "epoch": epoch + first_epoch,
        **{name: values[epoch, image] for name, values in numbers.items()},
        "correct": np.asarray(correct, dtype=bool)[epoch, image],
    }
    if labels is not None:
        columns["label"] = _texts(labels, image)
    kinds = {name: kind for name, kind in {**EPOCHS, **EPOCHS_OPTIONAL}.items() if name in columns}
    table = pa.table({
        id_name if name == "sample_id" else name: pa.array(columns[name]).cast(kinds[name])
        for name in kinds
    })  # fmt: skip
    with atomic(path) as file:
        pq.write_table(table, file)


def _check(sample_ids: Sequence[str], arrays: dict[str, Recorded]) -> None:
    shapes = {name: values.shape for name, values in arrays.items()}
    one = shapes["logit_true"]
    if len(one) != 2 or one[1] != len(sample_ids) or any(shape != one for shape in shapes.values()):
        raise ValueError(f"Expected arrays (epochs, {len(sample_ids)}) for the ids, found {shapes}")
    if len(set(sample_ids)) < len(sample_ids):
        raise ValueError("Expected every id once, found some twice")
    there = arrays["trained"].astype(np.int8)
    starts = (np.diff(there, axis=0, prepend=np.int8(0)) == 1).sum(axis=0)
    if (starts > 1).any():
        i = int(np.argmax(starts))
        raise ValueError(f"Expected epochs without a gap, found {sample_ids[i]} to pause")


def _texts(texts: Sequence[str], image: NDArray[np.int64]) -> Any:
    """The texts of the rows; a dictionary, since one comes in every epoch."""
    return pa.DictionaryArray.from_arrays(
        pa.array(image.astype(np.int32)), pa.array(list(texts), pa.string())
    )
