"""Two models on the same images: scores, classes, confusions, and what was fixed and broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.comparison.change import Change, of_test
from curate.comparison.scores import Predicted, Scorer, Task
from curate.findings import Bools, Ints
from curate.numerics.metrics import confusion_matrix
from curate.numerics.paired import (
    RESAMPLES,
    Interval,
    cluster_weights,
    clusters_of,
    holm,
    paired_difference,
    paired_p_value,
    standard_interval,
)

TOP_CELLS = 20


@dataclass(frozen=True)
class ClassChange:
    """One class.

    Attributes:
        name: of the class.
        images: with this label.
        f1: the change of its F1.
        recall: the two shares of its images that are right.
        fixed, broken: images of the class that A has wrong and B right, and the reverse.
        p_value: of McNemar's exact test on its images, by groups.
        p_adjusted: the same, corrected by Holm for the number of classes.
    """

    name: str
    images: int
    f1: Change
    recall: tuple[float, float]
    fixed: int
    broken: int
    p_value: float
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """By the corrected test on the class's own images, and the direction of its recall."""
        return of_test(self.fixed, self.broken, self.p_adjusted)


@dataclass(frozen=True)
class Pair:
    """B beside A.

    Attributes:
        task: the images.
        a, b: what each predicts.
        accuracy, macro_f1, calibration_error: the changes.
        classes: those with images, in the order of the class list.
        confusion_a, confusion_b: (n_classes, n_classes), rows labels, columns predictions.
    """

    task: Task
    a: Predicted
    b: Predicted
    accuracy: Change
    macro_f1: Change
    calibration_error: Change
    classes: list[ClassChange]
    confusion_a: NDArray[np.int64]
    confusion_b: NDArray[np.int64]

    @property
    def fixed(self) -> Bools:
        """(n,) A is wrong and B right."""
        return np.asarray(~self.a.right(self.task) & self.b.right(self.task))

    @property
    def broken(self) -> Bools:
        """(n,) A is right and B wrong."""
        return np.asarray(self.a.right(self.task) & ~self.b.right(self.task))


def compare(task: Task, a: Predicted, b: Predicted, rng: np.random.Generator) -> Pair:
    """Compare two models on the images of a task.

    One bootstrap, which draws whole clusters, serves macro F1, every class's F1 and the calibration
    error; see `curate.numerics.paired.standard_interval` for the intervals made of it. Accuracy
    needs none. The tests are McNemar's exact one, by groups.

    Args:
        task: the images, at least one.
        a: what the first predicts.
        b: what the second predicts.
        rng: for the bootstrap.
    """
    right_a, right_b = a.right(task), b.right(task)
    estimate, interval = paired_difference(right_a, right_b, task.clusters)
    accuracy = Change(
        float(right_a.mean()), float(right_b.mean()), estimate, interval,
        paired_p_value(right_a, right_b, task.clusters),
    )  # fmt: skip
    clusters = clusters_of(task.clusters, len(task))
    n_clusters = int(clusters.max()) + 1
    first, second = Scorer(task, a), Scorer(task, b)
    ones = np.ones(len(task))
    f1_a, f1_b = first.f1(ones), second.f1(ones)
    sums, squares, macro, gaps = np.zeros(len(f1_a)), np.zeros(len(f1_a)), [], []
    for weights in cluster_weights(clusters, rng):
        change = second.f1(weights) - first.f1(weights)
        sums += change
        squares += change**2
        macro.append(float(change[task.supported].mean()))
        gaps.append(second.calibration_error(weights) - first.calibration_error(weights))
    # Of the resamples about their mean; rounding may leave less than nothing.
    spread = np.maximum(squares / RESAMPLES - (sums / RESAMPLES) ** 2, 0.0)
    differ = len(np.unique(clusters[a.classes != b.classes]))
    unsure = len(np.unique(clusters[(a.confidence != b.confidence) | (a.classes != b.classes)]))
    macro_a, macro_b = first.macro_f1(ones), second.macro_f1(ones)
    error_a, error_b = first.calibration_error(ones), second.calibration_error(ones)
    return Pair(
        task, a, b, accuracy,
        Change(macro_a, macro_b, macro_b - macro_a,
               _interval(macro_b - macro_a, float(np.var(macro)), n_clusters, differ)),
        Change(error_a, error_b, error_b - error_a,
               _interval(error_b - error_a, float(np.var(gaps)), n_clusters, unsure),
               higher_is_better=False),
        _classes(task, a, b, clusters, f1_a, f1_b, spread),
        confusion_matrix(task.labels, a.classes, len(task.class_names)),
        confusion_matrix(task.labels, b.classes, len(task.class_names)),
    )  # fmt: skip


