"""A small run, written by hand through the store, as an analysis could have left it.

And what tests do to it once it is published.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from curate.app.database import load_fiftyone
from curate.store.files import write_json
from curate.store.run import Run

CLASSES = ["cat", "dog", "owl"]

KINDS = {
    **{"age": "int", "weight": "float", "mask": "bool", "camera": "string", "taken": "datetime"},
    **{"face.size": "int", "tier ": "string", "media_type": "string", "_id": "int", "pk": "string"},
}


def make_run(tmp_path: Path, n: int = 24) -> Run:
    """Write `n` images and the run that an analysis of them could have left.

    Image i is of class i % 3; every fourth is in val, every fourth in test. Images 0 and 4 are
    flagged as orientation, image 6 as label_error (with a suggestion), image 12 as hard. Image 4
    (dog) is taken for an owl; the last image has no label.
    """
    rng = np.random.default_rng(0)
    splits = ["train", "val", "train", "test"]
    rows = []
    for i in range(n):
        label = CLASSES[i % 3]
        path = tmp_path / "data" / splits[i % 4] / label / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        rows.append(
            {
                "sample_id": f"s{i:03d}",
                "filepath": str(path),
                "split": splits[i % 4],
                "label": None if i == n - 1 else label,
                "pred_label": "owl" if i == 4 else label,
                "confidence": 0.5 if i == 4 else 0.8,
                "margin": -0.2 if i == 4 else 0.7,
                "in_sample": False,
                "fold": 0,
                "tier": ["easy", "medium", "hard"][i // 2 % 3] if i % 2 == 0 else None,
                "difficulty": i / n if i % 2 == 0 else None,
                "hardness": 0.7,
                "mistakenness": 0.2,
                "uniqueness": i / n,
                "group": "",
                "content_digest": f"d{i}",
                "width": 16,
                "height": 16,
                "size_bytes": path.stat().st_size,
                "format": "PNG",
                "mode": "L",
                "exif_orientation": 1,
                "animated": False,
                "brightness": float(pixels.mean() / 255),
            }
        )
    samples = pd.DataFrame(rows)
    probs = np.full((n, 3), 0.1)
    for i, guess in enumerate(samples["pred_label"]):
        probs[i, CLASSES.index(guess)] = 0.8
    run = Run.create(tmp_path / "run")
    run.write_table("samples", samples)
    run.write_table("findings", findings(samples, {"orientation": [0, 4], "hard": [12]}))
    run.write_array("probs", probs.astype("f4"), samples["sample_id"])
    run.write_array("projection", rng.random((n, 2)).astype("f4"), samples["sample_id"])
    write_json(
        run.path / "metrics.json",
        {"splits": {"train": {"top_confusions": [_pair("dog", "owl", 1)]}}},
    )
    run.save(classes=CLASSES, status="done")
    return run


def findings(samples: pd.DataFrame, flagged: dict[str, list[int]]) -> pd.DataFrame:
    """The findings table: per kind the flagged rows, and label_error on row 6."""
    tables = []
    for kind, rows in {**flagged, "label_error": [6]}.items():
        table = pd.DataFrame(
            {
                "kind": kind,
                "sample_id": samples["sample_id"],
                "score": np.linspace(0.2, 1.0, len(samples)),
                "flagged": [i in rows for i in range(len(samples))],
                "suggestion": "",
                "partner_id": "",
                "type": "",
                "reason": [f"{kind} here" if i in rows else "" for i in range(len(samples))],
            }
        )
        table.loc[rows, "score"] = [0.01 * (1 + len(rows) - at) for at in range(len(rows))]
        table["rank"] = table["score"].rank(method="first").astype(int)
        if kind == "label_error":
            table.loc[rows, "suggestion"] = "dog"
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _pair(label: str, guess: str, count: int) -> dict[str, Any]:
    return {"label": label, "pred_label": guess, "count": count}


def with_metadata(run: Run) -> pd.DataFrame:
    """Give the run the user's columns of `KINDS`, each without a value on its second image."""
    samples = run.table("samples")
    n = range(len(samples))
    samples["age"] = pd.array([20 + i for i in n], "Int64")
    samples["weight"] = [i / 2 for i in n]
    samples["mask"] = pd.array([i % 2 == 0 for i in n], "boolean")
    samples["camera"] = [f"cam{i % 2}" for i in n]
    samples["taken"] = pd.Timestamp("2024-03-01 10:00:00.123456", tz="UTC") + pd.to_timedelta(
        pd.Series(n), unit="D"
    )
    for name, kind in list(KINDS.items())[5:]:
        samples[name] = pd.array(
            [i if kind == "int" else str(i) for i in n], "Int64" if kind == "int" else "string"
        )
    samples.loc[1, list(KINDS)] = None
    run.write_table("samples", samples)
    run.save(metadata=KINDS)
    return samples


def sample(dataset: Any, sample_id: str) -> Any:
    """The FiftyOne sample of an image."""
    return dataset.one(load_fiftyone().ViewField("curate_id") == sample_id)


def tag(dataset: Any, sample_id: str, *tags: str) -> None:
    """Tag an image as a person would."""
    one = sample(dataset, sample_id)
    one.tags.extend(tags)
    one.save()


def publish_again(run: Run, published: Any, **flagged: list[int]) -> Any:
    """Change what the run found and publish it again."""
    run.write_table("findings", findings(run.table("samples"), flagged))
    return published(run)
