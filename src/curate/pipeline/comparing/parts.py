"""The parts of the images that a comparison looks at, taken from the first run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.comparison.parts import SMALLEST, Part, values_of
from curate.detectors.choosing import load_installed
from curate.detectors.registry import DETECTORS
from curate.pipeline.comparing.members import Member

Place = dict[str, int]
"""Sample id of the first run -> number among the images compared."""

TURNED = {
    "rot180": "upside-down", "vflip": "upside-down", "rot270": "turned to the left",
    "rot90": "turned to the right",
}  # fmt: skip
"""What an image is that such a turn sets upright."""

NUMBERS = ("int", "float")


def slices(a: Member, place: Place) -> list[Part]:
    """By every column of the user's own, and the weak slices of the first run."""
    order = [sample_id for sample_id, _ in sorted(place.items(), key=lambda item: item[1])]
    table = a.samples.set_index("sample_id").loc[order]
    found: list[Part] = []
    for name, kind in a.run.info.get("metadata", {}).items():
        if name in table.columns and kind != "datetime":
            values = table[name].astype(object).where(table[name].notna(), None).tolist()
            found += values_of(name, values, kind in NUMBERS)
    for one in a.run.info.get("detectors", {}).get("weak_slice", {}).get("slices", []):
        rows = _rows(one["members"], place)
        if len(rows) >= SMALLEST:
            found.append(Part("weak_slice", one["text"], rows, by_mistakes=True))
    return found


def found_in(a: Member, b: Member, place: Place, place_b: Place) -> list[Part]:
    """What was found of the images in the first run: by kind, type, and what was suggested."""
    load_installed()
    theirs = {(kind, what): set(rows) for kind, what, rows in _flagged(b, place_b)}
    looked = set(b.run.info.get("detectors", {}))
    parts = []
    for kind, what, rows in _flagged(a, place):
        detector = DETECTORS.get(kind)
        # Of a kind that is not installed here nobody knows what it went by.
        by_mistakes = detector is None or "pred_probs" in detector.needs
        still = len(theirs.get((kind, what), set()) & set(rows)) if kind in looked else None
        name = f"{kind}: {what}" if what else kind
        parts.append(
            Part("finding", name, np.array(sorted(rows), dtype=np.int64), by_mistakes, still)
        )
    return parts


def kinds_found(a: Member, place: Place) -> dict[int, list[str]]:
    """Per image the kinds that the first run found of it."""
    found: dict[int, list[str]] = {}
    for kind, _, rows in _flagged(a, place):
        for row in rows:
            known = found.setdefault(row, [])
            if kind not in known:
                known.append(kind)
    return found


def _flagged(member: Member, place: Place) -> Iterator[tuple[str, str, list[int]]]:
    """Kind, which sort of it ("" for all, unless all are of one sort), and the images."""
    classes = set(member.run.info["classes"])
    table = member.run.table("findings")
    table = table[table["flagged"] & table["sample_id"].isin(place)]
    for kind, rows in table.groupby("kind", sort=True):
        sorts = _sorts(str(kind), rows, classes)
        if len(set(sorts)) > 1 or sorts[0] == "":
            yield str(kind), "", _rows(rows["sample_id"], place).tolist()
        for what, own in rows.groupby(sorts, sort=True):
            if what:
                yield str(kind), str(what), _rows(own["sample_id"], place).tolist()


def _sorts(kind: str, rows: pd.DataFrame, classes: set[str]) -> NDArray[Any]:
    """Which sort of its kind a finding is; a suggested class is none."""
    sorts = rows["type"].fillna("").astype(str).to_numpy(dtype=object)
    if kind == "orientation":
        return np.array([TURNED.get(turn, "") for turn in rows["suggestion"]], dtype=object)
    suggested = rows["suggestion"].fillna("").astype(str)
    plain = suggested.where(~suggested.isin(classes), "").to_numpy(dtype=object)
    return np.where(sorts != "", sorts, plain)


def _rows(ids: Any, place: Place) -> NDArray[np.int64]:
    return np.array(sorted(place[one] for one in ids if one in place), dtype=np.int64)
