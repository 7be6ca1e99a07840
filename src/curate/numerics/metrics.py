"""How good the predictions of one split are: the content of `metrics.json`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.intervals import bootstrap_macro_f1, f1_scores, wilson

TOP_PAIRS = 20


def confusion_matrix(labels: Ints, predictions: Ints, n_classes: int) -> NDArray[np.int64]:
    """(n_classes, n_classes) counts; rows are labels, columns predictions."""
    cells = np.bincount(labels * n_classes + predictions, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes).astype(np.int64)


def calibration_error(labels: Ints, pred_probs: Floats, n_bins: int = 15) -> float:
    """Expected calibration error (Naeini et al. 2015): bins of equal width on confidence.

    ``sum over bins of share * |accuracy - mean confidence|``. Near 0 the confidences can be
    read as chances of being right; it says nothing of the other classes' probabilities.
    """
    confidence = pred_probs.max(axis=1)
    hit = pred_probs.argmax(axis=1) == labels
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bins, weights=hit - confidence.astype(float), minlength=n_bins)
    return float(np.abs(gap).sum() / max(len(labels), 1))


def classification_metrics(
    labels: Ints, pred_probs: Floats, class_names: tuple[str, ...], rng: np.random.Generator
) -> dict[str, Any]:
    """Accuracy, balanced accuracy, macro F1, per-class scores, confusion and calibration.

    Args:
        labels: (n,) in range, n > 0.
        pred_probs: (n, n_classes).
        class_names: the classes in column order.
        rng: for the bootstrap.

    Returns:
        Plain JSON values. Means over classes take the classes that have labels here; a precision
        that cannot be computed (nothing predicted) counts as 0 in F1 and is null in the table.
    """
    n_classes = len(class_names)
    confusion = confusion_matrix(labels, pred_probs.argmax(axis=1), n_classes)
    support, predicted, hits = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    has = support > 0
    recall = hits / np.maximum(support, 1)
    f1 = np.nan_to_num(f1_scores(confusion))
    n, n_hits = int(support.sum()), int(hits.sum())
    per_class = {
        name: {
            "precision": float(hits[c] / predicted[c]) if predicted[c] else None,
            "recall": float(recall[c]) if has[c] else None,
            "recall_interval": list(wilson(int(hits[c]), int(support[c]))),
            "f1": float(f1[c]) if has[c] or predicted[c] else None,
            "support": int(support[c]),
        }
        for c, name in enumerate(class_names)
    }
    return {
        "n": n,
        "accuracy": n_hits / n,
        "accuracy_interval": list(wilson(n_hits, n)),
        "balanced_accuracy": float(recall[has].mean()),
        "macro_f1": float(f1[has].mean()),
        "macro_f1_interval": list(bootstrap_macro_f1(confusion, rng)),
        "expected_calibration_error": calibration_error(labels, pred_probs),
        "per_class": per_class,
        "confusion_matrix": confusion.tolist(),
        "top_confusions": top_confusions(confusion, class_names),
    }


def top_confusions(confusion: Ints, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The most frequent mistakes (label taken for pred_label), most frequent first."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:TOP_PAIRS]
    rows, columns = np.unravel_index(order, wrong.shape)
    support = confusion.sum(axis=1)
    return [
        {
            "label": class_names[i],
            "pred_label": class_names[j],
            "count": int(wrong[i, j]),
            "share_of_label": float(wrong[i, j] / support[i]),
        }
        for i, j in zip(rows, columns, strict=True)
        if wrong[i, j]
    ]
