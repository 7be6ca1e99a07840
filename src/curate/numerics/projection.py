"""The two-dimensional map of the embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Neighbors
from curate.progress import Progress, silent

EPOCHS = 200


def principal_axes(embeddings: Floats, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n, 2) the first two principal components, scaled to a spread of 10 with a little jitter.

    The start that umap-learn itself recommends for reproducible global structure (Kobak and
    Linderman 2021); the jitter keeps equal images from lying on one point for ever.
    """
    from sklearn.decomposition import PCA

    n, d = embeddings.shape
    start = np.zeros((n, 2), dtype=np.float32)
    parts = min(2, n, d)
    if parts and n > 1 and np.ptp(embeddings, axis=0).max() > 0:
        seed = int(rng.integers(2**31))
        solved = PCA(parts, svd_solver="randomized", random_state=seed).fit_transform(embeddings)
        start[:, :parts] = solved / max(float(np.abs(solved).max()), 1e-12) * 10
    jitter: NDArray[np.float32] = rng.normal(scale=1e-4, size=(n, 2)).astype(np.float32)
    return start + jitter


def project(
    embeddings: Floats,
    neighbors: Neighbors,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Lay the embeddings out in the plane by UMAP (McInnes et al. 2018).

    Uses the neighbours that are there already, and a principal-component start. Distances in
    the plane say who is near whom, not how far apart groups are. Fewer than ten images, or
    images that are all equal, are shown by their principal components.

    Args:
        embeddings: (n, d).
        neighbors: their cosine graph, at least 15 wide where n allows it.
        rng: seeds the layout.
        progress: shows one bar of two steps: loading and compiling umap-learn, and the layout.

    Returns:
        (n, 2) float32.
    """
    start = principal_axes(embeddings, rng)
    n = len(embeddings)
    n_neighbors = min(15, neighbors.indices.shape[1] + 1)
    if n < 10 or np.ptp(embeddings, axis=0).max() == 0:
        return start
    import warnings

    with warnings.catch_warnings(), progress("projection", total=2, unit="step") as bar:
        # umap says that precomputed neighbours rule out transform(), which is not used here, and
        # that a seed rules out threads, which is the point of a seed.
        warnings.simplefilter("ignore")
        from umap import UMAP

        bar.update()
        # umap counts every point as its own first neighbour.
        own = np.arange(n)[:, None]
        indices = np.hstack([own, neighbors.indices[:, : n_neighbors - 1]])
        distances = np.hstack([np.zeros((n, 1)), neighbors.distances[:, : n_neighbors - 1]])
        mapper = UMAP(
            n_neighbors=n_neighbors,
            metric="cosine",
            n_epochs=EPOCHS,
            init=start,
            random_state=int(rng.integers(2**31)),
            precomputed_knn=(indices, distances.astype(np.float32)),
        )
        placed: NDArray[np.float32] = np.asarray(mapper.fit_transform(embeddings), np.float32)
        bar.update()
    return placed
