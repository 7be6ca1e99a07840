"""A tiny run as the panel's functions read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.board.opening import Board
from curate.store.files import write_json
from curate.store.run import Run
from curate.store.schema import FINDINGS, SAMPLES


def made_board(
    folder: Path,
    labels: Sequence[str | None],
    predicted: Sequence[str],
    *,
    splits: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    flagged: dict[str, Sequence[int]] | None = None,
    metrics: dict[str, Any] | None = None,
    columns: dict[str, Any] | None = None,
    arrays: dict[str, Any] | None = None,
    **info: Any,
) -> Board:
    """Write a run with these labels and predictions; images are called s0, s1, ..."""
    n = len(labels)
    ids = [f"s{i}" for i in range(n)]
    names = list(classes or sorted({one for one in [*labels, *predicted] if one}))
    samples = pd.DataFrame(dict.fromkeys(SAMPLES, pd.Series([None] * n, dtype=object)))
    samples = samples.assign(
        sample_id=ids, label=list(labels), pred_label=list(predicted),
        split=list(splits or ["train"] * n), filepath=[f"/images/{one}.png" for one in ids],
    ).assign(**(columns or {}))  # fmt: skip
    run = Run.create(folder)
    run.write_table("samples", samples)
    tables = []
    for kind, rows in (flagged or {}).items():
        mine = [i in rows for i in range(n)]
        table = pd.DataFrame(dict.fromkeys(FINDINGS, [""] * n)).assign(
            kind=kind, sample_id=ids, flagged=mine, score=np.linspace(0, 1, n),
            rank=range(1, n + 1), reason=[f"{kind} here" if one else "" for one in mine],
        )  # fmt: skip
        tables.append(table)
    if tables:
        run.write_table("findings", pd.concat(tables, ignore_index=True))
    for name, values in (arrays or {}).items():
        run.write_array(name, np.asarray(values), ids)
    if metrics is not None:
        write_json(run.path / "metrics.json", {"splits": metrics})
    run.save(classes=names, status="complete", **info)
    return Board(run)
