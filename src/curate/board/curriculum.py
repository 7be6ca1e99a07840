"""Who is trained on: the tiers class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.board.classes import tier_counts
from curate.board.opening import Board
from curate.store.schema import TIER_NAMES

MOST_CLASSES = 60
"""Bars with room beside each other."""


@dataclass(frozen=True)
class Tiers:
    """Training images by class and tier.

    Attributes:
        names: the classes shown.
        counts: (len(names), 4) images of each in each of `TIER_NAMES`.
        totals: images of each tier over all classes.
        classes: how many classes there are; with more than are shown, those with most images that
            are hard or under review are shown.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    totals: dict[str, int]
    classes: int


def tiers(board: Board) -> Tiers:
    """The tiers of the training images."""
    counts = board.once("tiers", lambda: tier_counts(board))
    shown = np.arange(len(counts))
    if len(counts) > MOST_CLASSES:
        late = counts[:, TIER_NAMES.index("hard") :].sum(axis=1)
        shown = np.sort(np.argsort(-late, kind="stable")[:MOST_CLASSES])
    totals = dict(zip(TIER_NAMES, counts.sum(axis=0).tolist(), strict=True))
    names = tuple(board.classes[c] for c in shown)
    return Tiers(names, counts[shown], totals, len(counts))


def trained(board: Board) -> dict[str, NDArray[Any]]:
    """The labelled images in a tier, as `curate.recipe.sampling` takes them: a column a name."""
    rows = np.flatnonzero(np.isin(board.tiers.astype(str), TIER_NAMES[:-1]) & (board.labels >= 0))
    difficulty = board.samples["difficulty"].to_numpy(dtype=float)
    return {
        "tier": board.tiers[rows].astype(str),
        "difficulty": difficulty[rows],
        "target": board.labels[rows],
    }
