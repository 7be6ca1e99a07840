"""For the benches at size: points made on the spot or from real runs, and the peak of memory."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from curate.numerics.neighbors import knn, normalized


def made_points(n: int, d: int, k: int = 20, inner: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) points of k classes on curved sheets of `inner` dimensions, and their labels.

    Each class is a Gaussian in the inner space, folded into d dimensions by a random layer of
    rectified units, as embeddings of a network are, with a little noise in all directions.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(n) % k
    inside = (rng.normal(size=(k, inner)) * 1.2)[labels] + rng.normal(size=(n, inner))
    hidden = np.maximum(inside @ rng.normal(size=(inner, 256)) + rng.normal(size=256), 0)
    points = np.maximum(hidden.astype(np.float32) @ rng.normal(size=(256, d)).astype(np.float32), 0)
    points += rng.normal(size=(n, d)).astype(np.float32) * np.float32(points.std() / 20)
    return points, labels


def filled_up(runs: list[Path], n: int) -> tuple[np.ndarray, np.ndarray]:
    """n points of the embeddings of runs, of length one, and their labels.

    Where the runs hold fewer images, the rest are points on the way from an image to one of its
    ten nearest, up to half of the way, so that they lie where images lie.
    """
    from curate.store.run import Run

    parts, labels = [], []
    for path in runs:
        run = Run(path)
        table = run.table("samples")
        parts.append(np.asarray(run.array("embeddings", table["sample_id"].tolist())))
        labels += [f"{path.parent.name}/{label}" for label in table["label"]]
    points = normalized(np.concatenate(parts))
    numbers = np.unique(labels, return_inverse=True)[1]
    rng = np.random.default_rng(0)
    if len(points) >= n:
        rows = rng.choice(len(points), n, replace=False)
        return points[rows], np.unique(numbers[rows], return_inverse=True)[1]
    near = knn(points, 10).indices
    first = rng.integers(len(points), size=n - len(points))
    second = near[first, rng.integers(near.shape[1], size=len(first))]
    step = rng.uniform(0, 0.5, size=(len(first), 1)).astype(np.float32)
    between = normalized(points[first] + step * (points[second] - points[first]))
    return np.concatenate([points, between]), np.concatenate([numbers, numbers[first]])


def peak() -> float:
    """The most memory that this process has used, in GiB.

    On Linux `resource` also counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**20
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**30
