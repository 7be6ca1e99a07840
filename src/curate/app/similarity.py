"""The run's embeddings in the database, for FiftyOne's own search by similarity."""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.app.names import EMBEDDING, ID_FIELD, SIMILARITY_KEY
from curate.progress import Progress
from curate.store.run import Run, rows_digest

_CHUNK = 2_000


def put_embeddings(dataset: Any, run: Run, progress: Progress, there: str = "") -> str:
    """Write each image's embedding as a vector field and index it, unless that is done.

    Args:
        dataset: the dataset of the run.
        run: the run.
        progress: for the bar.
        there: what this returned when it was last done.

    Returns:
        A digest of which embeddings of which images these are.
    """
    import fiftyone as fo
    import fiftyone.brain as fob

    ids = run.table("samples")["sample_id"].tolist()
    digest = rows_digest([*ids, run.info["stages"]["embed"]["key"]])
    if there == digest:
        return digest
    oid_of = dict(zip(*dataset.exists(ID_FIELD).values([ID_FIELD, "id"]), strict=True))
    embeddings = run.array("embeddings", ids)
    if EMBEDDING not in dataset.get_field_schema():
        dataset.add_sample_field(EMBEDDING, fo.VectorField)
    with progress("embeddings", total=len(ids), unit="image") as bar:
        # A part at a time: as Python objects, vectors take many times their memory.
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            rows = np.asarray(embeddings[start : start + _CHUNK], dtype=np.float32)
            values = {oid_of[one]: row for one, row in zip(part, rows, strict=True)}
            dataset.set_values(EMBEDDING, values, key_field="id", progress=False)
            bar.update(len(part))
    if dataset.has_brain_run(SIMILARITY_KEY):
        dataset.delete_brain_run(SIMILARITY_KEY)
    fob.compute_similarity(
        dataset.exists(EMBEDDING), embeddings=EMBEDDING, brain_key=SIMILARITY_KEY,
        backend="sklearn", metric="cosine",
    )  # fmt: skip
    return digest
