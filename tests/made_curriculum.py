"""A small export with its images, written by hand, as a trainer reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from curate.recipe.policy import Policy, write_policy
from curate.recipe.stages import Schedule, Stage
from curate.store.files import write_json

CLASSES = ("cat", "dog", "owl")
TIERS = ("easy", "medium", "hard")

STAGED = Schedule(
    "custom",
    6,
    (
        Stage(0, 2, ("easy",)),
        Stage(2, 4, ("easy", "medium"), lr_factor=0.5),
        Stage(4, 6, TIERS, lr_factor=0.2),
    ),
)
"""Six epochs of 12, 12, 18, 18, 24 and 24 images."""


def make_export(
    folder: Path, schedule: Schedule = STAGED, n: int = 24, policy: Policy | None = None
) -> Path:
    """Write `n` training images of three classes, six of val and six of test, the last unlabelled.

    Of each class the first half is easy, a quarter medium, a quarter hard. Image i has 16 x 12
    pixels, noise in the middle, and at the top left (i, 0, 0): a test knows image and orientation.
    """
    images = folder.parent / f"{folder.name}_images"
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for i in range(n + 12):
        split = "train" if i < n else "val" if i < n + 6 else "test"
        target, at = i % 3, i // 3
        path = images / split / CLASSES[target] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((12, 16, 3), 40 + 80 * target, dtype=np.uint8)
        pixels[3:9, 4:12] += np.random.default_rng(i).integers(0, 40, (6, 8, 3), np.uint8)
        pixels[0, 0] = (i, 0, 0)
        Image.fromarray(pixels).save(path)
        tier = "easy" if at < n // 6 else "medium" if at < n // 4 else "hard"
        unlabelled = i == n + 11
        rows[split].append(
            {
                "sample_id": f"s{i:03d}",
                "filepath": str(path),
                "label": "" if unlabelled else CLASSES[target],
                "target": "" if unlabelled else target,
                "tier": tier if split == "train" else "",
                "difficulty": i / n if split == "train" else "",
                "weight": 1.0 if split == "train" else "",
                "turn": "",
                "group": "",
                "content_digest": f"d{i}",
                "reason": "",
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    for split, own in rows.items():
        pd.DataFrame(own).to_csv(folder / f"{split}.csv", index=False)
    about = {
        "format": "curate.export",
        "schema_version": 2,
        "seed": 0,
        "classes": list(CLASSES),
        "policy": "policy.json" if policy else None,
        **schedule.to_json(),
    }
    if policy is not None:
        write_policy(policy, folder / "policy.json")
    write_json(folder / "curriculum.json", about)
    return folder


def edit(folder: Path, split: str, row: int, **values: Any) -> None:
    """Change cells of a list of images."""
    path = folder / f"{split}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name, value in values.items():
        table.loc[row, name] = str(value)
    table.to_csv(path, index=False)
