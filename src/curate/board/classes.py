"""The classes one by one: how well each is told, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.board.confusion import counts_of
from curate.board.opening import Board
from curate.numerics.intervals import Z95, wilson_bounds
from curate.store.schema import TIER_NAMES

Interval = tuple[float, float]
Estimate = tuple[float, float, float] | None
"""A value and the ends of its 95 % interval; None where nothing is known."""


@dataclass(frozen=True)
class ClassRow:
    """One class.

    Attributes:
        name: the class.
        images: with this label, whether predicted or not.
        recall: the share of them that is recognised.
        precision: the share of right ones among what is taken for the class.
        f1: of the two.
        label_errors: images with this label that are flagged as label errors; None where nobody
            looked for them.
        tiers: training images in each tier, in the order of `TIER_NAMES`.
    """

    name: str
    images: int
    recall: Estimate
    precision: Estimate
    f1: Estimate
    label_errors: int | None
    tiers: tuple[int, ...]


def classes(board: Board, split: str | None = None) -> list[ClassRow]:
    """All classes in the order of the run.

    Intervals are Wilson's. F1 is 2 J / (1 + J) with J the share of hits among all images that have
    the label or the prediction, so its interval is that of J, carried over.

    Args:
        board: the run.
        split: one split, or None for all; the tiers are of train in any case.
    """
    made: list[ClassRow] = board.once(("classes", split), lambda: _classes(board, split))
    return made


def _classes(board: Board, split: str | None) -> list[ClassRow]:
    counts = counts_of(board, split)
    hits, support, guessed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall, precision = _shares(hits, support), _shares(hits, guessed)
    f1 = _shares(hits, support + guessed - hits)
    k = len(board.classes)
    inside = np.ones(len(board.ids), bool) if split is None else board.splits == split
    images = _count(board.labels[inside], k)
    errors = None
    if "label_error" in board.findings:
        errors = _count(board.labels[inside & board.flagged("label_error")], k)
    tiers = tier_counts(board)
    return [
        ClassRow(
            board.classes[c], int(images[c]), recall[c], precision[c], _carried(f1[c]),
            None if errors is None else int(errors[c]), tuple(tiers[c].tolist()),
        )
        for c in range(k)
    ]  # fmt: skip


def tier_counts(board: Board) -> NDArray[np.int64]:
    """(k, 4) training images of each class in each tier."""
    k = len(board.classes)
    return np.column_stack([_count(board.labels[board.tiers == tier], k) for tier in TIER_NAMES])


def _count(labels: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    return np.bincount(labels[labels >= 0], minlength=k)


def _shares(hits: NDArray[np.int64], n: NDArray[np.int64]) -> list[Estimate]:
    share = hits / np.maximum(n, 1)
    low, high = wilson_bounds(share, n, Z95)
    return [
        (float(value), float(a), float(b)) if size else None
        for value, a, b, size in zip(share, low, high, n, strict=True)
    ]


def _carried(share: Estimate) -> Estimate:
    if share is None:
        return None
    value, low, high = (2 * part / (1 + part) for part in share)
    return value, low, high
