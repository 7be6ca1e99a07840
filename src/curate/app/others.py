"""The other runs that FiftyOne shows, for a person who wants to compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.app.names import MARK


def other_runs(dataset: Any) -> dict[str, str]:
    """Published runs with the classes of this one: run directory -> name of its dataset.

    Reads the run.json of each; a run whose directory is gone is not among them.
    """
    import fiftyone.core.odm as foo

    own = str(dataset.info.get(MARK, {}).get("run"))
    classes = _classes(own)
    notes = foo.get_db_conn()["datasets"].find(
        {f"info.{MARK}.run": {"$exists": True}}, {"name": 1, f"info.{MARK}.run": 1}
    )
    found = {str(one["info"][MARK]["run"]): str(one["name"]) for one in notes}
    return {
        path: name
        for path, name in sorted(found.items(), key=lambda one: one[1])
        if path != own and classes and _classes(path) == classes
    }


def _classes(path: str) -> set[str]:
    try:
        info = json.loads((Path(path) / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return set()
    if info.get("status") != "complete":
        return set()
    return {str(name) for name in info.get("classes", [])}
