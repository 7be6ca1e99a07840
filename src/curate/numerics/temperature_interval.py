"""How sure one can be of a temperature that was fitted to some images."""

from __future__ import annotations

import numpy as np

from curate.findings import Floats, Ints
from curate.numerics.intervals import Z95
from curate.numerics.temperature import FLOOR

BLOCK = 4096


def temperature_interval(
    logits: Floats, labels: Ints, temperature: float, units: Ints
) -> tuple[float, float] | None:
    """95 % interval of the temperature at which the log loss of some logits is least.

    Idea: with ``b = 1 / T`` the log loss is convex in b. An image's slope is
    ``g = E_p[z] - z_y`` and its curvature ``Var_p[z]``, for logits z and probabilities p at T.
    Images of one unit (one person, one picture twice) are no independent witnesses, so slopes are
    summed by unit: ``variance of b = sum over units (sum of g)^2 / (sum of Var)^2``, the sandwich
    estimate (Huber 1967; White 1982; by clusters Liang and Zeger 1986). The ends are those of b.

    Args:
        logits: (n, n_classes), up to a constant a row.
        labels: (n,) in range.
        temperature: as fitted to them.
        units: (n,) rows with equal numbers belong together.

    Returns:
        None where it cannot be told: hardly a unit, or nothing that depends on T. The upper end is
        infinite where no confidence at all is as likely.
    """
    slope, curve = np.zeros(len(labels)), 0.0
    for start in range(0, len(labels), BLOCK):
        z = np.asarray(logits[start : start + BLOCK], dtype=np.float64)
        z = np.maximum(z - z.max(axis=1, keepdims=True), FLOOR * temperature)
        p = np.exp(z / temperature)
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * z).sum(axis=1)
        own = labels[start : start + BLOCK]
        slope[start : start + BLOCK] = mean - z[np.arange(len(z)), own]
        curve += float((p * np.square(z - mean[:, None])).sum())
    number = np.unique(units, return_inverse=True)[1].ravel()
    sums = np.bincount(number, weights=slope)
    spread = float(np.square(sums).sum())
    if len(sums) < 2 or curve <= 0 or spread <= 0:
        return None
    b, half = 1 / temperature, Z95 * np.sqrt(spread) / curve
    return float(1 / (b + half)), float(1 / (b - half)) if b > half else float("inf")
