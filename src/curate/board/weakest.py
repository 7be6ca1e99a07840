"""The classes that are surely told worse than the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.board.confusion import counts_of
from curate.board.opening import Board
from curate.board.overview import SPLITS
from curate.numerics.intervals import wilson
from curate.numerics.paired import holm

LEVEL = 0.05


@dataclass(frozen=True)
class Weak:
    """A class that is recognised less often than the images of all others.

    Attributes:
        name: the class.
        images: of it that were judged.
        recall: the share of them that is recognised, with the ends of its 95 % interval.
        others: the same of the images of all other classes.
        taken_for: the class it is most often taken for, and how many images are.
    """

    name: str
    images: int
    recall: tuple[float, float, float]
    others: tuple[float, float, float]
    taken_for: tuple[str, int]


def held_out(board: Board) -> tuple[str, ...]:
    """The splits whose images were judged by a model that had not seen them."""
    seen = board.run.info.get("in_sample", {}).get("splits", [])
    return tuple(split for split in SPLITS if split not in seen and (board.splits == split).any())


def held_out_counts(board: Board) -> NDArray[np.int64]:
    """(k, k) the confusion of all of them."""
    k = len(board.classes)
    return sum((counts_of(board, split) for split in held_out(board)), np.zeros((k, k), np.int64))


def weakest(board: Board) -> list[Weak]:
    """The classes whose recall is surely below that of the rest, weakest first.

    Idea: is the class of an image and whether it is recognised independent? Fisher's exact test,
    one-sided (Fisher 1935), of each class against all other images, corrected for the number of
    classes (Holm 1979). On held-out images alone, see `held_out`.

    What it is not: a test of precision, or a reason.
    """
    from scipy.stats import hypergeom

    counts = held_out_counts(board)
    support, hits = counts.sum(axis=1), np.diag(counts)
    total, right = int(support.sum()), int(hits.sum())
    tested = np.flatnonzero(support)
    if len(tested) < 2:
        return []
    p = holm(hypergeom.cdf(hits[tested], total, right, support[tested]))
    rows = tested[p <= LEVEL]
    recall = hits[rows] / support[rows]
    found = []
    for c in rows[np.lexsort((rows, recall))].tolist():
        wrong = counts[c].copy()
        wrong[c] = 0
        other = int(wrong.argmax())
        found.append(
            Weak(
                board.classes[c], int(support[c]), _share(int(hits[c]), int(support[c])),
                _share(right - int(hits[c]), total - int(support[c])),
                (board.classes[other], int(wrong[other])),
            )
        )  # fmt: skip
    return found


def _share(hits: int, n: int) -> tuple[float, float, float]:
    return (hits / n if n else 0.0, *wilson(hits, n))
