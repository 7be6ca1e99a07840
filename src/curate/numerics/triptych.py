"""One image between its nearest of the class it has and the class it is taken for."""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.findings import Evidence
from curate.numerics.neighbors import normalized


def triptych(
    evidence: Evidence, row: int, other: int | None = None, count: int = 3
) -> dict[str, Any]:
    """The nearest images of an image's own class and of the predicted one, by cosine.

    A person sees at a glance whether the label, the prediction, or neither is right. Images with
    the same bytes are left out, since they show nothing new.

    Args:
        evidence: with embeddings; with pred_probs where `other` is None.
        row: a labelled image.
        other: the class to compare with; None for the likeliest one that is not the label.
        count: images a side.

    Returns:
        sample_id, label and predicted (names), true and other (sample_ids, nearest first). Empty
        lists for an image without a label and for a class without other images.
    """
    assert evidence.embeddings is not None
    label = int(evidence.labels[row])
    if other is None:
        assert evidence.pred_probs is not None
        chances = np.array(evidence.pred_probs[row], dtype=float)
        if label >= 0:
            chances[label] = -np.inf
        other = int(chances.argmax())
    names = evidence.class_names
    return {
        "sample_id": str(evidence.sample_ids[row]),
        "label": names[label] if label >= 0 else "",
        "predicted": names[other],
        "true": _nearest(evidence, row, label, count) if label >= 0 else [],
        "other": _nearest(evidence, row, other, count),
    }


def _nearest(evidence: Evidence, row: int, label: int, count: int) -> list[str]:
    assert evidence.embeddings is not None
    mine = evidence.labels == label
    mine[row] = False
    if evidence.digests is not None:
        mine &= evidence.digests != evidence.digests[row]
    rows = np.flatnonzero(mine)
    if not len(rows):
        return []
    unit = normalized(evidence.embeddings[np.append(rows, row)])
    # Rounded, so that ties do not depend on the order in which a product was summed.
    near = np.round(unit[:-1] @ unit[-1], 5)
    ids = evidence.sample_ids[rows]
    return [str(name) for name in ids[np.lexsort((ids, -near))[:count]]]
