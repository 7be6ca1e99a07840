"""Which pairs of images are the same picture: near to each other, and alike in their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Copies, Evidence, Floats, Ints
from curate.numerics.alignment import LEVELS, residual
from curate.numerics.copy_groups import without_chains
from curate.numerics.framing import best_framing
from curate.numerics.neighbors import normalized

CANDIDATES = 20
"""Neighbours of each image in the embedding that are looked at as possible copies."""

MIRROR_CANDIDATES = 3
"""Images nearest to an image's mirror image in the pixels: some embedders tell left from right."""

MOST_SEARCHED = 100_000
"""Images up to which the pixels are searched for mirror images; that takes time by its square."""

GLANCE = 0.8
"""Least correlation on 16 x 16 pixels of pairs that are aligned; crops of 90 % have 0.89."""

LEAST, MOST = 0.005, 0.03
"""Bounds of the residual up to which a pair counts. An encoding at quality 50, a crop of 90 % and
a brightness that clips cost up to 0.025, so that more than `MOST` is another picture, or a copy
that was also blurred or turned a little. Scans and faint pictures that share nearly everything are
held apart down to `LEAST`."""

FARTHEST = min(level.goes_on for level in LEVELS)
"""The residual up to which a pair counts where no look-alike comes so near; beyond it pairs are not
aligned to the end."""

CHANCE, ENOUGH = 0.05, 100
"""The chance that any look-alike of the data comes nearer than what counts beyond `MOST`; images
with a look-alike from which that can be told."""


def find_copies(evidence: Evidence, *, strictness: float = 3.0) -> Copies:
    """Find pairs of the same picture among each image's nearest neighbours.

    Idea: an embedder brings copies near each other, but how near depends on the embedder, and
    look-alikes are near too; the details of the pixels tell them apart once one is laid over the
    other (`curate.numerics.alignment.residual`). How alike look-alikes are depends on the data, so
    it is measured: of each image the least residual among candidates that are no copies (more than
    `MOST`) has in logarithm a median m and a lower spread s (from the 16 % quantile to m). A pair
    counts when its residual is at most ``exp(m - strictness * s)``, kept between `LEAST` and
    `MOST`; instead of `MOST` up to ``exp(m - z s)`` where that is more, with z the normal quantile
    that none of n look-alikes passes but with a chance of `CHANCE`, but not to more than
    `FARTHEST`. Files with the same bytes always count. Chains of pairs, such as the frames of a
    film, are cut (`curate.numerics.copy_groups.without_chains`).

    Candidates are the `CANDIDATES` nearest in the embedding, and those whose pixels are nearest to
    the mirrored pixels.

    Not found: copies that were turned, cropped to much less than 85 %, or made smaller than about
    16 pixels.

    Args:
        evidence: with neighbors, thumbnails and digests; embeddings for the distances of pairs
            that are not in the graph, which are NaN without.
        strictness: how many spreads below the median.
    """
    assert evidence.neighbors is not None
    assert evidence.thumbnails is not None
    assert evidence.digests is not None
    thumbnails, ids = evidence.thumbnails, evidence.sample_ids.astype(str)
    digests = evidence.digests.astype(str)
    pairs = _candidates(evidence, ids)
    identical = np.asarray(digests[pairs[:, 0]] == digests[pairs[:, 1]], bool)
    # Which of the two is laid over the other must not hang on the order of rows.
    swapped = ids[pairs[:, 0]] > ids[pairs[:, 1]]
    framing = best_framing(
        thumbnails,
        np.where(swapped, pairs[:, 1], pairs[:, 0]),
        np.where(swapped, pairs[:, 0], pairs[:, 1]),
    )
    flat = _flat(thumbnails)
    close = np.flatnonzero(identical | (framing.alike > GLANCE) | flat[pairs].all(axis=1))
    pairs, identical = pairs[close], identical[close]
    residuals = residual(thumbnails, framing.take(close))
    residuals[identical] = 0
    typical, threshold = usual(pairs, residuals, len(ids), strictness)
    confirmed = identical | (residuals <= threshold)
    confirmed = without_chains(pairs, confirmed, residuals, identical, ids, thumbnails, threshold)
    return Copies(
        a=pairs[:, 0],
        b=pairs[:, 1],
        distances=np.where(identical, 0.0, _distances(evidence, pairs)),
        residuals=residuals,
        identical=identical,
        confirmed=confirmed,
        typical=typical,
        threshold=threshold,
    )


