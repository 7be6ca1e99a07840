"""Which classes are taken for which: the matrix as it is drawn, and the pairs worth a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.board.opening import Board
from curate.numerics.intervals import wilson
from curate.numerics.metrics import confusion_matrix

LARGEST = 60
"""Classes up to which the whole matrix is drawn."""

BLOCK = 30
"""Classes of the block that is drawn instead: as many as have readable names beside each other."""

TOP_PAIRS = 12


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix as it is drawn.

    Attributes:
        names: the classes shown, similar ones next to each other; rows labels, columns predictions.
        counts: (k, k) images.
        share: (k, k) of all images of the row's class, those outside the block included.
        whole: whether these are all the classes.
        classes: how many there are.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    share: NDArray[np.float64]
    whole: bool
    classes: int


@dataclass(frozen=True)
class Pair:
    """Two classes that are taken for each other.

    Attributes:
        a, b: the classes.
        a_as_b, b_as_a: images of the one taken for the other.
        rate: the share of the images of both that are mixed up.
        interval: its 95 % interval.
        verdict: "ambiguous", "fixable" or "not known"; for a pair that the detector does not name
            why not.
        causes: why, in the detector's words.
    """

    a: str
    b: str
    a_as_b: int
    b_as_a: int
    rate: float
    interval: tuple[float, float]
    verdict: str
    causes: tuple[str, ...] = ()


def counts_of(board: Board, split: str | None = None) -> NDArray[np.int64]:
    """(k, k) images of each label taken for each class, of one split or all."""

    def count() -> NDArray[np.int64]:
        rows = (board.labels >= 0) & (board.predicted >= 0)
        if split is not None:
            rows &= board.splits == split
        return confusion_matrix(board.labels[rows], board.predicted[rows], len(board.classes))

    counts: NDArray[np.int64] = board.once(("confusion", split), count)
    return counts


def matrix(board: Board, split: str | None = None, search: str = "") -> Matrix:
    """The matrix to draw: whole up to `LARGEST` classes, else its most confused block.

    Args:
        board: the run.
        split: one split, or None for all.
        search: draw the classes whose name has this in it, and those they are taken for.
    """
    counts = counts_of(board, split)
    chosen = _chosen(counts, board.classes, search.strip().lower())
    order = chosen[_by_similarity(counts[np.ix_(chosen, chosen)])]
    shown = counts[np.ix_(order, order)]
    support = counts.sum(axis=1)[order]
    return Matrix(
        names=tuple(board.classes[i] for i in order),
        counts=shown,
        share=shown / np.maximum(support, 1)[:, None],
        whole=len(order) == len(board.classes),
        classes=len(board.classes),
    )


def top_pairs(board: Board, split: str | None = None) -> list[Pair]:
    """The pairs of classes with most mix-ups; verdicts are those of all splits together."""
    counts = counts_of(board, split)
    both = np.triu(counts + counts.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:TOP_PAIRS]
    told, untold = _verdicts(board.run.info)
    support = counts.sum(axis=1)
    pairs = []
    for a, b in zip(*np.unravel_index(order, both.shape), strict=True):
        mixed, images = int(both[a, b]), int(support[a] + support[b])
        if not mixed:
            break
        names = board.classes[a], board.classes[b]
        said = told.get(frozenset(names), {})
        pairs.append(
            Pair(
                *names, int(counts[a, b]), int(counts[b, a]), mixed / images,
                wilson(mixed, images), said.get("verdict", untold), tuple(said.get("causes", ())),
            )
        )  # fmt: skip
    return pairs


def _verdicts(info: Mapping[str, Any]) -> tuple[dict[frozenset[str], dict[str, Any]], str]:
    """What the detector says of pairs, and what it means that a pair is not among them."""
    said = info.get("detectors", {}).get("confusable")
    if said is None:
        return {}, "not looked for"
    pairs = said.get("pairs", [])
    more = int(said.get("pairs_found", len(pairs))) > len(pairs)
    told = {frozenset((pair["class_a"], pair["class_b"])): pair for pair in pairs}
    return told, "not among the first" if more else "within chance"


def _chosen(counts: NDArray[np.int64], names: list[str], search: str) -> NDArray[np.int64]:
    """The classes to draw."""
    if not search and len(names) <= LARGEST:
        return np.arange(len(names))
    wrong = counts + counts.T
    np.fill_diagonal(wrong, 0)
    if search:
        named = np.array([i for i, name in enumerate(names) if search in name.lower()], dtype=int)
        if not len(named):
            return named
        near = np.argsort(-wrong[named].sum(axis=0), kind="stable")
        near = near[wrong[named].sum(axis=0)[near] > 0]
        chosen = list(dict.fromkeys([*named.tolist(), *near.tolist()]))
    else:
        pairs = np.argsort(-np.triu(wrong), axis=None, kind="stable")[: BLOCK * BLOCK]
        a, b = np.unravel_index(pairs, wrong.shape)
        chosen = list(dict.fromkeys(np.column_stack([a, b]).ravel().tolist()))
    return np.sort(np.array(chosen[:BLOCK], dtype=int))


def _by_similarity(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order in which classes that are mixed up stand next to each other.

    Average linkage on 1 - the mean of the two rates of mix-ups, its leaves ordered optimally
    (Bar-Joseph et al. 2001). Without any mix-up the order stays as it is.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    k = len(counts)
    rates = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
    near = (rates + rates.T) / 2
    np.fill_diagonal(near, 0)
    if k < 3 or not near.any():
        return np.arange(k)
    far = 1 - near
    np.fill_diagonal(far, 0)
    tree = linkage(squareform(far, checks=False), method="average", optimal_ordering=True)
    leaves: NDArray[np.int64] = leaves_list(tree).astype(np.int64)
    return leaves
