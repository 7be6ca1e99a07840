"""Speed and quality of the out-of-fold probe: prints a table, asserts nothing.

    python tests/bench/probe.py                    # made data, the large one too (minutes)
    python tests/bench/probe.py RUN ...            # the embeddings of runs instead

The peer is scikit-learn's LogisticRegression on standardised embeddings, on the same folds, with C
chosen on the first and a temperature of the same kind. Each row is a process of its own, so that
its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from curate.inference.probe import out_of_fold
from curate.numerics.temperature import fit_temperature, log_loss

SMALL = ["gauss:2000x512x20", "heavy:2000x512x20", "rectified:2000x512x20", "skewed:2000x512x30"]
TALL = ["rectified:6000x1280x100"]
LARGE = ["rectified:50000x1280x1000"]
PEER_WORK = 2e9
"""Images x features x classes beyond which the peer is left out: 1e9 take a second a fit."""


def made(kind: str, n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes around means in correlated noise, on features of unequal size."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % k
    if kind == "skewed":
        share = 1.0 / np.arange(1, k + 1)
        labels = np.concatenate([np.arange(k), rng.choice(k, n - k, p=share / share.sum())])
    rng.shuffle(labels)
    common = rng.normal(size=(32, d)).astype(np.float32) / 4
    means = rng.normal(size=(k, d)).astype(np.float32) * np.float32(7 / np.sqrt(d))
    X = rng.standard_t(3, size=(n, d)) if kind == "heavy" else rng.normal(size=(n, d))
    X = X.astype(np.float32)
    X += means[labels]
    X += rng.normal(size=(n, 32)).astype(np.float32) @ common
    if kind == "rectified":
        X = np.maximum(X, 0)
    X *= np.exp(0.7 * rng.normal(size=d)).astype(np.float32)
    return X, labels


def load(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Embeddings and labels of the training images of a run, or made ones."""
    if ":" in name and not Path(name).exists():
        kind, shape = name.split(":")
        n, d, k = map(int, shape.split("x"))
        return *made(kind, n, d, k), k
    from curate.pipeline.stages import label_numbers, readable
    from curate.store.run import Run

    run = Run(name)
    table = readable(run.table("catalog"), run.table("decode_problems"))
    X = np.asarray(run.array("embeddings", table["sample_id"].tolist()))
    names = tuple(run.info["classes"])
    train = np.flatnonzero((table["split"] == "train").to_numpy())
    return X[train], label_numbers(table["label"], names)[train], len(names)


def peer(X: np.ndarray, y: np.ndarray, folds: np.ndarray, k: int) -> tuple[np.ndarray, str]:
    """(n, k) probabilities by scikit-learn, and its C."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    warnings.simplefilter("ignore")

    def logits(fold: int, strength: float) -> np.ndarray:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
        model.fit(X[folds != fold], y[folds != fold])
        found = np.full((int((folds == fold).sum()), k), -30.0, dtype=np.float32)
        found[:, model[-1].classes_] = model.predict_log_proba(X[folds == fold])
        return found

    losses = {}
    for strength in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
        first = logits(0, strength)
        labels = y[folds == 0]
        losses[strength] = log_loss(first, labels, fit_temperature(first, labels))
    best = min(losses, key=losses.__getitem__)
    found = np.empty((len(X), k), dtype=np.float32)
    for fold in range(int(folds.max()) + 1):
        found[folds == fold] = logits(fold, best)
    found /= fit_temperature(found, y)
    found -= found.max(axis=1, keepdims=True)
    probs = np.exp(np.maximum(found, -30))
    return probs / probs.sum(axis=1, keepdims=True), f"C {best:g}"


def one(name: str, method: str) -> None:
    """Measure one row, and print it."""
    X, y, k = load(name)
    n, d = X.shape
    everything = np.ones(n, dtype=bool)
    wall, cpu = time.perf_counter(), time.process_time()
    if method == "curate":
        found = out_of_fold(X, y, everything, np.arange(n), k, 5, np.random.default_rng(0))
        probs, info = found.pred_probs, found.info
        what = f"{info['method']}, {info['scaling']}, {info['regularisation']:g}"
    else:
        from curate.numerics.folds import assign_folds

        folds, _ = assign_folds(y, np.arange(n), 5, np.random.default_rng(0))
        probs, what = peer(X, y, folds, k)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    own = np.maximum(probs[np.arange(n), y], 1e-13).astype(float)
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**30
    print(
        f"{Path(name).name:28} {n:6} x {d} x {k:<5} {method:8} {wall:7.1f} {cpu:7.1f} "
        f"{-np.log(own).mean():8.4f} {(probs.argmax(1) == y).mean():8.4f} {peak:6.2f}  {what}",
        flush=True,
    )
    if method == "curate":
        for candidate, losses in info["held_out_log_loss_by_candidate"].items():
            print(
                f"{'':30}{candidate}: {min(losses.values()):.4f} at {min(losses, key=losses.get)}"
            )
        for skipped, why in info["not_tried"].items():
            print(f"{'':30}{skipped}: not tried, {why}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", help="runs, or KIND:NxDxK")
    names = parser.parse_args().data or SMALL + TALL + LARGE
    print("data, images x features x classes, method, wall s, CPU s, log loss, accuracy, peak GiB")
    context = multiprocessing.get_context("spawn")
    for name in names:
        shape = name.split(":")[-1].split("x") if ":" in name else []
        for method in ("curate", "sklearn"):
            if method == "sklearn" and shape and np.prod([float(s) for s in shape]) > PEER_WORK:
                print(f"{name}: scikit-learn is left out, it takes too long")
                continue
            child = context.Process(target=one, args=(name, method))
            child.start()
            child.join()


if __name__ == "__main__":
    main()
