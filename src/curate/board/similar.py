"""The images most like some image, by the run's own embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curate.board.opening import Board
from curate.errors import RunError
from curate.numerics.neighbors import normalized

_ROWS = 16_384


def similar(board: Board, ids: Sequence[str], count: int = 60) -> list[str]:
    """Sample ids by their cosine to the nearest of the images given, those themselves first.

    Args:
        board: the run.
        ids: sample ids to look around.
        count: how many to return, `ids` among them.

    Raises:
        RunError: none of the ids is in the run.
    """
    rows = [board.row_of[one] for one in ids if one in board.row_of]
    if not rows:
        raise RunError("Expected images of the run, found none. Select one that the run has.")
    embeddings = board.run.array("embeddings", board.ids.tolist())
    wanted = normalized(np.asarray(embeddings[rows], dtype=np.float32))
    near = np.empty(len(board.ids), dtype=np.float32)
    for start in range(0, len(near), _ROWS):  # never the whole matrix in memory
        block = normalized(np.asarray(embeddings[start : start + _ROWS], dtype=np.float32))
        near[start : start + _ROWS] = (block @ wanted.T).max(axis=1)
    near[rows] = np.inf
    best = np.lexsort((board.ids, -near))[:count]
    return [str(one) for one in board.ids[best]]
