"""``curate diff``: what changed between two exports, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

SHOWN = 5


@click.command()
@click.argument("export_a", type=click.Path(path_type=Path))
@click.argument("export_b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print all that differs as JSON.")
def diff(export_a: Path, export_b: Path, as_json: bool) -> None:
    """Say what changed from EXPORT_A to EXPORT_B, and why.

    Images that came, went, have another label, tier or turn, each with who did it: a person's
    decision (where and when it was taken), the data, or the tool with its reason; then decisions,
    settings, schedule and augmentation policy. Needs no run.

    \b
    Example:
      curate diff exports/pets-monday exports/pets
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.exporting.diff import diff_exports

    found = diff_exports(export_a, export_b)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for line in lines(found):
        click.echo(line)


def lines(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    if found["same"]:
        return ["the two exports are the same"]
    told = []
    for name, rows in found["images"].items():
        by = ", ".join(f"{n} by {_who(who)}" for who, n in Counter(r["by"] for r in rows).items())
        told.append(f"{name}: {len(rows)} images ({by})")
        told += [f"  {row['image']}{_change(row)}: {row['why']}" for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            told.append(f"  and {len(rows) - SHOWN} more (--json names all)")
    if not found["images"]:
        told.append("images: the same, with the same labels, tiers and turns")
    for title, key in (("decisions", "added"), ("decisions taken back", "taken_back")):
        rows = found["decisions"][key]
        if rows:
            told.append(f"{title}: {len(rows)}")
    for title in ("counts", "settings", "schedule"):
        told += [f"{title}: {key} {_said(x)} -> {_said(y)}" for key, (x, y) in found[title].items()]
    if found["policy"] != "same":
        told.append(f"policy: {found['policy']}")
    return told


def _who(by: str) -> str:
    return {"person": "people", "tool": "the tool", "data": "the data"}[by]


def _change(row: dict[str, Any]) -> str:
    if row["from"] is None and row["to"] is None:
        return ""
    return f" {_said(row['from'])} -> {_said(row['to'])}"


def _said(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."
