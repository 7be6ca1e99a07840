"""Which rows of several runs are the same image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.findings import Strings


@dataclass(frozen=True)
class Images:
    """The images of one run.

    Attributes:
        digests: (n,) of each file's bytes.
        paths: (n,) relative to the run's data.
    """

    digests: Strings
    paths: Strings


@dataclass(frozen=True)
class Matched:
    """The rows of k runs that are the same images.

    Attributes:
        rows: (k, m) row numbers; column j is one image in every run, in the order of the first.
        alone: per run the rows whose content some other run lacks.
        spare: per run the rows left over because a content is there more often than elsewhere.
        same_path: of the first run's `alone`, those at whose path another run has other bytes.
    """

    rows: NDArray[np.int64]
    alone: tuple[NDArray[np.int64], ...]
    spare: tuple[NDArray[np.int64], ...]
    same_path: int


def match(runs: Sequence[Images]) -> Matched:
    """Pair rows by content, and copies of one content by their path.

    Idea: the digest of the bytes says which image it is, wherever it lies. Where a content is there
    several times, rows of the same relative path belong together; those that are left are paired in
    the order of their paths, which makes no difference to what a model sees, as the bytes are
    equal. Not a match: the same path with other bytes, which is another image to a model.

    Args:
        runs: two or more.
    """
    tables = [
        pd.DataFrame(
            {
                "digest": np.asarray(run.digests, dtype=object),
                "path": np.asarray(run.paths, dtype=object),
                "row": np.arange(len(run.digests)),
            }
        )
        for run in runs
    ]
    by_path = _joined(tables, ["digest", "path"])
    left = [
        table[~table["row"].isin(by_path[:, i])].sort_values(["digest", "path", "row"])
        for i, table in enumerate(tables)
    ]
    numbered = [table.assign(number=table.groupby("digest").cumcount()) for table in left]
    rows = np.concatenate([by_path, _joined(numbered, ["digest", "number"])])
    rows = rows[np.argsort(rows[:, 0], kind="stable")].T
    everywhere = set(tables[0]["digest"]).intersection(*(table["digest"] for table in tables[1:]))
    alone, spare = [], []
    for table, own in zip(tables, rows, strict=True):
        rest = table[~table["row"].isin(own)]
        known = rest["digest"].isin(everywhere).to_numpy(dtype=bool)
        numbers = rest["row"].to_numpy(dtype=np.int64)
        alone.append(numbers[~known])
        spare.append(numbers[known])
    other_paths = {path for table in tables[1:] for path in table["path"]}
    same_path = sum(path in other_paths for path in tables[0]["path"].iloc[alone[0]])
    return Matched(rows, tuple(alone), tuple(spare), int(same_path))


def _joined(tables: Sequence[pd.DataFrame], keys: list[str]) -> NDArray[np.int64]:
    """(m, k) the rows of all tables that agree in the keys; each row at most once."""
    first: pd.DataFrame | None = None
    for i, table in enumerate(tables):
        once = table.drop_duplicates(keys)[[*keys, "row"]].rename(columns={"row": f"row{i}"})
        first = once if first is None else first.merge(once, on=keys)
    assert first is not None
    return first[[f"row{i}" for i in range(len(tables))]].to_numpy(dtype=np.int64)
