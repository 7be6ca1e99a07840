"""Speed and quality of the neighbour graph and of the map: prints tables, asserts nothing.

    python tests/bench/graph.py                    # made points
    python tests/bench/graph.py RUN ...            # the embeddings of runs, filled up to 10,000
    python tests/bench/graph.py --large            # 120,000 made points too, some minutes

The graph is compared with scikit-learn's brute force, and the approximate one with the exact one.
The map is compared with umap-learn's defaults on the same points, of length one so that Euclidean
and cosine neighbours are the same. Each map is made in a process of its own, timed from its start
to its end, imports, compilation and (for curate) the graph included. Peer and curate run in one
go; on a busy machine compare ratios only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from bench_points import filled_up, made_points, peak

from curate.numerics.neighbors import knn, normalized

POINTS = 10_000
WIDTH = 50
KEPT = 15
"""Neighbours that trustworthiness asks for."""

MAPS = {
    "curate": "the graph, principal components, seeded",
    "umap seeded": "umap-learn's defaults, with a seed",
    "umap": "umap-learn's defaults, without a seed",
}


def one_map(method: str, folder: Path) -> None:
    """In a fresh process: make the map, keep it, and print what it took as JSON."""
    points = np.load(folder / "points.npy")
    graph_seconds = 0.0
    if method == "curate":
        from curate.numerics.projection import project

        start = time.perf_counter()
        graph = knn(points, WIDTH)
        graph_seconds = time.perf_counter() - start
        placed = project(points, graph, np.random.default_rng(0))
    else:
        warnings.simplefilter("ignore")
        from umap import UMAP

        placed = UMAP(random_state=0 if method == "umap seeded" else None).fit_transform(points)
    np.save(folder / "placed.npy", placed)
    print(json.dumps({"cpu": time.process_time(), "graph": graph_seconds, "peak": peak()}))


def maps(name: str, points: np.ndarray) -> None:
    """The table of maps."""
    from sklearn.manifold import trustworthiness

    print(f"\nMap of {len(points)} x {points.shape[1]} points, {name}; trustworthiness of {KEPT}")
    print(f"{'method':14}{'wall s':>8}{'CPU s':>8}{'graph s':>9}{'GiB':>6}{'trust.':>9}")
    wall: dict[str, float] = {}
    cpu: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "points.npy", points)
        for method, what in MAPS.items():
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, __file__, "--map", method, "--folder", folder],
                capture_output=True,
                text=True,
                check=True,
            )
            wall[method] = time.perf_counter() - start
            said = json.loads(done.stdout.splitlines()[-1])
            cpu[method] = said["cpu"]
            trust = trustworthiness(points, np.load(folder / "placed.npy"), n_neighbors=KEPT)
            print(
                f"{method:14}{wall[method]:8.1f}{cpu[method]:8.1f}{said['graph']:9.1f}"
                f"{said['peak']:6.2f}{trust:9.4f}  {what}",
                flush=True,
            )
            if method != "curate":
                print(
                    f"{'':14}curate is {wall[method] / wall['curate']:.1f} times as fast, with "
                    f"1/{cpu[method] / cpu['curate']:.1f} of the CPU time",
                    flush=True,
                )


def graphs(name: str, points: np.ndarray) -> None:
    """The table of graphs: exact, by scikit-learn, and approximate."""
    n, d = points.shape
    print(f"\nGraph of {n} x {d} points, {name}, {WIDTH} neighbours")
    print(f"{'method':14}{'wall s':>8}{'CPU s':>8}{'recall':>9}  stated")
    exact = timed("exact", points, n)
    found = timed("approximate", points, 0, exact)
    again = knn(points, WIDTH, exact_up_to=0)
    print(f"approximate twice: {'equal' if np.array_equal(found, again.indices) else 'DIFFERENT'}")
    if n <= 2 * POINTS:
        from sklearn.neighbors import NearestNeighbors

        wall, cpu = time.perf_counter(), time.process_time()
        peer = NearestNeighbors(n_neighbors=WIDTH, metric="cosine").fit(points).kneighbors()[1]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        show("scikit-learn", wall, cpu, recall(peer, exact))


def timed(
    method: str, points: np.ndarray, limit: int, exact: np.ndarray | None = None
) -> np.ndarray:
    """One graph by curate: its row of the table, and its neighbours."""
    wall, cpu = time.perf_counter(), time.process_time()
    graph = knn(points, WIDTH, exact_up_to=limit)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    low, high = graph.recall_interval
    real = 1.0 if exact is None else recall(graph.indices, exact)
    show(method, wall, cpu, real, f"{graph.recall:.4f} [{low:.4f}, {high:.4f}]")
    return np.asarray(graph.indices)


def show(method: str, wall: float, cpu: float, share: float, stated: str = "") -> None:
    """Print one row."""
    print(f"{method:14}{wall:8.1f}{cpu:8.1f}{share:9.4f}  {stated}", flush=True)


def recall(found: np.ndarray, exact: np.ndarray) -> float:
    """The share of the true neighbours that were found, on every tenth row."""
    pairs = zip(found[::10], exact[::10], strict=True)
    return float(np.mean([np.isin(true, got).mean() for got, true in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--large", action="store_true", help="120,000 points too")
    parser.add_argument("--map", choices=MAPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.map:
        one_map(options.map, options.folder)
        return
    if options.runs:
        name = " + ".join(run.parent.name for run in options.runs)
        points = filled_up(options.runs, POINTS)[0]
    else:
        name, points = "made", made_points(POINTS, 512)[0]
    points = normalized(points)
    maps(name, points)
    graphs(name, points)
    if options.large:
        graphs("made", normalized(made_points(120_000, 256, 100)[0]))


if __name__ == "__main__":
    main()
