"""How well `curate analyze` finds images turned on purpose: prints a table, asserts nothing.

    python tests/bench/orientation.py DATA --model NAME --weights FILE [--transform vflip]

Copies DATA, turns a share of the copies, writes planted.csv, analyses the copy in a subprocess and
compares. `--share 0` shows what is flagged where nothing was planted.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.metrics import average_precision_score

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
TURNS = {
    "vflip": [Image.Transpose.FLIP_TOP_BOTTOM],
    "rot180": [Image.Transpose.ROTATE_180],
    "rot90": [Image.Transpose.ROTATE_90],
    "rot270": [Image.Transpose.ROTATE_270],
}
TURNS["sideways"] = TURNS["rot90"] + TURNS["rot270"]
TURNS["any"] = TURNS["vflip"] + TURNS["rot180"] + TURNS["sideways"]


def plant(data: Path, copy: Path, transform: str, share: float, seed: int) -> list[str]:
    """Copy a dataset with a share of its images turned; the copies that were, in planted.csv."""
    shutil.copytree(data, copy)
    rows = turn_some(copy, transform, share, seed)
    with (copy.parent / "planted.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["filepath", "transform"], *rows])
    return [path for path, _ in rows]


def turn_some(folder: Path, transform: str, share: float, seed: int) -> list[tuple[str, str]]:
    """Turn a share of a folder's images, (path, turn) of each; hard links are broken first."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(files), round(share * len(files)), replace=False)
    rows = []
    for i in sorted(chosen):
        turn = TURNS[transform][rng.integers(len(TURNS[transform]))]
        with Image.open(files[i]) as image:
            turned, form = image.transpose(turn), image.format
        files[i].unlink()
        # Re-encoding must not give the planted images away: keep JPEGs close to what they were.
        turned.save(files[i], format=form, **({"quality": 95} if form == "JPEG" else {}))
        rows.append((str(files[i].resolve()), turn.name.lower()))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="hog")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--share", type=float, default=0.04)
    parser.add_argument("--transform", choices=sorted(TURNS), default="vflip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="a new folder to keep copy and run in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (options.work or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        planted = plant(options.data, work / "data", options.transform, options.share, options.seed)
        command = [sys.executable, "-m", "curate", "analyze", str(work / "data")]
        command += ["--model", options.model, "--run", str(work / "run"), "--no-app"]
        if options.weights:
            command += ["--weights", str(options.weights.resolve())]
        subprocess.run(command, check=True, stdout=sys.stderr)
        report(work / "run", planted)


def report(run: Path, planted: list[str]) -> None:
    """Print average precision, recall in the top tenth, and what was flagged."""
    found = pd.read_parquet(run / "findings.parquet")
    found = found[found["kind"] == "orientation"]
    paths = pd.read_parquet(run / "samples.parquet", columns=["sample_id", "filepath"])
    found = found.merge(paths, on="sample_id", validate="one_to_one")
    truth = found["filepath"].isin(planted).to_numpy()
    flagged = found["flagged"].to_numpy(dtype=bool)
    hits, total = int((flagged & truth).sum()), int(truth.sum())
    about = json.loads((run / "run.json").read_text("utf-8"))["detectors"]["orientation"]
    print(f"images                {len(found)}")
    if "views_per_image" in about:
        print(f"forward passes        {1 + about['views_per_image']:.2f} an image")
    print(f"planted               {total} ({len(planted) - total} of them not analysed)")
    if total:
        ap = average_precision_score(truth, -found["score"])
        top = truth[(found["rank"] <= len(found) / 10).to_numpy()].sum() / total
        print(f"average precision     {ap:.3f}")
        print(f"recall in the top 10% {top:.3f}")
    print(f"flagged               {flagged.sum()} ({flagged.mean():.2%})")
    if flagged.any():
        print(f"precision of flagged  {hits / flagged.sum():.3f}")
    if total:
        print(f"recall of flagged     {hits / total:.3f}")


if __name__ == "__main__":
    main()