def _interval(estimate: float, variance: float, n_clusters: int, n_differing: int) -> Interval:
    """`standard_interval`, no further than scores of 0 to 1 can differ; infinite if not known."""
    low, high = standard_interval(estimate, variance, n_clusters, n_differing)
    return (low, high) if np.isinf(high) else (max(low, -1.0), min(high, 1.0))


def _classes(
    task: Task, a: Predicted, b: Predicted, clusters: Ints, f1_a: Any, f1_b: Any, spread: Any
) -> list[ClassChange]:
    right_a, right_b = a.right(task), b.right(task)
    numbers = np.flatnonzero(task.supported).tolist()
    found = []
    for c in numbers:
        own = np.flatnonzero(task.labels == c)
        in_a, in_b = a.classes == c, b.classes == c
        # The F1 of a class depends on the images that are, or are taken for, of it.
        concerned = len(np.unique(clusters[(task.labels == c) | in_a | in_b]))
        differing = len(np.unique(clusters[in_a != in_b]))
        change = float(f1_b[c] - f1_a[c])
        interval = _interval(change, float(spread[c]), concerned, differing)
        f1 = Change(float(f1_a[c]), float(f1_b[c]), change, interval)
        p = paired_p_value(right_a[own], right_b[own], clusters[own])
        found.append(
            (c, own, f1, int((~right_a[own] & right_b[own]).sum()),
             int((right_a[own] & ~right_b[own]).sum()), p)
        )  # fmt: skip
    adjusted = holm([p for *_, p in found])
    return [
        ClassChange(
            task.class_names[c], len(own), f1,
            (float(right_a[own].mean()), float(right_b[own].mean())),
            fixed, broken, p, float(q),
        )
        for (c, own, f1, fixed, broken, p), q in zip(found, adjusted, strict=True)
    ]  # fmt: skip


def changed_cells(pair: Pair) -> list[dict[str, Any]]:
    """The kinds of mistake that became most more or less frequent, largest change first.

    Each with the images that came into the cell and that left it, the p value of as uneven a
    change, by groups, and the same corrected by Holm for all cells in which anything changed.
    """
    task = pair.task
    k = len(task.class_names)
    cell_a = task.labels * k + pair.a.classes
    cell_b = task.labels * k + pair.b.classes
    moved = np.flatnonzero(cell_a != cell_b)
    cells = np.unique(np.concatenate([cell_a[moved], cell_b[moved]]))
    cells = cells[cells // k != cells % k]
    rows: list[dict[str, Any]] = []
    for cell in cells.tolist():
        own = moved[(cell_a[moved] == cell) | (cell_b[moved] == cell)]
        was, now = cell_a[own] == cell, cell_b[own] == cell
        i, j = divmod(cell, k)
        rows.append(
            {
                "label": task.class_names[i],
                "pred_label": task.class_names[j],
                "a": int(pair.confusion_a[i, j]),
                "b": int(pair.confusion_b[i, j]),
                "change": int(now.sum()) - int(was.sum()),
                "came": int(now.sum()),
                "left": int(was.sum()),
                "p_value": paired_p_value(was, now, task.clusters[own]),
            }
        )
    for row, q in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_adjusted"] = float(q)
    rows.sort(key=lambda row: (-abs(row["change"]), row["p_value"], row["label"]))
    return rows[:TOP_CELLS]
