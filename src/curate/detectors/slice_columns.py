"""What images are sliced by: what is trivially known of them, and how they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from curate.detectors.differences import fold_numbers
from curate.detectors.properties import properties
from curate.detectors.slices import Column
from curate.findings import Evidence, Ints
from curate.numerics.clusters import AXES, BLOCK, even_choice
from curate.numerics.discriminant import Discriminant, Fit

SAMPLE = 4000
"""Images from which the axes of the turns are taken."""

STANDS = {
    "upright score": {"": 1, "hflip": 1, "vflip": -1, "rot180": -1},
    "standing score": {"": 1, "rot180": 1, "rot90": -1, "rot270": -1},
}
"""Differences of views, see `curate.detectors.orientation`: low is upside-down, or on its side."""

STAND_WORDS = {
    "upright score": ("less surely upright", "more surely upright"),
    "standing score": ("less surely standing", "more surely standing"),
}
"""What a low and a high value is called."""


def columns_of(evidence: Evidence, rows: Ints) -> list[Column]:
    """The columns of some rows, in their order."""
    found = [Column.of(one) for one in properties(evidence)]
    found += stands(evidence, rows)
    return [replace(one, values=one.values[rows], known=one.known[rows]) for one in found]


def stands(evidence: Evidence, order: Ints) -> list[Column]:
    """How upright an image is, where its views are embedded; none without views.

    A shrunk linear discriminant of differences of views on their main axes, out of fold. Unlike
    `orientation` it makes no chances of the scores: ranks are enough to cut by.
    """
    views = evidence.view_embeddings or {}
    if evidence.embeddings is None or any(v not in views for v in ("hflip", "vflip", "rot90")):
        return []
    return [
        column
        for name, signs in STANDS.items()
        if (column := _stand(evidence, order, name, signs)) is not None
    ]


def _stand(evidence: Evidence, order: Ints, name: str, signs: dict[str, int]) -> Column | None:
    assert evidence.view_embeddings is not None and evidence.embeddings is not None
    n, given = len(evidence), evidence.view_rows or {}
    known = np.ones(n, dtype=bool)
    for view in filter(None, signs):
        here = np.zeros(n, dtype=bool)
        here[given.get(view, np.arange(n))] = True
        known &= here
    rows = order[known[order]]
    if len(rows) < 10:
        return None
    places = {
        view: np.searchsorted(given[view], rows) if view and view in given else rows
        for view in signs
    }

    def difference(some: slice | Ints) -> NDArray[np.float32]:
        total = np.zeros((len(rows[some]), evidence.embeddings.shape[1]), dtype=np.float32)  # type: ignore[union-attr]
        for view, sign in signs.items():
            source = evidence.view_embeddings[view] if view else evidence.embeddings  # type: ignore[index]
            total += sign * np.asarray(source[places[view][some]], dtype=np.float32)  # type: ignore[index]
        return total

    from sklearn.utils.extmath import randomized_svd

    sample = difference(even_choice(len(rows), SAMPLE))
    if not np.abs(sample).max() > 0:
        return None
    # Not centred: the mean difference is what tells the way up.
    _, _, axes = randomized_svd(sample, min(2 * AXES, *sample.shape), random_state=0)
    low = np.concatenate(
        [difference(slice(i, i + BLOCK)) @ axes.T for i in range(0, len(rows), BLOCK)]
    )
    low /= np.sqrt(np.square(low).mean())
    n_classes = len(evidence.class_names)
    labels = np.where(evidence.labels < 0, n_classes, evidence.labels)[rows]
    probe = Discriminant(fold_numbers(evidence, 5)[rows], labels, n_classes)
    middling = Fit(np.zeros(0), np.zeros(0), shrinkage=0.1, kappa=30.0)
    values = np.zeros(n)
    values[rows] = np.round(probe.fit(low, like=middling).log_odds, 5)
    return Column(name, values, known, "pixels")
