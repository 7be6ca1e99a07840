"""How fast `scan` is and how much memory it takes: prints a table, asserts nothing.

    python tests/bench/catalog.py [--images 100000] [--no-fiftyone]

Makes small JPEG files in class folders under a temporary folder, looks at them twice, and lets
FiftyOne's own importer read the same folder in the same run. Start it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = 200
CLASSES = 50
SIDE = 64


def make(root: Path, n: int) -> None:
    """Write so many JPEG files of noise, no two of the same bytes."""
    rng = np.random.default_rng(0)
    contents = []
    for _ in range(KINDS):
        buffer = BytesIO()
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
        contents.append(buffer.getvalue())
    folders = [root / f"class_{i:02d}" for i in range(CLASSES)]
    for folder in folders:
        folder.mkdir(parents=True)
    for i in range(n):
        path = f"{folders[i % CLASSES]}/{i:07d}.jpg"
        # What follows the end of a JPEG is passed over by decoders, and changes the digest.
        with open(path, "wb") as file:  # noqa: PTH123 - 100,000 Paths would cost as much again
            file.write(contents[i % KINDS] + i.to_bytes(4, "little"))


def peak_bytes() -> int:
    """The most memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def scan_twice(root: Path) -> dict[str, float]:
    """Seconds of a first and a second look, and the growth of memory by the first."""
    from curate.data.catalog import scan
    from curate.data.source import Source

    # A first scan of few files, so that imports and pools count for no image.
    with tempfile.TemporaryDirectory() as few:
        make(Path(few) / "images", 2 * CLASSES)
        scan(Source(str(Path(few) / "images")))
    before, start = peak_bytes(), time.perf_counter()
    catalog = scan(Source(str(root)))
    first, after = time.perf_counter() - start, peak_bytes()
    start = time.perf_counter()
    again = scan(Source(str(root)), previous=catalog.table)
    second = time.perf_counter() - start
    assert again.table.equals(catalog.table)
    return {"images": len(catalog.table), "first": first, "second": second, "bytes": after - before}


def add_dir(root: Path) -> float:
    """Seconds that FiftyOne's own importer takes for the same folder."""
    from curate.app.database import connect

    fo = connect()
    dataset = fo.Dataset(f"bench_{uuid.uuid4().hex[:8]}")
    try:
        start = time.perf_counter()
        dataset.add_dir(
            dataset_dir=str(root), dataset_type=fo.types.ImageClassificationDirectoryTree
        )
        return time.perf_counter() - start
    finally:
        dataset.delete()


def apart(what: str, root: Path) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, str(root)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--no-fiftyone", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "ROOT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, root = options.measure
        found = scan_twice(Path(root)) if what == "scan" else {"seconds": add_dir(Path(root))}
        print(json.dumps(found))
        return
    n = options.images
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "images"
        start = time.perf_counter()
        make(root, n)
        print(f"made {n:,} JPEG files of {SIDE} px in {time.perf_counter() - start:.1f} s, "
              f"{os.cpu_count()} cores\n")  # fmt: skip
        found = apart("scan", root)
        second = found["second"] * 100_000 / n
        print(
            f"scan, first look       {found['first']:8.2f} s  {n / found['first']:8,.0f} images/s"
        )
        print(f"scan, second look      {found['second']:8.2f} s  "
              f"{second:8.2f} s per 100,000 (wanted: below 2)")  # fmt: skip
        print(f"memory of a first look {found['bytes'] / n:8,.0f} bytes an image "
              "(wanted: below 1,024)")  # fmt: skip
        if options.no_fiftyone:
            return
        theirs = apart("add_dir", root)["seconds"]
        print(f"FiftyOne add_dir       {theirs:8.2f} s  {n / theirs:8,.0f} images/s")
        print(f"ratio                  {theirs / found['first']:8.1f} times (wanted: at least 5)")


if __name__ == "__main__":
    main()
