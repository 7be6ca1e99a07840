"""How large the report of a large dataset is, and how long it takes.

::

    python tests/bench/report_size.py [IMAGES]

Made-up images with the detail of photographs, 100 classes, thirteen kinds of findings with 2,000
images each. The figures of one run on two idle cores belong into the note of whoever changed it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from curate.pipeline.report import report_text
from curate.report.kinds import MEANS
from made_board import made_board

FILES, CLASSES, FLAGGED = 400, 100, 2000


def photographs(folder: Path, rng: np.random.Generator) -> list[str]:
    """Coarse patches under a little noise: harder to compress than most photographs."""
    paths = []
    for i in range(FILES):
        patches = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        pixels = np.asarray(patches.resize((640, 480), Image.Resampling.BICUBIC), dtype=int)
        pixels = pixels + rng.integers(-30, 30, pixels.shape)
        paths.append(str(folder / f"{i:03d}.jpg"))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def main(n: int) -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = photographs(home, rng)
        names = [f"class number {i:03d}" for i in range(CLASSES)]
        labels = rng.integers(0, CLASSES, n)
        wrong = rng.random(n) < 0.15
        guessed = np.where(wrong, rng.integers(0, CLASSES, n), labels)
        splits = np.array(["train", "train", "train", "val", "test"])[np.arange(n) % 5]
        probs = np.full((n, CLASSES), 0.2 / (CLASSES - 1), dtype=np.float32)
        probs[np.arange(n), guessed] = 0.8
        train = splits == "train"
        tiers = np.array(["easy", "medium", "hard"], dtype=object)[np.arange(n) % 3]
        run = made_board(
            home / "run", [names[i] for i in labels], [names[i] for i in guessed],
            splits=splits.tolist(), classes=names, seed=0, data=str(home),
            columns={
                "filepath": [files[i % FILES] for i in range(n)],
                "content_digest": [f"d{i}" for i in range(n)], "confidence": rng.random(n),
                "margin": np.where(wrong, -1, 1) * rng.random(n), "in_sample": False,
                "tier": np.where(train, tiers, None),
                "difficulty": np.where(train, rng.random(n), np.nan),
            },
            arrays={
                "probs": probs, "embeddings": rng.normal(size=(n, 128)).astype("f4"),
                "projection": rng.normal(size=(n, 2)).astype("f4"),
            },
        ).run  # fmt: skip
        ids = run.table("samples")["sample_id"].to_numpy(dtype=str)
        tables = []
        for kind in MEANS:
            flagged = np.isin(np.arange(n), rng.permutation(n)[:FLAGGED])
            pairs = kind in ("near_duplicate", "split_leak")
            tables.append(
                pd.DataFrame(
                    {
                        "kind": kind, "sample_id": ids, "score": rng.random(n), "type": "",
                        "flagged": flagged, "rank": np.arange(1, n + 1), "suggestion": "",
                        "partner_id": np.where(flagged, ids[rng.integers(0, n, n)], "")
                        if pairs else "",
                        "reason": np.where(flagged, "a reason of usual length: 0.12 for 0.93", ""),
                    }
                )
            )  # fmt: skip
        run.write_table("findings", pd.concat(tables, ignore_index=True))
        for time_of in ("first", "again"):
            start, cpu = time.perf_counter(), time.process_time()
            size = len(report_text(run, "html").encode())
            print(
                f"{n:,} images, {time_of}: {size / 1e6:.2f} MB, "
                f"{time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} s of CPU"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
