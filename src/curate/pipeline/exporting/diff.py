"""What changed between two exports, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from curate.pipeline.exporting.exported import Exported, read_export

LISTED = ("kept", "review")
"""States of images that some list has."""

CHANGES = (
    "added", "removed", "excluded", "put under review", "put back", "relabelled", "retiered",
    "turned", "reweighted", "other split", "other content", "file moved",
)  # fmt: skip
"""What can become of an image, in the order in which it is told."""

DECIDED_BY = {
    "excluded": ("exclude",),
    "put under review": ("ok", "relabel", "hard", "easy"),
    "put back": ("exclude", "ok", "relabel", "hard", "easy"),
    "relabelled": ("relabel",),
    "retiered": ("hard", "easy", "ok", "relabel", "exclude"),
    "turned": ("turn",),
    "reweighted": ("hard", "easy", "relabel"),
}
"""The actions of people that can be behind a change."""

SETTINGS = ("curate", "run", "run_digest", "model", "seed", "settings", "tiering", "options",
            "classes", "images_digest")  # fmt: skip
"""Keys of curriculum.json that say what an export was made of."""


def diff_exports(a: str | Path, b: str | Path) -> dict[str, Any]:
    """Compare two exports.

    Images are the same if their sample ids are, or else if the same bytes are in both exactly once
    (an image moved to another folder). A change is a person's where a decision that bears on it is
    in one export and not in the other, the data's where the source says something else, and
    otherwise the tool's: then `why` is the reason that it gives now.

    Returns:
        JSON-like: `same`; `images`: for each of `CHANGES` that there is, a list of objects with
        `image`, `from`, `to`, `by` and `why`; `counts`, `settings`, `schedule`: each what differs
        as `[before, after]`; `policy`: "same", "added", "removed" or "changed"; `decisions`:
        those `added` and `taken_back`.

    Raises:
        ExportError: one of them is no export, or damaged.
    """
    old, new = read_export(a), read_export(b)
    was, now = _state(old.decisions), _state(new.decisions)
    return {
        "a": str(old.folder),
        "b": str(new.folder),
        "same": old.about == new.about,
        "images": _images(old, new, was, now),
        "counts": _differing(old.about["counts"], new.about["counts"]),
        "settings": _differing(
            {key: old.about.get(key) for key in SETTINGS},
            {key: new.about.get(key) for key in SETTINGS},
        ),
        "schedule": _schedule(old.about, new.about),
        "policy": _policy(old, new),
        "decisions": {
            "added": _decisions(new.decisions, was),
            "taken_back": _decisions(old.decisions, now),
        },
    }


Decided = Mapping[tuple[str, str], Mapping[str, str]]
"""By sample id and action, the row of decisions.csv."""


def _state(decisions: pd.DataFrame) -> Decided:
    return {
        (row["sample_id"], row["action"]): {str(key): value for key, value in row.items()}
        for row in decisions.to_dict("records")
    }


def _images(
    old: Exported, new: Exported, was: Decided, now: Decided
) -> dict[str, list[dict[str, Any]]]:
    """What became of each image, by the kind of change."""
    before = {row["sample_id"]: row for row in old.images.to_dict("records")}
    after = {row["sample_id"]: row for row in new.images.to_dict("records")}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CHANGES}
    pairs = [(before[one], after[one]) for one in after if one in before]
    moved = _same_bytes(old.images, new.images)
    pairs += [(before[a], after[b]) for a, b in moved.items()]
    for row in _alone(after, set(before) | set(moved.values())):
        found["added"].append(_told(row, None, row["label"], "data", "not in the other's data"))
    for row in _alone(before, set(after) | set(moved)):
        found["removed"].append(_told(row, row["label"], None, "data", "no longer in the data"))
    for a, b in pairs:
        for name, x, y in _changes(a, b):
            by, why = _why(name, a, b, was, now)
            found[name].append(_told(b, x, y, by, why))
    return {name: rows for name, rows in found.items() if rows}


def _alone(rows: Mapping[Any, Mapping[Any, Any]], others: set[Any]) -> list[Mapping[Any, Any]]:
    return [row for one, row in rows.items() if one not in others and row["state"] in LISTED]


def _same_bytes(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, str]:
    """Sample ids of images that only one export knows by that id, and both once by their bytes."""
    a = old[~old["sample_id"].isin(new["sample_id"])].drop_duplicates("content_digest", keep=False)
    b = new[~new["sample_id"].isin(old["sample_id"])].drop_duplicates("content_digest", keep=False)
    joined = a.merge(b, on="content_digest", suffixes=("_a", "_b"))
    return dict(zip(joined["sample_id_a"], joined["sample_id_b"], strict=True))


def _changes(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> list[tuple[str, Any, Any]]:
    """(kind, before, after) of one image."""
    found = []
    if a["state"] != b["state"]:
        name = {"excluded": "excluded", "review": "put under review"}.get(b["state"], "put back")
        found.append((name, a["state"], b["state"]))
    columns = {
        "relabelled": "label", "retiered": "tier", "turned": "turn", "reweighted": "weight",
        "other split": "split", "other content": "content_digest", "file moved": "filepath",
    }  # fmt: skip
    for name, column in columns.items():
        x, y = _plain(a[column]), _plain(b[column])
        # Who is in no list has no tier: that is told already.
        if x != y and not (name == "retiered" and a["state"] != b["state"]):
            found.append((name, x, y))
    return found


def _why(
    name: str, a: Mapping[Any, Any], b: Mapping[Any, Any], was: Decided, now: Decided
) -> tuple[str, str]:
    """By whom, and a sentence."""
    for action in DECIDED_BY.get(name, ()):
        old, new = was.get((a["sample_id"], action)), now.get((b["sample_id"], action))
        if new is not None and (old is None or old["value"] != new["value"]):
            return "person", _decision(new)
        if old is not None and new is None:
            return "person", f"taken back: {_decision(old)}"
    if name == "relabelled" and _plain(a["source_label"]) != _plain(b["source_label"]):
        return "data", "the source has another label"
    if name in ("other split", "other content", "file moved"):
        return "data", "the source has it so"
    return "tool", str(b["reason"] or "")


def _decision(row: Mapping[str, str]) -> str:
    """A decision in words: what, where, on which finding, when."""
    what = f"{row['action']} {row['value']}".strip()
    on = f" on {row['finding']}" if row["finding"] else ""
    when = f", {row['time']}" if row["time"] else ""
    return f"{what} ({row['source']}{on}{when})"


def _decisions(decisions: pd.DataFrame, others: Decided) -> list[dict[str, str]]:
    """Decisions that the other export has not, or with another value."""
    return [
        {"image": row["filepath"] or row["sample_id"], "decision": _decision(row)}
        for row in _state(decisions).values()
        if others.get((row["sample_id"], row["action"]), {}).get("value") != row["value"]
    ]


def _schedule(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs between the schedules; a stage by its number, counted from 0."""
    x = {f"stage {i}": stage for i, stage in enumerate(a["stages"])}
    y = {f"stage {i}": stage for i, stage in enumerate(b["stages"])}
    keys = ("preset", "epochs")
    return _differing({**{k: a[k] for k in keys}, **x}, {**{k: b[k] for k in keys}, **y})


def _policy(old: Exported, new: Exported) -> str:
    x, y = (
        dict(zip(one.files["path"], one.files["digest"], strict=True)).get(one.about["policy"])
        for one in (old, new)
    )
    if x == y:
        return "same"
    return "added" if x is None else "removed" if y is None else "changed"


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Keys whose values differ, and both; of objects, the keys inside."""
    found: dict[str, list[Any]] = {}
    for key in dict.fromkeys([*a, *b]):
        x, y = a.get(key), b.get(key)
        if isinstance(x, dict) and isinstance(y, dict):
            found |= {f"{key}.{inner}": pair for inner, pair in _differing(x, y).items()}
        elif x != y:
            found[key] = [x, y]
    return found


def _told(row: Mapping[Any, Any], x: Any, y: Any, by: str, why: str) -> dict[str, Any]:
    return {"image": row["filepath"], "from": _plain(x), "to": _plain(y), "by": by, "why": why}


def _plain(value: Any) -> Any:
    """None for what is missing."""
    return None if value is None or value != value or value == "" else value
