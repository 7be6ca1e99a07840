"""What a verification came to, as plain values and on the disk.

``verify.json`` (format "curate.verify", schema_version 1): `source`, `classes`, `model`,
`img_size`, `images` (that judge), `draws` (images of one group count as one), `baseline`, `seeds`,
`arms` (each with what it is, images to train on, learning rate, epochs, steps, accuracy on val by
seed and its mean), `search`, `plan` (null without a budget), `verdict` (see
`curate.comparison.verdict.Verification.as_json`), `said` (the same as sentences), `final` (null, or
the same on test), `withdrawn`, `notes`, `looks` (verdicts seen so far), `seconds`.
``verify.parquet`` has a row for every image, arm and seed with the columns of `COLUMNS`. With a
budget that is too small for anything, there is `budget_too_small` and no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curate.comparison.parts import Part
from curate.comparison.verdict import Verification
from curate.comparison.verdict_text import report
from curate.findings import Floats
from curate.store.files import atomic

FORMAT, SCHEMA_VERSION = "curate.verify", 1
JSON, TABLE = "verify.json", "verify.parquet"

COLUMNS = ("split", "arm", "seed", "sample_id", "filepath", "label", "pred_label", "p_label")


def verdict_json(found: Verification, probs: Mapping[str, Sequence[Floats]],
                 rows: pd.DataFrame) -> dict[str, Any]:  # fmt: skip
    """Verdicts, their sentences, and the accuracies that they are of."""
    labels = rows["target"].to_numpy()
    return {
        "images": len(rows),
        "accuracy": {
            name: [float((one.argmax(axis=1) == labels).mean()) for one in own]
            for name, own in probs.items()
        },
        "verdict": found.as_json(),
        "said": report(found),
    }


def table_of(
    split: str, probs: Mapping[str, Sequence[Floats]], seeds: Sequence[int], rows: pd.DataFrame,
    classes: Sequence[str],
) -> pd.DataFrame:  # fmt: skip
    """A row for every image, arm and seed."""
    names = np.array(classes, dtype=object)
    labels = rows["target"].to_numpy(dtype=np.int64)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "split": split, "arm": name, "seed": seed, "sample_id": rows["sample_id"],
                    "filepath": rows["filepath"], "label": names[labels],
                    "pred_label": names[one.argmax(axis=1)],
                    "p_label": one[np.arange(len(one)), labels],
                }
            )
            for name, own in probs.items()
            for seed, one in zip(seeds, own, strict=True)
        ],
        ignore_index=True,
    )[list(COLUMNS)]  # fmt: skip


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `table_of`, whole or not at all."""
    with atomic(path) as file:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file)


def parts_json(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Parts, for `parts_of`."""
    return [
        {"source": p.source, "name": p.name, "rows": [int(row) for row in p.rows],
         "by_mistakes": p.by_mistakes}
        for p in parts
    ]  # fmt: skip


def parts_of(found: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """What `parts_json` wrote."""
    return tuple(
        Part(one["source"], one["name"], np.array(one["rows"], dtype=np.int64), one["by_mistakes"])
        for one in found
    )
