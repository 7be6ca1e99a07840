"""Images on disk and the content of an export of them, made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from curate.recipe.schedule import make_schedule
from curate.remedies.formats import Content
from curate.store.run import Run

TIERS = ("easy", "medium", "hard", "review")


def digest_of(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32]


def image(path: Path, number: int, kind: str = "PNG") -> Path:
    """An image of 6 x 4 pixels that is like no other number's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, kind)
    return path


def content_of(rows: Sequence[dict[str, Any]], classes: Sequence[str], **options: Any) -> Content:
    """A content of some rows: `filepath`, and whatever differs from the usual."""
    usual = {"split": "train", "label": None, "tier": "easy", "turn": "", "dropped": False,
             "group": "", "reason": "as planted", "weight": 1.0, "format": "PNG"}  # fmt: skip
    table = pd.DataFrame([{**usual, **row} for row in rows], columns=[*usual, "filepath"])
    n = len(table)
    numbers = pd.Categorical(table["label"], categories=list(classes)).codes
    table["target"] = pd.Series(numbers, dtype="Int64").where(lambda c: c >= 0)
    table["label"] = table["label"].astype(object)
    table["sample_id"] = [f"{i:016x}" for i in range(n)]
    table["difficulty"] = np.linspace(0, 1, n) if n else np.zeros(0)
    table["unit"] = np.arange(n)
    table["content_digest"] = [digest_of(path) for path in table["filepath"]]
    table["size_bytes"] = [Path(path).stat().st_size for path in table["filepath"]]
    table["filepath"] = table["filepath"].map(str)
    train = table[(table["split"] == "train") & ~table["dropped"]]
    used = [tier for tier in TIERS[:-1] if (train["tier"] == tier).any()] or ["easy"]
    schedule = options.pop("schedule", make_schedule("easy-to-hard", 6, used))
    return Content(table, tuple(classes), schedule, 0, TIERS, **options)


def tree(folder: Path) -> dict[str, str | bytes]:
    """Everything below a folder: where links lead, what files hold, and the folders."""
    found: dict[str, str | bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = "folder" if path.is_dir() else path.read_bytes()
    return found


def run_of(
    folder: Path, images: Path, n: int = 24, metadata: bool = False,
    draw: Callable[[Path, int], Path] = image,
) -> Run:  # fmt: skip
    """A finished run on images of its own, as an analysis could have left it.

    Image i is of class "cat", "a/b" or "owl", every fifth is in val and every fifth in test; the
    last test image has no label. Image 6 is under review, images 0 and 3 are the same picture.
    """
    classes = ["a/b", "cat", "owl"]
    rows = []
    for i in range(n):
        split = ["train", "train", "train", "val", "test"][i % 5]
        label = classes[i % 3]
        path = draw(images / split / str(i % 4) / f"{i // 4:02d}.png", 0 if i == 3 else i)
        rows.append(
            {
                "sample_id": f"{i:016x}", "filepath": str(path), "split": split,
                "label": None if i >= n - 5 and split == "test" else label,
                "tier": ["easy", "medium", "hard"][i // 2 % 3] if split == "train" else None,
                "difficulty": i / n, "margin": 1 - 2 * i / n, "group": "",
                "content_digest": digest_of(path), "size_bytes": path.stat().st_size,
                "width": 6, "height": 4, "format": "PNG", "mode": "RGB", "exif_orientation": 1,
                "animated": False, "pred_label": label, "confidence": 0.8, "in_sample": False,
                "fold": 0, "hardness": 0.5, "mistakenness": 0.2, "uniqueness": 0.5,
            }
        )  # fmt: skip
    samples = pd.DataFrame(rows)
    samples.loc[6, "tier"] = "review"
    if metadata:
        samples["target"] = samples["label"].map({"cat": 0, "a/b": 1, "owl": 2})
    train = samples[samples["split"] == "train"]
    probs = np.full((n, 3), 0.1, dtype=np.float32)
    probs[np.arange(n), np.arange(n) % 3] = 0.8
    run = Run.create(folder)
    run.write_table("samples", samples)
    reasons = np.where(train["tier"] == "review", "suspected label error", "held-out margin")
    run.write_table(
        "tiers",
        train[["sample_id", "tier", "difficulty"]].assign(weight=1.0, reason=reasons),
    )
    run.write_array("probs", probs, samples["sample_id"])
    run.save(
        status="complete", classes=classes, seed=0, metadata={"target": "int"} if metadata else {},
        settings={"model": "hog", "folds": 5, "source": {"data": str(images)}},
        stages={"tiers": {"key": "k", "seconds": 1.0, "files": {}}},
    )  # fmt: skip
    return run
