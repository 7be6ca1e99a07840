"""Which pairs of images are the same picture: near in the embedding and alike in the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Copies, Evidence, Ints
from curate.numerics.alignment import residual

CANDIDATES = 5
"""Neighbours of each image that are looked at as possible copies."""

SAMPLE = 2000
"""Images whose nearest neighbours say what is usual in this dataset."""


def find_copies(
    evidence: Evidence, *, strictness: float = 3.5, least: float = 0.001, most: float = 0.02
) -> Copies:
    """Find pairs of the same picture among each image's nearest neighbours.

    Idea: an embedder brings copies near each other, but how near depends on the embedder, and
    look-alikes are near too; pixels tell them apart. How alike look-alikes are depends on the
    data (scans of digits more than photographs), so it is measured: the logarithm of the residual
    between images and their nearest neighbours has a median m and a spread s (1.4826 times the
    median absolute deviation), and a pair counts as copies when its residual is at most
    ``exp(m - strictness * s)``, kept between `least` and `most`. Files with the same bytes always
    count.

    Args:
        evidence: with neighbors, thumbnails and digests.
        strictness: how many spreads below the median.
        least: residual up to which a pair always counts, so that a dataset made of copies is found.
        most: residual from which no pair counts.
    """
    assert evidence.neighbors is not None
    assert evidence.thumbnails is not None
    assert evidence.digests is not None
    found = evidence.neighbors.indices[:, :CANDIDATES]
    n, k = found.shape
    thumbnails = evidence.thumbnails
    typical, threshold = _usual(thumbnails, found, evidence.sample_ids, strictness)
    threshold = float(np.clip(threshold, least, most))
    a, b = np.repeat(np.arange(n), k), found.ravel()
    gaps = evidence.neighbors.distances[:, :CANDIDATES].ravel().astype(np.float64)
    same_a, same_b = _same_bytes(evidence.digests, evidence.sample_ids)
    pairs = np.column_stack([np.concatenate([a, same_a]), np.concatenate([b, same_b])])
    pairs.sort(axis=1)
    gaps = np.concatenate([gaps, np.zeros(len(same_a))])
    unique, first = np.unique(pairs.reshape(-1, 2), axis=0, return_index=True)
    gaps = gaps[first]
    identical = np.asarray(evidence.digests[unique[:, 0]] == evidence.digests[unique[:, 1]], bool)
    alike = identical | _roughly_alike(thumbnails, unique[:, 0], unique[:, 1])
    low, high, gaps, identical = unique[alike, 0], unique[alike, 1], gaps[alike], identical[alike]
    residuals = np.where(identical, 0.0, residual(thumbnails[low], thumbnails[high]))
    return Copies(
        a=low,
        b=high,
        distances=np.where(identical, 0.0, gaps),
        residuals=residuals,
        identical=identical,
        confirmed=identical | (residuals <= threshold),
        typical=typical,
        threshold=threshold,
    )


def _usual(
    thumbnails: NDArray[np.uint8], found: Ints, sample_ids: NDArray[Any], strictness: float
) -> tuple[float, float]:
    """The median residual to the nearest neighbour, and the residual `strictness` spreads below."""
    if found.size == 0:
        return 1.0, 0.0
    # Sample by name, not by row, so that row order does not matter.
    rows = np.argsort(sample_ids.astype(str), kind="stable")
    rows = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)]
    usual = residual(thumbnails[rows], thumbnails[found[rows, 0]])
    logs = np.log(np.maximum(usual, 1e-6))
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    return float(np.exp(middle)), float(np.exp(middle - strictness * spread))


def _roughly_alike(thumbnails: NDArray[np.uint8], a: Ints, b: Ints) -> Bools:
    """(m,) whether two pictures, or one and the other's mirror image, correlate at a glance.

    On 8 x 8 averages a shift within reach hardly shows, so that most pairs need no alignment.
    """
    n, side = thumbnails.shape[0], thumbnails.shape[1]
    step = side // 8
    small = thumbnails[:, : 8 * step, : 8 * step].astype(np.float32)
    small = small.reshape(n, 8, step, 8, step).mean(axis=(2, 4))
    small -= small.mean(axis=(1, 2), keepdims=True)
    length = np.linalg.norm(small, axis=(1, 2), keepdims=True)
    unit = np.divide(small, length, out=np.zeros_like(small), where=length > 1e-6)
    straight = np.einsum("ijk,ijk->i", unit[a], unit[b])
    mirrored = np.einsum("ijk,ijk->i", unit[a], unit[b][:, :, ::-1])
    flat = (length[a] < 1e-6).ravel() & (length[b] < 1e-6).ravel()
    alike: Bools = (np.maximum(straight, mirrored) > 0.6) | flat
    return alike


def _same_bytes(digests: NDArray[Any], sample_ids: NDArray[Any]) -> tuple[Ints, Ints]:
    """Rows with equal digests, each paired with the one of the smallest sample_id."""
    order = np.argsort(sample_ids.astype(str), kind="stable")
    _, first, inverse = np.unique(
        digests[order].astype(str), return_index=True, return_inverse=True
    )
    partner = order[first[inverse]]
    other = partner != order
    return order[other], partner[other]
