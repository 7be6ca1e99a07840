"""One model beside another, as plain JSON values."""

from __future__ import annotations

from typing import Any

from curate.comparison.change import said
from curate.comparison.pair import Pair, changed_cells
from curate.comparison.scores import Task


def images_of(task: Task) -> str:
    """The images in words: where some count together, in how many draws."""
    n, draws = len(task), task.n_clusters
    text = f"{n} image{'s' * (n != 1)}"
    return text if draws == n else f"{text} ({draws} groups)"


def pair_report(pair: Pair, p_adjusted: float | None = None) -> dict[str, Any]:
    """One model beside another, as plain JSON values."""
    images = images_of(pair.task)
    both_right = pair.a.right(pair.task) & pair.b.right(pair.task)
    fixed, broken = int(pair.fixed.sum()), int(pair.broken.sum())
    names = pair.a.name, pair.b.name
    text = said(pair.accuracy, *names, "accuracy", images, p_adjusted)
    if (pair.a.classes == pair.b.classes).all():
        text = f"{pair.b.name} predicts the same class as {pair.a.name} on all {images}"
    return {
        "a": pair.a.name,
        "b": pair.b.name,
        "verdict": {
            "word": pair.accuracy.word(p_adjusted),
            "text": text,
            "macro_f1": said(pair.macro_f1, *names, "macro F1", images),
            "calibration": said(
                pair.calibration_error, *names, "expected calibration error", images
            ),
        },
        "accuracy": {**pair.accuracy.as_json(), "p_adjusted": p_adjusted},
        "macro_f1": pair.macro_f1.as_json(),
        "expected_calibration_error": pair.calibration_error.as_json(),
        "fixed": fixed,
        "broken": broken,
        "both_right": int(both_right.sum()),
        "both_wrong": len(pair.task) - int(both_right.sum()) - fixed - broken,
        "per_class": [
            {
                "class": one.name,
                "images": one.images,
                "recall_a": one.recall[0],
                "recall_b": one.recall[1],
                "f1": one.f1.as_json(),
                "fixed": one.fixed,
                "broken": one.broken,
                "p_value": one.p_value,
                "p_adjusted": one.p_adjusted,
                "verdict": one.verdict,
            }
            for one in pair.classes
        ],
        "confusions": changed_cells(pair),
    }
