"""Lists of images as tables: CSV, Parquet and JSON lines. The images stay where they are."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from curate.errors import ExportError, listed
from curate.remedies.formats.content import COLUMNS, NUMBERS, SPLITS, Content

_LINE_BREAKS = re.compile(r"[\n\r]")


class Csv:
    """``train.csv``, ``val.csv``, ``test.csv``, one ``train_TIER.csv`` a tier, ``classes.txt``.

    An empty field is a value that is missing, so a class called "NA" is read back only with
    ``pandas.read_csv(..., keep_default_na=False)``.
    """

    name = "csv"
    summary = "lists of images by split and by tier; always written"

    def write(self, folder: Path, content: Content) -> None:
        """Write one file a split and one a tier."""
        folder.mkdir(exist_ok=True)
        write_classes(content.class_names, folder / "classes.txt")
        for split in SPLITS:
            write_csv(content.of(split), folder / f"{split}.csv")
        every = content.table[content.table["split"] == "train"]
        for tier in content.tiers:
            # What is under review is dropped from every other list, and seen in this one.
            train = every if tier == "review" else content.of("train")
            write_csv(train[train["tier"] == tier], folder / f"train_{tier}.csv")

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back."""
        return _joined({split: read_csv(folder / f"{split}.csv") for split in SPLITS})


class Parquet:
    """``train.parquet``, ``val.parquet``, ``test.parquet``: the same columns, with types."""

    name = "parquet"
    summary = "the lists by split as Parquet, with types"

    def write(self, folder: Path, content: Content) -> None:
        """Write one file a split."""
        import pyarrow.parquet as pq

        folder.mkdir(exist_ok=True)
        for split in SPLITS:
            pq.write_table(to_arrow(content.of(split)), folder / f"{split}.parquet")

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back."""
        import pyarrow.parquet as pq

        return _joined(
            {split: pq.read_table(folder / f"{split}.parquet").to_pandas() for split in SPLITS}
        )


class Jsonl:
    """``train.jsonl``, ``val.jsonl``, ``test.jsonl``: an object an image, null for nothing."""

    name = "jsonl"
    summary = "the lists by split as JSON lines"

    def write(self, folder: Path, content: Content) -> None:
        """Write one file a split."""
        folder.mkdir(exist_ok=True)
        for split in SPLITS:
            lines = [json.dumps(row, ensure_ascii=False) for row in records(content.of(split))]
            (folder / f"{split}.jsonl").write_bytes("".join(f"{one}\n" for one in lines).encode())

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back."""
        found = {}
        for split in SPLITS:
            lines = (folder / f"{split}.jsonl").read_text("utf-8").split("\n")[:-1]
            found[split] = pd.DataFrame([json.loads(line) for line in lines], columns=list(COLUMNS))
        return _joined(found)


def write_classes(class_names: tuple[str, ...], path: Path) -> None:
    """Write a class a line, in the order of the targets.

    Raises:
        ExportError: a name has more than one line.
    """
    broken = [name for name in class_names if _LINE_BREAKS.search(name)]
    if broken:
        raise ExportError(
            f"Expected class names of one line, found a line break in {listed(broken)}. "
            "Rename the classes."
        )
    path.write_bytes("".join(f"{name}\n" for name in class_names).encode())


def write_csv(table: pd.DataFrame, path: Path, columns: Sequence[Hashable] = COLUMNS) -> None:
    """Write some columns of a table as CSV in UTF-8, with one line break on every system.

    Fields with a line break of any kind are quoted, which pandas does for its own kind only.
    """
    values = [_plain(table[name]) for name in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(_Lines(file), lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(zip(*values, strict=True))


class _Lines:
    """Ends each line of `csv.writer`, which quotes the characters of its line break, with one."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")


def _plain(values: pd.Series[Any]) -> list[Any]:
    """Python's own values, None for what is missing."""
    return [
        None if missing else value
        for value, missing in zip(values.tolist(), values.isna().tolist(), strict=True)
    ]


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV of ours: text as it is, "" where there is nothing, numbers as numbers."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    for column in (*NUMBERS, "target"):
        if column in table:
            table[column] = pd.to_numeric(table[column].mask(table[column] == ""))
    return table


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON-like objects, None for what is missing."""
    columns: dict[str, list[Any]] = {}
    for name in COLUMNS:
        kind: type = float if name in NUMBERS else int if name == "target" else str
        columns[name] = [None if value is None else kind(value) for value in _plain(table[name])]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def to_arrow(table: pd.DataFrame) -> Any:
    """The columns of a list with fixed Arrow types."""
    import pyarrow as pa

    rows = records(table)
    kinds = dict.fromkeys(NUMBERS, pa.float64()) | {"target": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    return pa.Table.from_pylist(rows, schema=schema)


def _joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return as_read(
        pd.concat([table.assign(split=split) for split, table in tables.items()], ignore_index=True)
    )


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """The four columns that `Format.read` returns, with None for what is missing."""
    found = table[["filepath", "split", "label", "tier"]].astype(object)
    return found.where(found.notna() & (found != ""), None)
