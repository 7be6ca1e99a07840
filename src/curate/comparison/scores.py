"""What is compared: how well one set of predictions does on images that count so often."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

BINS = 15
"""Of the calibration error, as in `curate.numerics.metrics.calibration_error`."""


@dataclass(frozen=True)
class Task:
    """The images and what is right.

    Attributes:
        labels: (n,) class numbers, none missing.
        class_names: the classes.
        clusters: (n,) images of one number count as one draw: a group, or copies of one file.
    """

    labels: Ints
    class_names: tuple[str, ...]
    clusters: Ints

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_clusters(self) -> int:
        """How many draws the images are."""
        return len(np.unique(self.clusters))

    @cached_property
    def supported(self) -> Bools:
        """(n_classes,) the classes that have images here: macro F1 is their mean."""
        return np.bincount(self.labels, minlength=len(self.class_names)) > 0


@dataclass(frozen=True)
class Predicted:
    """What one model, or a vote of several, says of the images of a task.

    Attributes:
        name: of the model or vote.
        probs: (n, n_classes).
    """

    name: str
    probs: Floats

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """(n,) the predicted class."""
        return np.asarray(self.probs.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) the probability of the predicted class."""
        return np.asarray(self.probs.max(axis=1), dtype=np.float64)

    def right(self, task: Task) -> Bools:
        """(n,) whether the predicted class is the label."""
        return np.asarray(self.classes == task.labels)

    def of_label(self, task: Task) -> NDArray[np.float64]:
        """(n,) the probability of the label."""
        return np.asarray(self.probs[np.arange(len(task)), task.labels], dtype=np.float64)


class Scorer:
    """Scores of one set of predictions under changing weights, with all else worked out once."""

    def __init__(self, task: Task, predicted: Predicted) -> None:
        self.task = task
        self._right = predicted.right(task)
        self._classes = predicted.classes
        self._gap = self._right - predicted.confidence
        self._bins = np.minimum((predicted.confidence * BINS).astype(int), BINS - 1)

    def f1(self, weights: Floats) -> NDArray[np.float64]:
        """(n_classes,) F1; 0 for a class that is neither labelled nor predicted."""
        k, labels = len(self.task.class_names), self.task.labels
        hits = np.bincount(labels, weights * self._right, minlength=k)
        total = np.bincount(labels, weights, minlength=k)
        total += np.bincount(self._classes, weights, minlength=k)
        return np.divide(2 * hits, total, out=np.zeros(k), where=total > 0)

    def macro_f1(self, weights: Floats) -> float:
        """The mean F1 of the classes that have images."""
        return float(self.f1(weights)[self.task.supported].mean())

    def calibration_error(self, weights: Floats) -> float:
        """Expected calibration error (Naeini et al. 2015)."""
        gap = np.bincount(self._bins, weights * self._gap, minlength=BINS)
        return float(np.abs(gap).sum() / max(float(weights.sum()), 1e-300))
