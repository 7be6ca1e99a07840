"""What fiftyone.brain computes, by it and by curate: seconds and agreement; asserts nothing.

    python tests/bench/brain.py                    # made embeddings
    python tests/bench/brain.py RUN ...            # the embeddings of runs, filled up to 5,000

Both are given the same 5,000 embeddings and probabilities in one process. fiftyone.brain works on a
dataset in a mongod of its own that is started and removed here, shares one similarity index between
its methods, and writes its fields; curate builds its neighbour graph, and is timed with and without
writing the same fields into the same dataset. Imports and the start of the database are not timed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_points import filled_up, made_points

from curate.app.database import find_mongod
from curate.findings import Bools, Floats, Ints
from curate.numerics.centring import centred
from curate.numerics.neighbors import knn
from curate.numerics.probabilities import softmax
from curate.numerics.scores import hardness, mistakenness, uniqueness
from curate.numerics.thinning import Thinned, across_splits, thin
from processes import free_port, stop, wait_for_port

IMAGES = 5000
THRESHOLD = 0.2
"""The default of fiftyone.brain for duplicates and leaks."""

WIDTH = 50


@contextmanager
def database() -> Iterator[None]:
    """A mongod for this process alone, with its files in a temporary folder."""
    mongod = find_mongod()
    if mongod is None:
        raise SystemExit("no mongod: run `curate doctor --fix`")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        options = ["--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1"]
        process = subprocess.Popen([mongod, *options, "--nounixsocket"], stdout=subprocess.DEVNULL)
        wait_for_port(port, process)
        os.environ["FIFTYONE_DATABASE_URI"] = f"mongodb://127.0.0.1:{port}/"
        os.environ["FIFTYONE_DATABASE_NAME"] = "curate_bench"
        try:
            yield
        finally:
            stop(process)


class Seconds(dict[str, float]):
    """Seconds by name."""

    def of(self, name: str, work: Callable[[], Any]) -> Any:
        """What `work` returns; its time is kept."""
        start = time.perf_counter()
        result = work()
        self[name] = time.perf_counter() - start
        return result


def theirs(
    points: np.ndarray, labels: np.ndarray, logits: np.ndarray, splits: np.ndarray
) -> tuple[Any, Any, Any, Seconds]:
    """The dataset with the fields of fiftyone.brain, its duplicates and leaks, and the seconds."""
    from curate.app.database import load_fiftyone

    fo = load_fiftyone()
    import fiftyone.brain as brain

    dataset = fo.Dataset("brain-bench", overwrite=True)
    best = logits.argmax(axis=1)
    dataset.add_samples(
        fo.Sample(
            filepath=f"/nowhere/{i}.jpg",
            split=str(splits[i]),
            label=fo.Classification(label=str(labels[i])),
            prediction=fo.Classification(label=str(best[i]), logits=logits[i]),
        )
        for i in range(len(points))
    )
    spent = Seconds()
    spent.of("hardness", lambda: brain.compute_hardness(dataset, "prediction", progress=False))
    spent.of(
        "mistakenness",
        lambda: brain.compute_mistakenness(
            dataset, "prediction", "label", use_logits=True, progress=False
        ),
    )
    # fiftyone.brain centres the array that it is given in place.
    index = spent.of(
        "similarity",
        lambda: brain.compute_similarity(
            dataset, embeddings=points.copy(), backend="sklearn", brain_key="near"
        ),
    )
    spent.of(
        "uniqueness",
        lambda: brain.compute_uniqueness(dataset, similarity_index=index, progress=False),
    )
    spent.of(
        "duplicates",
        lambda: brain.compute_near_duplicates(dataset, threshold=THRESHOLD, similarity_index=index),
    )
    leaks = spent.of(
        "leaks",
        lambda: brain.compute_leaky_splits(
            dataset, "split", threshold=THRESHOLD, similarity_index=index
        ),
    )
    return dataset, index, leaks, spent


def ours(
    points: Floats, labels: Ints, probs: Floats, splits: np.ndarray
) -> tuple[dict[str, Floats], Thinned, Bools, Seconds]:
    """The same quantities by curate."""
    spent = Seconds()
    graph = spent.of("similarity", lambda: centred(knn(points, WIDTH), points))
    scores = {
        "hardness": spent.of("hardness", lambda: hardness(probs)),
        "mistakenness": spent.of(
            "mistakenness", lambda: mistakenness(labels, probs, by_entropy=True)
        ),
        "uniqueness": spent.of("uniqueness", lambda: uniqueness(graph)),
    }
    thinned = spent.of("duplicates", lambda: thin(graph, THRESHOLD))
    leaks = spent.of("leaks", lambda: across_splits(thinned, splits))
    return scores, thinned, leaks, spent


def compare(points: np.ndarray, labels: np.ndarray) -> None:
    """Run both, and print."""
    from scipy.stats import spearmanr

    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    means = np.stack([unit[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    logits = (unit @ means.T * 20).astype(np.float32)
    splits = np.random.default_rng(0).choice(
        ["train", "val", "test"], len(points), p=[0.7, 0.1, 0.2]
    )
    probs = softmax(logits)
    dataset, index, leak_index, slow = theirs(points, labels, logits, splits)
    knn(points[:100], 5)  # so that importing faiss is not timed, as importing fiftyone is not
    scores, thinned, leaks, fast = ours(points, labels, probs, splits)
    start = time.perf_counter()
    for name, values in scores.items():
        dataset.set_values(f"curate_{name}", values.tolist())
    written = time.perf_counter() - start
    print(f"{'':14}{'fiftyone.brain s':>18}{'curate s':>10}")
    for name, seconds in slow.items():
        print(f"{name:14}{seconds:18.2f}{fast[name]:10.3f}")
    total, mine = sum(slow.values()), sum(fast.values())
    print(f"{'all':14}{total:18.2f}{mine:10.3f}   {total / mine:.0f} times as fast")
    print(
        f"{'all, written':14}{total:18.2f}{mine + written:10.3f}   "
        f"{total / (mine + written):.0f} times as fast\n"
    )
    for name, values in scores.items():
        rho = spearmanr(dataset.values(name), values).statistic
        print(f"{name:14} Spearman {rho:.4f}")
    ids = np.array(dataset.values("id"))
    for name, yours, own in (
        ("duplicates", set(index.duplicate_ids), set(ids[~thinned.kept])),
        ("leaks", set(leak_index.leak_ids), set(ids[leaks])),
    ):
        share = len(yours & own) / max(len(yours | own), 1)
        print(f"{name:14} {len(yours)} and {len(own)}, of all of them {share:.3f} in both")
    print(f"{'':14} {thinned.cut_off} images may have more duplicates than the graph is wide")
    plain = uniqueness(knn(points, WIDTH))
    rho = spearmanr(dataset.values("uniqueness"), plain).statistic
    print(f"{'uniqueness':14} Spearman {rho:.4f} without centring")
    dataset.delete()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path)
    runs = parser.parse_args().runs
    points, labels = filled_up(runs, IMAGES) if runs else made_points(IMAGES, 1280)
    print(f"{len(points)} x {points.shape[1]}, {labels.max() + 1} classes\n")
    with database():
        compare(points, labels)


if __name__ == "__main__":
    main()
