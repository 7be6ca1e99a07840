"""Which images must stay together: those of one group, and files with the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def fold_units(
    digests: Sequence[str], groups: Sequence[str], pairs: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Number the sets of images that no fold and no made split may separate.

    Args:
        digests: (n,) of the files' bytes.
        groups: (n,) names of groups, "" for an image of its own.
        pairs: (m, 2) more rows to keep together.

    Returns:
        (n,) numbers; rows joined by a group, by equal bytes or by a pair, however indirectly,
        share one.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(digests)
    digest = pd.factorize(np.asarray(digests, dtype=object))[0]
    named = np.flatnonzero(np.asarray(groups, dtype=object) != "")
    group = pd.factorize(np.asarray(groups, dtype=object)[named])[0]
    extra = np.zeros((0, 2), dtype=np.int64) if pairs is None else np.asarray(pairs)
    # A graph of images against digests and groups; its components are the units.
    first_group = n + int(digest.max(initial=-1)) + 1
    left = np.concatenate([np.arange(n), named, extra[:, 0]])
    right = np.concatenate([n + digest, first_group + group, extra[:, 1]])
    size = max(int(right.max(initial=-1)) + 1, n)
    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(size, size))
    units: NDArray[np.int64] = connected_components(graph, directed=False)[1][:n].astype(np.int64)
    return units
