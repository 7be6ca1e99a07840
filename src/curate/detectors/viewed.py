"""Embeddings of images of which not every view is embedded, in an order of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.detectors.differences import embedded
from curate.findings import Evidence

Array = NDArray[Any]

UPSIDE_DOWN = ("vflip", "rot180")
SIDEWAYS = ("rot90", "rot180", "rot270")
"""The views that tell whether an image is upside-down, and whether it lies on its side."""


@dataclass(frozen=True)
class Viewed:
    """What is embedded of n images, in the order of their ids.

    Square roots are taken of the embeddings, since covariances suffer from the heavy tails of
    activations (power normalisation, Perronnin et al. 2010); columns are scaled to unit spread.

    Attributes:
        X: (n, d) float32, the images.
        rows: per view the ascending rows that are embedded.
        views: per view their (m, d) embeddings.
        planned: per view the ascending rows that the sample has.
        labels: (n,) class numbers, `n_classes` where there is none.
        n_classes: how many classes there are.
        folds: (n,) fold numbers.
        order: (n,) the evidence's row of each row here.
        back: (n,) the row here of each of the evidence's.
    """

    X: Array
    rows: dict[str, Array]
    views: dict[str, Array]
    planned: dict[str, Array]
    labels: Array
    n_classes: int
    folds: Array
    order: Array
    back: Array

    @classmethod
    def of(cls, evidence: Evidence, planned: Mapping[str, Array], folds: Array) -> Viewed:
        """Sort the views that are `planned` by id; `planned` and `folds` have evidence's order."""
        assert evidence.view_embeddings is not None and evidence.view_rows is not None
        n_classes = len(evidence.class_names)
        labels = np.where(evidence.labels < 0, n_classes, evidence.labels)
        # Sums of floats depend on their order: everything is done in the order of the ids.
        order = np.argsort(np.asarray(evidence.sample_ids, dtype=str), kind="stable")
        back = np.argsort(order)
        X = embedded(evidence, "", order, power=0.5)
        size = X.std(0)
        useful = size > 1e-6 * size.max(initial=0)
        scale = np.divide(1, size, out=np.zeros_like(size), where=useful)
        X *= scale
        rows, views = {}, {}
        for view in planned:
            place = back[evidence.view_rows[view]]
            ascending = np.argsort(place)
            rows[view] = place[ascending]
            views[view] = embedded(evidence, view, ascending, power=0.5) * scale
        # Of the sample, what could be read.
        here = {view: np.intersect1d(back[planned[view]], rows[view]) for view in planned}
        return cls(X, rows, views, here, labels[order], n_classes, folds[order], order, back)

    @property
    def sample(self) -> tuple[Array, Array]:
        """The rows of the sample, and those of them of which every view is embedded."""
        every = np.unique(np.concatenate(list(self.planned.values())))
        full = every
        for rows in self.planned.values():
            full = np.intersect1d(full, rows)
        return every, full

    def at(self, view: str, rows: Array) -> Array:
        """(m, d) embeddings of one view of some rows, all of which must have it."""
        return np.asarray(self.views[view][np.searchsorted(self.rows[view], rows)])

    def with_all(self, views: Sequence[str]) -> Array:
        """The rows that have every one of these views."""
        found = np.arange(len(self.X))
        for view in views:
            found = np.intersect1d(found, self.rows[view])
        return found
