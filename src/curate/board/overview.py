"""The first tab: how good the model is, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.board.opening import Board

Interval = tuple[float, float]
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitRow:
    """One split; scores are None where nothing in it is labelled."""

    split: str
    images: int
    unlabelled: int
    accuracy: float | None
    accuracy_interval: Interval | None
    macro_f1: float | None
    macro_f1_interval: Interval | None


@dataclass(frozen=True)
class KindRow:
    """One kind of finding.

    Attributes:
        kind: such as "label_error".
        flagged: images flagged.
        judged: of these, how many a person has decided on.
        precision: the share of the flagged that are right, None where not known.
        interval: its 95 % interval.
        source: "audit" where people judged a random sample, "estimate" where the detector did.
    """

    kind: str
    flagged: int
    judged: int
    precision: float | None = None
    interval: Interval | None = None
    source: str = ""


@dataclass(frozen=True)
class Overview:
    """What the first tab shows."""

    images: int
    classes: int
    model: str
    splits: tuple[SplitRow, ...]
    kinds: tuple[KindRow, ...]
    skipped: dict[str, str]
    notes: tuple[str, ...]


def overview(board: Board) -> Overview:
    """Everything of the first tab; kinds with findings first, the most first."""
    info = board.run.info
    decided = board.decided()
    decided_rows = np.isin(board.ids, list(decided)) if decided else np.zeros(len(board.ids), bool)
    rows = []
    for kind in board.kinds:
        flags = board.flagged(kind)
        known = estimate(info, kind) if flags.any() else None
        precision, interval, source = known or (None, None, "")
        judged = int((flags & decided_rows).sum())
        rows.append(KindRow(kind, int(flags.sum()), judged, precision, interval, source))
    rows.sort(key=lambda row: (-row.flagged, row.kind))
    settings = info.get("settings", {})
    return Overview(
        images=len(board.ids),
        classes=len(board.classes),
        model=str(settings.get("model") or ""),
        splits=tuple(_splits(board)),
        kinds=tuple(rows),
        skipped=dict(info.get("skipped_detectors", {})),
        notes=tuple(str(note) for note in info.get("first_notes", [])),
    )


def estimate(info: Mapping[str, Any], kind: str) -> tuple[float, Interval, str] | None:
    """The precision of a kind with its interval: judged by people, else the detector's own word.

    A number without an interval is not shown: nobody could tell what it is worth.
    """
    judged = info.get("audits", {}).get(kind, {})
    told = judged.get("precision", {})
    if told.get("value") is not None and not judged.get("stale"):
        return float(told["value"]), (float(told["low"]), float(told["high"])), "audit"
    said = info.get("detectors", {}).get(kind, {})
    value, interval = said.get("precision"), said.get("precision_interval")
    if value is None or interval is None:
        return None
    return float(value), (float(interval[0]), float(interval[1])), "estimate"


def _splits(board: Board) -> list[SplitRow]:
    found = []
    for split in SPLITS:
        rows = board.splits == split
        if not rows.any():
            continue
        scores = board.metrics.get(split, {})
        found.append(
            SplitRow(
                split,
                int(rows.sum()),
                int((rows & (board.labels < 0)).sum()),
                scores.get("accuracy"),
                _pair(scores.get("accuracy_interval")),
                scores.get("macro_f1"),
                _pair(scores.get("macro_f1_interval")),
            )
        )
    return found


def _pair(values: Any) -> Interval | None:
    return None if values is None else (float(values[0]), float(values[1]))
