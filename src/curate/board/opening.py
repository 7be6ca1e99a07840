"""A run with what the panel and the report show of it, each part read once."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.store.run import Run

UNKNOWN = -1
"""The class number of an image without a label or without a prediction."""

_KEPT = 2
_opened: dict[str, tuple[Any, Board]] = {}


class Board:
    """A finished run, as panel and report read it. Rows are those of samples.parquet, in its order.

    Attributes:
        run: the run.
        classes: the class names in the order of the probabilities.
    """

    def __init__(self, run: Run) -> None:
        """Read nothing yet; each part is read when a tab first asks for it."""
        self.run = run
        self.classes: list[str] = [str(name) for name in run.info.get("classes", [])]
        self._answers: dict[Any, Any] = {}

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The table samples."""
        return self.run.table("samples")

    @cached_property
    def ids(self) -> NDArray[Any]:
        """(n,) sample ids."""
        return self.samples["sample_id"].to_numpy(dtype=str)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Sample id -> row."""
        return {name: row for row, name in enumerate(self.ids.tolist())}

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class numbers, `UNKNOWN` without a label."""
        return self._numbers("label")

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """(n,) predicted class numbers."""
        return self._numbers("pred_label")

    @cached_property
    def splits(self) -> NDArray[Any]:
        """(n,) "train", "val" or "test"."""
        return self.samples["split"].to_numpy(dtype=str)

    @cached_property
    def tiers(self) -> NDArray[Any]:
        """(n,) tier of each training image, with the decisions as of the last "recompute tiers"."""
        decided = self.run.table("decided")
        known = np.array_equal(decided["sample_id"].to_numpy(dtype=str), self.ids)
        return (decided if known else self.samples)["tier"].to_numpy(dtype=object)

    @cached_property
    def findings(self) -> dict[str, pd.DataFrame]:
        """Per kind its findings, one row an image in the order of `samples`."""
        table = self.run.table("findings")
        table["kind"] = table["kind"].astype("category")
        return {
            str(kind): _in_order(part, self.ids)
            for kind, part in table.groupby("kind", sort=True, observed=True)
        }

    @property
    def kinds(self) -> list[str]:
        """The kinds of findings that were looked for."""
        return list(self._flags)

    def flagged(self, kind: str) -> NDArray[np.bool_]:
        """(n,) True where the kind is flagged."""
        return self._flags[kind]

    @cached_property
    def _flags(self) -> dict[str, NDArray[np.bool_]]:
        """Per kind what is flagged, read without the words of `findings`: the first tab needs none.

        A run writes kind after kind, each in the order of samples; another order goes the long way.
        """
        path = self.run.table_path("findings")
        if not path.is_file():
            return {}
        table = pq.read_table(path, columns=["kind", "sample_id", "flagged"])
        kinds = table["kind"].combine_chunks().dictionary_encode()
        codes = kinds.indices.to_numpy()
        ids = pa.chunked_array([pa.array(self.samples["sample_id"]).cast("string")])
        found = {}
        for code, kind in enumerate(kinds.dictionary.to_pylist()):
            rows = np.flatnonzero(codes == code)
            mine = table.slice(int(rows[0]), len(rows))
            if rows[-1] - rows[0] >= len(rows) or not mine["sample_id"].cast("string").equals(ids):
                return {kind: _true(table["flagged"]) for kind, table in self.findings.items()}
            found[str(kind)] = mine["flagged"].fill_null(False).to_numpy().astype(bool)
        return dict(sorted(found.items()))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """metrics.json by split; empty for a run without."""
        return self.run.scores()

    def once(self, key: Any, make: Any) -> Any:
        """What `make` answers, computed at most once for this state of the run."""
        if key not in self._answers:
            self._answers[key] = make()
        return self._answers[key]

    def decided(self) -> frozenset[str]:
        """Sample ids on which a person has decided something, as far as the run's table says."""
        return frozenset(self.run.table("decisions")["sample_id"])

    def _numbers(self, column: str) -> NDArray[np.int64]:
        codes = pd.Categorical(self.samples[column], categories=self.classes).codes
        return codes.astype(np.int64)


def open_path(path: Path) -> Board:
    """The board of a run; read again only when the run has changed.

    Raises:
        RunError: the run is gone or not finished.
    """
    key = str(path)
    stamp = _stamp(path / "run.json"), _stamp(path / "decided.parquet")
    if key in _opened and _opened[key][0] == stamp:
        return _opened[key][1]
    board = Board(Run(path))
    _opened.pop(key, None)
    while len(_opened) >= _KEPT:
        del _opened[next(iter(_opened))]
    _opened[key] = (stamp, board)
    return board


def _in_order(table: pd.DataFrame, ids: NDArray[Any]) -> pd.DataFrame:
    """The findings of one kind, a row an image; as a run writes them they are so already."""
    table = table.set_index("sample_id")
    return table if np.array_equal(table.index.to_numpy(dtype=str), ids) else table.reindex(ids)


def _true(flags: pd.Series[Any]) -> NDArray[np.bool_]:
    return (flags == True).to_numpy(dtype=bool)  # noqa: E712 - missing is no


def _stamp(path: Path) -> tuple[int, int]:
    if not path.is_file():
        return (0, 0)  # opening it says what is wrong
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_size)
