"""Three numbers of every image that people know from fiftyone.brain, from what a run has anyway."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curate.findings import Floats, Ints, Neighbors
from curate.numerics.centring import centred

WEIGHTS = (0.6, 0.3, 0.1)
"""What the distances to the second, third and fourth nearest image weigh in `uniqueness`."""

COLUMNS = ("hardness", "mistakenness", "uniqueness")


def hardness(pred_probs: Floats) -> Floats:
    """(n,) entropy of each row of probabilities in nats, 0 where the model is certain.

    ``-sum p log p``; the quantity of `fiftyone.brain.compute_hardness`. Not the difficulty of the
    label: a confident mistake has none. See `curate.detectors.hard` for that.
    """
    p = np.asarray(pred_probs, dtype=np.float64)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    entropy: Floats = -np.einsum("ij,ij->i", p, logs)
    return np.maximum(entropy, 0.0)


def mistakenness(labels: Ints, pred_probs: Floats, *, by_entropy: bool = False) -> Floats:
    """(n,) how sure the model is that a label is wrong; NaN without a label.

    ``(1 + m c) / 2`` with m = 1 where the likeliest class is not the label and -1 where it is, and
    c the probability of the likeliest class, or ``exp(-entropy)`` with `by_entropy`. Both are what
    `fiftyone.brain.compute_mistakenness` offers, the second with its `use_logits`. Not calibrated,
    and blind to how often the model errs: see `curate.detectors.label_error` for that.
    """
    likeliest = pred_probs.argmax(axis=1)
    best = pred_probs[np.arange(len(pred_probs)), likeliest].astype(np.float64)
    sure = np.exp(-hardness(pred_probs)) if by_entropy else best
    score: Floats = (1 + np.where(likeliest == labels, -1, 1) * sure) / 2
    return np.where(labels >= 0, score, np.nan)


def uniqueness(neighbors: Neighbors) -> Floats:
    """(n,) how far each image is from its neighbours, as a share of the farthest.

    ``u = .6 d2 + .3 d3 + .1 d4``, divided by the largest u, with the distances of `centred`: the
    quantity of `fiftyone.brain.compute_uniqueness`, which passes over the nearest image (in 0.25).
    One copy therefore makes no image common, three make it 0: copies are the business of
    `curate.detectors.near_duplicate`. Not an outlier score either, see `curate.detectors.outlier`.
    Fewer than five images are all unique, and equal ones are not at all.
    """
    if neighbors.distances.shape[1] < 1 + len(WEIGHTS):
        return np.ones(len(neighbors.distances))
    mean = neighbors.distances[:, 1 : 1 + len(WEIGHTS)].astype(np.float64) @ np.array(WEIGHTS)
    largest = mean.max()
    unique: Floats = mean / largest if largest > 0 else np.zeros(len(mean))
    return unique


def image_scores(
    labels: Ints, pred_probs: Floats, neighbors: Neighbors, embeddings: Floats
) -> pd.DataFrame:
    """One row an image, in columns as `samples.parquet` may carry them: `COLUMNS`."""
    columns = (
        hardness(pred_probs),
        mistakenness(labels, pred_probs),
        uniqueness(centred(neighbors, embeddings)),
    )
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