def _candidates(evidence: Evidence, ids: NDArray[Any]) -> Ints:
    """(m, 2) row numbers of pairs to look at, each once, the lower first."""
    assert evidence.neighbors is not None and evidence.thumbnails is not None
    assert evidence.digests is not None
    found = evidence.neighbors.indices[:, :CANDIDATES]
    n, k = found.shape
    near = np.column_stack([np.repeat(np.arange(n), k), found.ravel()])
    pairs = [near, _same_bytes(evidence.digests, ids)]
    if 1 < n <= MOST_SEARCHED:
        pairs.append(_mirrored(evidence.thumbnails))
    both = np.concatenate(pairs).astype(np.int64)
    both = np.sort(both[both[:, 0] != both[:, 1]], axis=1)
    keys = np.unique(both[:, 0] * max(n, 1) + both[:, 1])
    return np.column_stack([keys // max(n, 1), keys % max(n, 1)])


def _mirrored(thumbnails: NDArray[np.uint8]) -> Ints:
    """Each row with those whose 8 x 8 averages are most like its own in the mirror."""
    import faiss

    n, side = thumbnails.shape[0], thumbnails.shape[1]
    step = side // 8
    small = np.empty((n, 8, 8), dtype=np.float32)
    for start in range(0, n, 8192):
        part = thumbnails[start : start + 8192, : 8 * step, : 8 * step]
        small[start : start + 8192] = part.reshape(-1, 8, step, 8, step).mean(axis=(2, 4))
    small -= small.mean(axis=(1, 2), keepdims=True)
    unit = normalized(small.reshape(n, 64))
    turned = np.ascontiguousarray(unit.reshape(n, 8, 8)[:, :, ::-1].reshape(n, 64))
    index = faiss.IndexFlatIP(64)
    index.add(unit)
    alike, found = index.search(turned, min(MIRROR_CANDIDATES + 1, n))
    # A picture that is nearly symmetric finds itself; a tie at the last place would be broken by
    # the order of rows, so the least alike is left out.
    rows, place = np.nonzero((alike > GLANCE) & (alike > alike[:, -1:]))
    return np.column_stack([rows, found[rows, place]])


def usual(pairs: Ints, residuals: Floats, n: int, strictness: float) -> tuple[float, float]:
    """The median residual of an image to its best look-alike, and the threshold.

    Args:
        pairs: (m, 2) row numbers.
        residuals: (m,) of the pairs.
        n: how many images there are.
        strictness: see `find_copies`.
    """
    from scipy.special import ndtri

    other = residuals > MOST
    least = np.full(n, np.inf)
    for column in (0, 1):
        np.minimum.at(least, pairs[other, column], residuals[other])
    logs = np.log(least[np.isfinite(least)])
    if not len(logs):
        return 1.0, MOST
    low, middle = np.quantile(logs, [0.16, 0.5])
    threshold, most = np.exp(middle - strictness * (middle - low)), MOST
    if len(logs) >= ENOUGH:
        sure = np.exp(middle + ndtri(CHANCE / len(logs)) * (middle - low))
        most = float(np.clip(sure, MOST, FARTHEST))
    return float(np.exp(middle)), float(np.clip(threshold, LEAST, most))


def _distances(evidence: Evidence, pairs: Ints) -> Floats:
    """(m,) cosine distances: of the graph, else of the embeddings, else NaN."""
    assert evidence.neighbors is not None
    distances = np.full(len(pairs), np.nan)
    if evidence.embeddings is not None:
        for start in range(0, len(pairs), 8192):
            rows = slice(start, start + 8192)
            left, right = (normalized(evidence.embeddings[pairs[rows, i]]) for i in (0, 1))
            distances[rows] = 1 - np.einsum("ij,ij->i", left, right)
        clipped: Floats = np.clip(distances, 0, 2)
        return clipped
    for one, other in ((0, 1), (1, 0)):
        match = evidence.neighbors.indices[pairs[:, one]] == pairs[:, other, None]
        row, place = np.nonzero(match)
        distances[row] = evidence.neighbors.distances[pairs[row, one], place]
    return distances


def _flat(thumbnails: NDArray[np.uint8]) -> Bools:
    flat = np.empty(len(thumbnails), dtype=bool)
    for start in range(0, len(thumbnails), 8192):
        flat[start : start + 8192] = np.ptp(thumbnails[start : start + 8192], axis=(1, 2)) < 2
    return flat


def _same_bytes(digests: NDArray[Any], ids: NDArray[Any]) -> Ints:
    """(m, 2) rows with equal digests, each paired with the one of the smallest sample_id."""
    order = np.argsort(ids, kind="stable")
    _, first, inverse = np.unique(
        digests[order].astype(str), return_index=True, return_inverse=True
    )
    partner = order[first[inverse]]
    return np.column_stack([order, partner])
