"""The arms of an experiment: ways of training, each run with the same seeds on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.comparison.parts import SMALLEST, Part
from curate.errors import ComparisonError, listed
from curate.findings import Ints, Strings
from curate.numerics.paired import clusters_of

BASELINE, DATA, POLICY, CURRICULUM, BOTH, CONTROL = (
    "baseline", "data", "policy", "curriculum", "both", "control",
)  # fmt: skip
"""`CONTROL` is the curriculum's pacing with the images in random order; `DATA` the export's images
and labels and nothing else of it, beside a baseline on the images and labels of the source."""


@dataclass(frozen=True)
class Arms:
    """What the runs of every arm say of the same images.

    Attributes:
        values: per arm (S, n), row s of the run with seed s: 1 where it is right, or the
            probability of the label.
        seeds: (S,) the same for every arm.
        labels: (n,) class numbers.
        class_names: the classes.
        clusters: (n,) images of one number count as one draw.
    """

    values: Mapping[str, NDArray[np.float64]]
    seeds: tuple[int, ...]
    labels: Ints
    class_names: tuple[str, ...]
    clusters: Ints

    @classmethod
    def build(
        cls,
        values: Mapping[str, ArrayLike],
        seeds: Sequence[int],
        labels: ArrayLike,
        class_names: Sequence[str],
        groups: Strings | Ints | None = None,
    ) -> Arms:
        """Check what the runs say.

        Args:
            values: per arm (S, n), `BASELINE` and at least one other.
            seeds: (S,) of the runs.
            labels: (n,) class numbers, none missing.
            class_names: the classes.
            groups: as in `curate.numerics.paired.clusters_of`.

        Raises:
            ComparisonError: an arm is missing, or an arm lacks a seed or an image.
        """
        if BASELINE not in values or len(values) < 2:
            raise ComparisonError(
                f"Expected an arm {BASELINE!r} and another to compare with it, found "
                f"{listed(values) or 'none'}. Train both."
            )
        if len(set(seeds)) != len(seeds) or not len(seeds):
            raise ComparisonError(
                f"Expected different seeds, found {listed(seeds) or 'none'}. "
                "Two runs of one seed are one run."
            )
        known = np.asarray(labels, dtype=np.int64)
        if not len(known) or known.min() < 0 or known.max() >= len(class_names):
            raise ComparisonError(
                f"Expected one image or more, each with a label of {len(class_names)} classes, "
                f"found {len(known)} images. Leave images without a label out."
            )
        if groups is not None and len(groups) != len(known):
            raise ComparisonError(
                f"Expected groups for {len(known)} images, found {len(groups)}. Give one an image."
            )
        arrays = {name: np.asarray(given, dtype=np.float64) for name, given in values.items()}
        for name, given in arrays.items():
            _check(name, given, len(seeds), len(known))
        clusters = clusters_of(groups, len(known))
        return cls(arrays, tuple(int(s) for s in seeds), known, tuple(class_names), clusters)

    @property
    def others(self) -> tuple[str, ...]:
        """All arms but the baseline."""
        return tuple(name for name in self.values if name != BASELINE)

    @property
    def comparisons(self) -> tuple[tuple[str, str], ...]:
        """(arm, against): every arm against the baseline, and the curriculum against its control.

        The last tells whether the order of the images matters or only the pacing.
        """
        pairs = [(name, BASELINE) for name in self.others]
        if CURRICULUM in self.values and CONTROL in self.values:
            pairs.append((CURRICULUM, CONTROL))
        return tuple(pairs)

    def worst_class(self) -> Part | None:
        """The class of which all arms together get the smallest share right.

        Idea: the class that the *baseline* has worst is so partly by chance, and would be better in
        any other runs (regression towards the mean). The sum over all arms does not know which of
        them is the baseline, so that where the arms are alike no arm is favoured. Not a class in
        which the baseline is worst: an arm that ruins a class shows it here too.

        Returns:
            None where fewer than two classes have `SMALLEST` images.
        """
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        by_image = np.mean([given.mean(axis=0) for given in self.values.values()], axis=0)
        sums = np.bincount(self.labels, by_image, minlength=len(self.class_names))
        enough = counts >= SMALLEST
        if enough.sum() < 2:
            return None
        shares = np.divide(sums, counts, out=np.full(len(counts), np.inf), where=enough)
        worst = int(np.argmin(shares))
        rows = np.flatnonzero(self.labels == worst)
        return Part("worst class", f"worst class {self.class_names[worst]}", rows)


def _check(name: str, given: NDArray[np.float64], n_seeds: int, n: int) -> None:
    if given.shape != (n_seeds, n):
        raise ComparisonError(
            f"Expected arm {name!r} to have {n_seeds} seeds and {n} images, found "
            f"{given.shape}. Run the seeds that it lacks, or leave them out of every arm."
        )
    if not ((given >= 0) & (given <= 1)).all():
        raise ComparisonError(
            f"Expected values from 0 to 1 for arm {name!r}, found others. "
            "Give whether a run is right, or the probability of the label."
        )
