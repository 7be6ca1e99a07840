"""Two confusion matrices of the same images: which mistakes became more, and which fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.board.confusion import BLOCK, LARGEST

TOP_CELLS = 12


@dataclass(frozen=True)
class Difference:
    """The difference B - A as it is drawn.

    Attributes:
        names: the classes shown; rows labels, columns predictions.
        a: (k, k) images in the first run.
        b: (k, k) images in the second.
        change: (k, k) b - a: on the diagonal more is better, beside it less is.
        gain: (k, k) the same with the sign of what it means: positive is better.
        whole: whether these are all the classes.
        classes: how many there are.
    """

    names: tuple[str, ...]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    change: NDArray[np.int64]
    gain: NDArray[np.int64]
    whole: bool
    classes: int


@dataclass(frozen=True)
class Cell:
    """One kind of mistake: images of `label` taken for `predicted`, in A and in B."""

    label: str
    predicted: str
    a: int
    b: int

    @property
    def change(self) -> int:
        """How many more there are in B."""
        return self.b - self.a


def difference(
    a: NDArray[Any], b: NDArray[Any], names: Sequence[str], search: str = ""
) -> Difference:
    """The matrix to draw: whole up to `LARGEST` classes, else the block that changed most.

    Args:
        a: (n_classes, n_classes) counts of the first run, rows labels, columns predictions.
        b: the same of the second, on the same images.
        names: of the classes.
        search: draw the classes whose name has this in it, and those whose cells with them changed.

    Raises:
        ValueError: the matrices and the names are not of one size.
    """
    first, second = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    if first.shape != second.shape or first.shape != (len(names), len(names)):
        raise ValueError(
            f"Expected two matrices of {len(names)} classes, found {first.shape}, {second.shape}."
        )
    chosen = _chosen(second - first, names, search.strip().lower())
    block = np.ix_(chosen, chosen)
    change = (second - first)[block]
    gain = np.where(np.eye(len(chosen), dtype=bool), change, -change)
    return Difference(
        tuple(names[i] for i in chosen), first[block], second[block], change, gain,
        len(chosen) == len(names), len(names),
    )  # fmt: skip


def top_cells(
    a: NDArray[Any], b: NDArray[Any], names: Sequence[str], most: int = TOP_CELLS
) -> list[Cell]:
    """The mistakes that changed most, either way; the right predictions are none."""
    first, second = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    change = np.abs(second - first)
    np.fill_diagonal(change, 0)
    order = np.argsort(-change, axis=None, kind="stable")[:most]
    return [
        Cell(names[i], names[j], int(first[i, j]), int(second[i, j]))
        for i, j in zip(*np.unravel_index(order, change.shape), strict=True)
        if change[i, j]
    ]


def _chosen(change: NDArray[np.int64], names: Sequence[str], search: str) -> NDArray[np.int64]:
    if not search and len(names) <= LARGEST:
        return np.arange(len(names))
    size = np.abs(change)
    if not search:
        order = np.argsort(-(size.sum(axis=0) + size.sum(axis=1)), kind="stable")
        return np.sort(order[:BLOCK])
    named = [i for i, name in enumerate(names) if search in name.lower()]
    if not named:
        return np.array([], dtype=np.int64)
    moved = size[named].sum(axis=0) + size[:, named].sum(axis=1)
    near = [int(i) for i in np.argsort(-moved, kind="stable") if moved[i]]
    return np.sort(np.array(list(dict.fromkeys([*named, *near]))[:BLOCK], dtype=np.int64))
