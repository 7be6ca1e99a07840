"""A run whose names do all that a page must not do, with everything that a report shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from curate.board.opening import Board
from made_board import made_board

EVIL = (
    "<script>boom()</script>",
    '"><img src=x onerror=boom()>',
    "</script><script>boom()</script>",
    "{{ 7 * 7 }} {% raise %}",
    "a_very_long_class_name_without_a_single_space_in_it_that_goes_on_and_on_and_on",
)
"""Class names; the first three would run a program or load something if they were not escaped."""

PER_CLASS = 12


def made_report_board(folder: Path, pictures: bool = True) -> Board:
    """Sixty images of five classes, of which every seventh is taken for the next class.

    Args:
        folder: for the images and the run.
        pictures: False leaves the images away, as in a run that was moved.
    """
    rng = np.random.default_rng(0)
    n, k = PER_CLASS * len(EVIL), len(EVIL)
    numbers = np.arange(n) % k
    guessed = np.where(np.arange(n) % 7 == 0, (numbers + 1) % k, numbers)
    splits = np.array(["train", "train", "val", "test"])[np.arange(n) // k % 4]
    (folder / "images").mkdir(parents=True)
    # A slash cannot be in a file's name; all else can.
    paths = [
        str(folder / "images" / f"{i} {EVIL[c].replace('/', '-')}.png")
        for i, c in enumerate(numbers.tolist())
    ]
    if pictures:
        for i, path in enumerate(paths):
            noise = rng.integers(0, 255, (20 + i % 9, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(path)
    probs = np.full((n, k), 0.05)
    probs[np.arange(n), guessed] = 0.8
    train = splits == "train"
    tiers = np.array(["easy", "medium", "hard"], dtype=object)[np.arange(n) % 3]
    return made_board(
        folder / "run", [EVIL[c] for c in numbers], [EVIL[c] for c in guessed],
        splits=splits.tolist(), classes=EVIL,
        flagged={"hard": range(0, n, 7), "label_error": [7], "<b>kind</b>": [3]},
        columns={
            "filepath": paths, "content_digest": [f"d{i}" for i in range(n)],
            "confidence": probs.max(axis=1), "in_sample": False,
            "margin": np.where(numbers == guessed, 0.75, -0.75),
            "tier": np.where(train, tiers, None),
            "difficulty": np.where(train, np.linspace(0, 1, n), np.nan),
        },
        arrays={
            "probs": probs.astype("f4"), "embeddings": rng.normal(size=(n, 8)).astype("f4"),
            "projection": rng.normal(size=(n, 2)).astype("f4"),
        },
        data=str(folder / "<i>data"), seed=0,
        settings={"model": "<u>model", "seed": 0, "device": None, "source": {"data": str(folder)}},
        versions={"curate": "0"},
    )  # fmt: skip
