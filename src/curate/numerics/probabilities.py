"""What a row of predicted probabilities says about its label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints


def softmax(logits: Floats) -> NDArray[np.float32]:
    """Probabilities of (n, n_classes) logits, without overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    probs: NDArray[np.float32] = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs


def self_confidence(labels: Ints, pred_probs: Floats) -> Floats:
    """(n,) probability of each row's own label; `labels` must be in range."""
    return pred_probs[np.arange(len(labels)), labels]


def rival(labels: Ints, pred_probs: Floats) -> Ints:
    """(n,) the likeliest class other than the row's label."""
    others = np.array(pred_probs, copy=True)
    others[np.arange(len(labels)), labels] = -np.inf
    rivals: NDArray[np.integer[Any]] = others.argmax(axis=1)
    return rivals


def margin(labels: Ints, pred_probs: Floats) -> Floats:
    """(n,) p(label) minus the largest other probability, in [-1, 1]; negative is a miss.

    The multi-class margin of boosting theory (Schapire et al. 1998), here on held-out
    probabilities. It says how hard an image is for this model, not why.
    """
    return self_confidence(labels, pred_probs) - self_confidence(
        rival(labels, pred_probs), pred_probs
    )
