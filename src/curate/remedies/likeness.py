"""Whether an image looks like a real one of a class: by who its neighbours are, and how near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curate.findings import Bools, Evidence, Floats, Ints
from curate.numerics.neighbors import normalized

NEIGHBOURS = 10
"""Nearest images that vote; of a class with fewer images, as many as it has."""

USUAL = 0.95
"""Of the images of a class, the share that is as near to the others as is called usual."""

MEASURED = 1000
"""Images a class by which its usual distance is measured."""

BLOCK = 256
"""Images that are compared at a time."""


@dataclass(frozen=True)
class Likeness:
    """Reference images of every class, and how near to each other they usually are.

    Attributes:
        rows: (r,) row numbers of the reference images.
        unit: (r, d) their embeddings at length one.
        labels: (r,) their classes.
        kin: (n,) of every row of the evidence, a number that it shares with images of its group
            and copies of its picture.
        usual: (n_classes,) the mean cosine distance from an image of the class to its nearest of
            the class that `USUAL` of them stay below; -inf where there are too few to tell.
    """

    rows: Ints
    unit: Floats
    labels: Ints
    kin: Ints
    usual: Floats

    @classmethod
    def of(cls, evidence: Evidence, rows: Ints, kin: Ints) -> Likeness:
        """Measure the reference images `rows`, which have labels; for `kin` see the class."""
        assert evidence.embeddings is not None
        unit = normalized(np.asarray(evidence.embeddings[rows]))
        labels = evidence.labels[rows]
        found = cls(rows, unit, labels, kin, np.full(len(evidence.class_names), -np.inf))
        for label in np.unique(labels).tolist():
            mine = np.flatnonzero(labels == label)
            some = mine[np.linspace(0, len(mine) - 1, min(len(mine), MEASURED)).astype(int)]
            distances = found._distances(unit[some], label, rows[some])
            if np.isfinite(distances).any():
                found.usual[label] = np.quantile(distances[np.isfinite(distances)], USUAL)
        return found

    def looks_like(self, embeddings: Floats, classes: Ints, rows: Ints) -> Bools:
        """Whether each image looks like one of a class.

        Most of its nearest reference images must be of the class, and those of the class that are
        nearest must be as near as they usually are to each other. The image that it was made of,
        and others of its group, do not count.

        Args:
            embeddings: (m, d).
            classes: (m,) the class in question of each.
            rows: (m,) the row numbers of the images they were made of.
        """
        found = np.zeros(len(rows), dtype=bool)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = self._most_are(normalized(embeddings[part]), classes[part], rows[part])
        for label in np.unique(classes[found]).tolist():
            asked = np.flatnonzero(found & (classes == label))
            near = self._distances(normalized(embeddings[asked]), label, rows[asked])
            found[asked] = near <= self.usual[label]
        return found

    def _most_are(self, unit: Floats, classes: Ints, rows: Ints) -> Bools:
        similar = unit @ self.unit.T
        similar[self.kin[rows][:, None] == self.kin[self.rows][None, :]] = -np.inf
        k = min(NEIGHBOURS, similar.shape[1])
        nearest = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(similar, nearest, 1), axis=1, kind="stable")
        same = self.labels[np.take_along_axis(nearest, order, 1)] == classes[:, None]
        sizes = np.bincount(self.labels, minlength=len(self.usual))[classes]
        voters = np.clip(sizes, 1, k)
        votes = np.cumsum(same, axis=1)[np.arange(len(rows)), voters - 1]
        most: Bools = 2 * votes > voters
        return most

    def _distances(self, unit: Floats, label: int, rows: Ints) -> Floats:
        """(m,) mean distance to the nearest of a class; inf where it has no other image."""
        mine = np.flatnonzero(self.labels == label)
        found = np.full(len(rows), np.inf)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            similar = unit[part] @ self.unit[mine].T
            others = self.kin[rows[part]][:, None] != self.kin[self.rows[mine]][None, :]
            similar[~others] = -np.inf
            k = min(NEIGHBOURS, len(mine))
            best = -np.sort(-similar, axis=1)[:, :k]
            n = np.isfinite(best).sum(axis=1)
            total = np.where(np.isfinite(best), 1 - best, 0).sum(axis=1)
            found[part] = np.where(n > 0, total / np.maximum(n, 1), np.inf)
        return found
