"""The one number that makes the probabilities of a classifier honest on average."""

from __future__ import annotations

import numpy as np

from curate.findings import Floats, Ints

FLOOR = -30.0
"""Logits below the largest by more than this count as this: no probability is zero."""


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The T that minimises the log loss of softmax(logits / T).

    Temperature scaling (Guo et al. 2017), with the smoothed targets of Platt (1999): one image
    more, whose label could be any, is shared by all rows. Without it, logits that are right on
    every row would be made infinitely sure, and hard images could not be told from easy ones.
    The logits may have any scale; the temperature is sought within a factor of 1,000 of it.

    Args:
        logits: (n, n_classes).
        labels: (n,) in range.

    Returns:
        T; 1.0 where the logits say nothing.
    """
    from scipy.optimize import minimize_scalar

    if not len(logits):
        return 1.0
    shifted = np.array(logits, dtype=np.float32)
    shifted -= shifted.max(axis=1, keepdims=True)
    unit = float(np.abs(shifted).mean())
    if unit == 0:
        return 1.0
    shifted /= unit
    smooth = 1.0 / (len(labels) + 1)
    own = shifted[np.arange(len(labels)), labels].astype(np.float64)
    aim = (1 - smooth) * own.mean() + smooth * shifted.mean(dtype=np.float64)

    def loss(log_t: float) -> float:
        scaled = shifted * np.float32(np.exp(-log_t))
        np.exp(scaled, out=scaled)
        return float(np.log(scaled.sum(axis=1)).mean(dtype=np.float64) - aim * np.exp(-log_t))

    reach = float(np.log(1000.0))
    found = minimize_scalar(loss, bounds=(-reach, reach), method="bounded")
    return unit * float(np.exp(found.x))


def log_loss(logits: Floats, labels: Ints, temperature: float) -> float:
    """The mean negative log probability of the labels under softmax(logits / temperature)."""
    if not len(labels):
        return 0.0
    scaled = np.array(logits, dtype=np.float32)
    scaled -= scaled.max(axis=1, keepdims=True)
    scaled /= np.float32(temperature)
    np.maximum(scaled, FLOOR, out=scaled)
    own = scaled[np.arange(len(labels)), labels].astype(np.float64)
    np.exp(scaled, out=scaled)
    return float((np.log(scaled.sum(axis=1)) - own).mean())
