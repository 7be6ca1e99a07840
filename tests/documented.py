"""What the reference pages say of files, for tests to compare with the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
PAGE = (REFERENCE / "file-formats.md").read_text("utf-8")
NAME = re.compile(r"`([^`]+)`")


def table_below(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page of formats."""
    _, _, below = PAGE.partition(f"\n### {heading}\n")
    table = re.search(r"(?m)^\|.*(?:\n\|.*)*", re.split(r"\n##+ ", below)[0])
    assert table, f"no table below {heading}"
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in table[0].split("\n")[2:]
    ]


def keys_below(heading: str) -> set[str]:
    """The names in the first column."""
    return {name for row in table_below(heading) for name in NAME.findall(row[0])}


def types_below(heading: str) -> dict[str, str]:
    """Column -> type."""
    return {NAME.findall(row[0])[0]: row[1].replace("list of string", "list") for row in
            table_below(heading)}  # fmt: skip


def as_types(columns: Mapping[str, Any]) -> dict[str, str]:
    """The same of a schema."""
    return {name: "list" if "list" in str(kind) else str(kind) for name, kind in columns.items()}
