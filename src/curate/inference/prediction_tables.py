"""Tables of numbers with a column of ids, from CSV, TSV or Parquet: by columns, not by objects.

`curate.data.tables` reads what people write about images and keeps every field as it is; a table of
1,000 classes by 100,000 images would not fit into memory that way.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import ModelError, listed

_DELIMITERS = (",", ";", "\t", "|")


class NumberTable:
    """A file whose columns are read when they are asked for.

    Args:
        path: a CSV, TSV (the delimiter is found from the header) or Parquet file.

    Raises:
        ModelError: it cannot be read, has no header, or two columns of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._delimiter = path, ""
        names = self._parquet_names() if path.suffix.lower() == ".parquet" else self._csv_names()
        self._names = {name.strip(): name for name in names}
        twice = [one for one, n in Counter(name.strip() for name in names).items() if n > 1]
        if twice:
            raise ModelError(
                f"Expected different names of columns in {path}, found {listed(twice)} more than "
                "once. Rename them."
            )

    @property
    def columns(self) -> list[str]:
        """Names of the columns, without the spaces around them."""
        return list(self._names)

    def texts(self, column: str) -> list[str]:
        """A column as it is written.

        Raises:
            ModelError: a field is empty.
        """
        import pyarrow as pa

        found: list[str | None] = self._read([column], pa.string()).column(0).to_pylist()
        texts = [(text or "").strip() for text in found]
        if "" in texts:
            raise ModelError(
                f"Expected an id in every row of {self.path}, found none in {texts.count('')} of "
                f"{len(texts)}, first in row {texts.index('') + 1} below the header. Fill column "
                f"{column!r}."
            )
        return texts

    def numbers(self, columns: Sequence[str]) -> NDArray[np.float32]:
        """(m, k) float32; NaN where there is nothing.

        Raises:
            ModelError: a field is no number.
        """
        import pyarrow as pa

        table = self._read(columns, pa.float32())
        values = np.empty((table.num_rows, len(columns)), dtype=np.float32)
        for i, column in enumerate(table.columns):
            values[:, i] = column.to_numpy()
        return values

    def numeric(self, columns: Sequence[str]) -> list[str]:
        """Those of some columns that hold numbers."""
        import pyarrow as pa

        if not columns:
            return []
        kinds = self._read(columns, None).schema.types
        is_number = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds]
        return [column for column, yes in zip(columns, is_number, strict=True) if yes]

    def _read(self, columns: Sequence[str], kind: Any) -> Any:
        """Some columns as an Arrow table; of one type, or each of its own if that is None."""
        import pyarrow as pa
        import pyarrow.csv as pc
        import pyarrow.parquet as pq

        names = [self._names[column] for column in columns]
        try:
            if self._delimiter:
                types = {} if kind is None else dict.fromkeys(names, kind)
                return pc.read_csv(
                    self.path,
                    parse_options=pc.ParseOptions(
                        delimiter=self._delimiter, newlines_in_values=True
                    ),
                    convert_options=pc.ConvertOptions(include_columns=names, column_types=types),
                )
            table = pq.read_table(self.path, columns=names).select(names)
            return table if kind is None else table.cast(pa.schema([(one, kind) for one in names]))
        except (pa.ArrowException, OSError) as error:
            what = "numbers" if kind == pa.float32() else "a table"
            raise ModelError(
                f"Expected {what} in {self.path}, found a fault: {error}. Correct it, or save "
                "it again."
            ) from error

    def _parquet_names(self) -> list[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            names: list[str] = pq.read_schema(self.path).names
        except (pa.ArrowException, OSError) as error:
            raise ModelError(
                f"Expected a Parquet file at {self.path}, found {error}. Write it again."
            ) from error
        return names

    def _csv_names(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                line = file.readline()
                self._delimiter = max(_DELIMITERS, key=line.count)
                file.seek(0)
                names = next(csv.reader(file, delimiter=self._delimiter), [])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ModelError(
                f"Expected a CSV in UTF-8 at {self.path}, found {error}. Save it as UTF-8."
            ) from error
        if not names:
            raise ModelError(
                f"Expected a header with the names of the columns in {self.path}, found an empty "
                "file. Save it again."
            )
        return names
