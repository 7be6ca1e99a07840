"""The two-dimensional map of the embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Neighbors
from curate.numerics.fuzzy import fuzzy_graph
from curate.progress import Progress, silent

WIDTH = 14
"""Neighbours of each image that pull on it: umap-learn's 15 count the image itself."""

MIN_DIST = 0.1
"""umap-learn's default: how close together images may lie in the plane."""

SMALL = 10_000


def epochs(n: int) -> int:
    """Rounds of the layout for n images.

    umap-learn takes 500 up to 10,000 images and 200 beyond. From the principal components 300 give
    the small ones the trustworthiness of its 500 (`tests/bench/graph.py`).
    """
    return 300 if n <= SMALL else 200


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

    Uses the neighbours that are there already (`curate.numerics.fuzzy`), a principal-component
    start, and umap-learn's layout. Distances in the plane say who is near whom, not how far apart
    groups are. Fewer than ten images, or images that are all equal, are shown by their principal
    components.

    Args:
        embeddings: (n, d).
        neighbors: their cosine graph, at least 14 wide where n allows it.
        rng: seeds the layout.
        progress: shows one bar of two steps: loading umap-learn, and compiling and doing the
            layout.

    Returns:
        (n, 2) float32.
    """
    start = principal_axes(embeddings, rng)
    n = len(embeddings)
    if n < 10 or np.ptp(embeddings, axis=0).max() == 0:
        return start
    import warnings

    with progress("projection", total=2, unit="step") as bar:
        with warnings.catch_warnings():
            # umap says that TensorFlow, which nothing here needs, is not installed.
            warnings.simplefilter("ignore", ImportWarning)
            from umap.umap_ import find_ab_params, simplicial_set_embedding

        bar.update()
        graph = fuzzy_graph(neighbors.indices[:, :WIDTH], neighbors.distances[:, :WIDTH])
        a, b = find_ab_params(1.0, MIN_DIST)
        placed, _ = simplicial_set_embedding(
            data=None,
            graph=graph,
            n_components=2,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=epochs(n),
            init=start,
            random_state=np.random.RandomState(int(rng.integers(2**31))),
            metric="cosine",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
        )
        bar.update()
    return np.asarray(placed, dtype=np.float32)
