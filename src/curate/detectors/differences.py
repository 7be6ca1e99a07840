"""Differences of an image's views, from which what it shows cancels and how it stands remains."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from curate.findings import Evidence

Array = NDArray[Any]

MAX_DIMENSIONS = 2048


def turns(evidence: Evidence, order: Array) -> tuple[Array, Array, Array]:
    """D, A and B of `Orientation`, each (n, d); B is scaled like D, whose weights will read it."""
    up = embedded(evidence, "", order) + embedded(evidence, "hflip", order)
    up -= embedded(evidence, "vflip", order)
    up -= embedded(evidence, "rot180", order)
    left, right = embedded(evidence, "rot90", order), embedded(evidence, "rot270", order)
    lying = embedded(evidence, "", order) + embedded(evidence, "rot180", order)
    lying -= left
    lying -= right
    right = right - left
    scale = _scale(up)
    up *= scale
    right *= 2 * scale
    lying *= _scale(lying)
    return up, lying, right


def mirrors(image: Array, hflip: Array, vflip: Array, rot180: Array) -> tuple[Array, Array]:
    """An image less its mirror image, as it is and after half a turn, each (n, d)."""
    hand, turned = image - hflip, rot180 - vflip
    scale = _scale(hand)
    hand *= scale
    turned *= scale
    return hand, turned


def embedded(evidence: Evidence, name: str, order: Array, power: float = 1.0) -> Array:
    """Embeddings of one view ("" for the image itself), its rows taken in the given order.

    With a `power`, the size of each number is raised to it and its sign kept.

    Returns:
        (m, d) float32, d at most `MAX_DIMENSIONS`.
    """
    assert evidence.embeddings is not None and evidence.view_embeddings is not None
    source = evidence.view_embeddings[name] if name else evidence.embeddings
    found = np.asarray(source[order], dtype=np.float32)
    if power != 1:
        found = np.copysign(np.abs(found) ** np.float32(power), found)
    d = found.shape[1]
    if d > MAX_DIMENSIONS:
        # A seeded random projection keeps distances, and so the discriminant, at a bounded cost.
        rng = evidence.rng("orientation")
        shrink = rng.standard_normal((d, MAX_DIMENSIONS), dtype=np.float32)
        found = found @ (shrink / np.sqrt(np.float32(MAX_DIMENSIONS)))
    return np.asarray(found)


def fold_numbers(evidence: Evidence, n_folds: int) -> Array:
    """(n,) folds; copies and groups stay together, and row order does not matter."""
    keys = np.asarray(evidence.sample_ids, dtype=str)
    if evidence.digests is not None:
        keys = np.asarray(evidence.digests, dtype=str)
    if evidence.groups is not None:
        groups = np.asarray(evidence.groups, dtype=str)
        keys = np.where(groups != "", np.char.add("group:", groups), keys)
    unique, inverse = np.unique(keys, return_inverse=True)
    hashes = [(zlib.crc32(f"{evidence.seed}:{key}".encode()), key) for key in unique.tolist()]
    order = sorted(range(len(unique)), key=hashes.__getitem__)
    fold = np.empty(len(unique), dtype=np.int64)
    fold[order] = np.arange(len(unique)) % n_folds
    return np.asarray(fold[inverse])


def posterior_of(up: Array, axis: Array, right: Array) -> tuple[Array, Array]:
    """(n, 4) chances of the `STATES` and (4,) their shares, by EM; arguments are log-odds."""
    standing, lying = log_expit(axis), log_expit(-axis)
    log_q = np.stack(
        [
            standing + log_expit(up),
            standing + log_expit(-up),
            lying + log_expit(right),
            lying + log_expit(-right),
        ],
        axis=1,
    )
    # A tenth of an image in each turned state keeps the ranking where nothing is turned.
    pseudo = np.array([1.0, 0.1, 0.1, 0.1])
    share = np.array([0.97, 0.01, 0.01, 0.01])
    for _ in range(200):
        joint = log_q + np.log(share)
        posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        previous, share = share, posterior.sum(0) + pseudo
        share = share / share.sum()
        if np.abs(share - previous).max() < 1e-7:
            break
    return posterior, share


def class_accuracy(log_odds: Array, labels: Array, n_classes: int) -> Array:
    """(n_classes,) share of each class the probe reads as it is; nan where there is no image.

    Shrunk by five images' worth towards the share of all, so that one image is no verdict.
    """
    if not len(log_odds):
        return np.full(n_classes, np.nan)
    hit = np.where(log_odds == 0, 0.5, log_odds > 0)
    size = np.bincount(labels, minlength=n_classes)
    hits = np.bincount(labels, hit, n_classes) + 5 * hit.mean()
    return np.where(size > 0, hits / (size + 5), np.nan)


def _scale(X: Array) -> Array:
    """(d,) one over the root mean square of each column; 0 where that is next to nothing."""
    size = np.sqrt(np.einsum("ij,ij->j", X, X).astype(np.float64) / max(len(X), 1))
    useful = size > 1e-6 * size.max(initial=0)
    scale: Array = np.divide(1, size, out=np.zeros_like(size), where=useful)
    return scale.astype(np.float32)
