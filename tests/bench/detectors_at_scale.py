"""Time and memory of every registered detector at size: prints a table, asserts nothing.

    python tests/bench/detectors_at_scale.py [--images 50000] [--only KIND ...]

Evidence is made up: classes on curved sheets, 3 % of the labels wrong, 2 % of the images copies,
the turned copies that the pipeline would embed. The graph, the copies and each detector are timed
in a process of their own, whose peak of memory includes the evidence. At last all detectors run
together in one process, as in an analysis: that row is the one to hold against 5 minutes and 4 GiB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_points import made_points, peak

from curate.data.statistics import STATISTICS
from curate.detectors import DETECTORS, missing_input
from curate.detectors.cascade import sample_views
from curate.findings import Copies, Evidence, Neighbors
from curate.numerics.copies import find_copies
from curate.numerics.neighbors import knn, normalized
from curate.numerics.parallel import side_by_side
from curate.numerics.probabilities import softmax

CLASSES, DIMENSIONS, WIDTH = 100, 1280, 50
SUSPECTS = 0.1
"""Share of the images of which a turned copy is embedded besides those of the sample."""

PARTS = ("graph", "copies", "together")


def made(n: int) -> Evidence:
    """n images, without their graph and copies."""
    rng = np.random.default_rng(0)
    points, true = made_points(n, DIMENSIONS, CLASSES)
    thumbnails = np.kron(rng.integers(0, 256, (n, 8, 8)), np.ones((8, 8))) * 0.8
    thumbnails += rng.normal(scale=12, size=thumbnails.shape)
    copy, of = rng.choice(n, (2, n // 50), replace=False)
    points[copy] = points[of] + rng.normal(size=(len(copy), DIMENSIONS)) * points.std() / 40
    thumbnails[copy] = thumbnails[of] + rng.normal(scale=3, size=(len(copy), 64, 64))
    true[copy] = true[of]
    unit = normalized(points)
    means = np.stack([unit[true == c].mean(axis=0) for c in range(CLASSES)])
    unit -= unit.mean(axis=0)
    means -= means.mean(axis=0)
    probs = softmax(normalized(unit) @ normalized(means).T * 12)
    labels = np.where(rng.random(n) < 0.03, rng.integers(CLASSES, size=n), true)
    splits = rng.choice(["train", "val", "test"], n, p=[0.7, 0.1, 0.2])
    ids = np.array([f"{i:016x}" for i in rng.permutation(n)])
    rows = {
        view: np.union1d(first, rng.choice(n, int(SUSPECTS * n), replace=False))
        for view, first in sample_views(ids, 0).items()
    }
    stats = pd.DataFrame(rng.random((n, len(STATISTICS))), columns=list(STATISTICS))
    return Evidence(
        sample_ids=ids,
        labels=labels,
        splits=splits,
        class_names=tuple(f"class{c:03}" for c in range(CLASSES)),
        pred_probs=probs,
        embeddings=points,
        view_embeddings={
            view: points[at] + np.float32(points.std()) * rng.normal(size=DIMENSIONS).astype("f4")
            for view, at in rows.items()
        },
        view_rows=rows,
        digests=np.array([f"{i:032x}" for i in range(n)]),
        thumbnails=np.clip(thumbnails, 0, 255).astype(np.uint8),
        image_stats=stats,
        file_facts=pd.DataFrame(
            {
                "filename": [f"IMG_{i:06}.jpg" for i in range(n)],
                "width": rng.integers(200, 600, n),
                "height": rng.integers(200, 600, n),
                "size_bytes": rng.integers(10_000, 90_000, n),
                "format": "JPEG",
                "mode": "RGB",
                "exif_orientation": 1,
            }
        ),
        metadata=pd.DataFrame(
            {"age": rng.integers(1, 90, n), "source": rng.choice(["web", "phone", "lab"], n)}
        ),
        dynamics=pd.DataFrame(
            rng.random((n, 5)), columns=["aum", "forgetting", "el2n", "confidence", "variability"]
        ),
        folds=np.where(splits == "train", rng.integers(5, size=n), -1).astype(np.int32),
        groups=np.array([""] * n),
    )


def save(evidence: Evidence, folder: Path) -> None:
    """Write evidence, without its graph and copies, so that another process can read it."""
    for field in fields(evidence):
        value = getattr(evidence, field.name)
        if isinstance(value, np.ndarray):
            np.save(folder / f"{field.name}.npy", value)
        elif isinstance(value, pd.DataFrame):
            value.to_parquet(folder / f"{field.name}.parquet")
        elif isinstance(value, dict):
            np.savez(folder / f"{field.name}.npz", **value)
    (folder / "class_names.json").write_text(json.dumps(evidence.class_names))


def load(folder: Path) -> Evidence:
    """Read it back, with what is there of its graph and copies."""
    names = json.loads((folder / "class_names.json").read_text())
    found: dict[str, Any] = {"class_names": tuple(names)}
    for path in folder.iterdir():
        name = path.stem
        if name not in Evidence.__dataclass_fields__:
            continue
        if path.suffix == ".npy":
            found[name] = np.load(path)
        elif path.suffix == ".parquet":
            found[name] = pd.read_parquet(path)
        elif path.suffix == ".npz":
            found[name] = dict(np.load(path))
    for name, kind in (("neighbors", Neighbors), ("copies", Copies)):
        if name in found:
            found[name] = kind(**{key: plain(value) for key, value in found[name].items()})
    return Evidence(**found)


def plain(value: np.ndarray) -> Any:
    """An array, or the number that an array of no dimensions holds."""
    return value if value.ndim else value.item()


def one(part: str, folder: Path, images: int) -> None:
    """In a fresh process: do one part and print what it took as JSON."""
    if part == "made":
        save(made(images), folder)
        return
    evidence = load(folder)
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    if part == "graph":
        assert evidence.embeddings is not None
        keep(knn(evidence.embeddings, WIDTH), folder / "neighbors.npz")
        said = ""
    elif part == "copies":
        copies = find_copies(evidence)
        keep(copies, folder / "copies.npz")
        said = f"{copies.confirmed.sum()} confirmed"
    else:
        kinds = sorted(DETECTORS) if part == "together" else [part]
        able = [DETECTORS[kind]() for kind in kinds]
        able = [detector for detector in able if missing_input(detector, evidence) is None]
        found = side_by_side(lambda detector: detector.detect(evidence), able)
        said = f"{sum(int(f.table['flagged'].sum()) for f in found)} flagged"
        said += "" if len(able) == len(kinds) else f", {len(kinds) - len(able)} kinds skipped"
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({**took, "peak": peak(), "evidence": before, "said": said}))


def keep(found: Neighbors | Copies, path: Path) -> None:
    """Write the fields of a graph or of copies."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    np.savez(path, **values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--only", nargs="+", choices=sorted(DETECTORS), help="these kinds, alone")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        one(options.part, options.folder, options.images)
        return
    print(f"{options.images} images x {DIMENSIONS} dimensions x {CLASSES} classes")
    print(f"{'':18}{'wall s':>8}{'CPU s':>8}{'GiB':>7}  of which evidence")
    total = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in (
            "made",
            "graph",
            "copies",
            *(options.only or [*sorted(DETECTORS), "together"]),
        ):
            command = [sys.executable, __file__, "--part", part, "--folder", folder]
            done = subprocess.run(
                [*command, "--images", str(options.images)], stdout=subprocess.PIPE, text=True
            )
            if done.returncode:
                print(f"{part:18} failed", flush=True)
            if done.returncode or part == "made":
                continue
            said = json.loads(done.stdout.splitlines()[-1])
            total += said["wall"] if part not in PARTS else 0
            print(
                f"{part:18}{said['wall']:8.1f}{said['cpu']:8.1f}{said['peak']:7.2f}"
                f"{said['evidence']:7.2f}  {said['said']}",
                flush=True,
            )
    print(f"{'one by one':18}{total:8.1f}")


if __name__ == "__main__":
    main()
