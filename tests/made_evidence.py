"""Evidence made on the spot: classes as clusters, nothing learnt, everything seeded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from curate.data.statistics import STATISTICS
from curate.data.views import VIEWS
from curate.findings import Evidence
from curate.numerics.copies import find_copies
from curate.numerics.neighbors import knn


def make_evidence(n: int = 60, n_classes: int = 3, d: int = 8, seed: int = 0) -> Evidence:
    """n images in n_classes well-separated clusters, a fifth of them val and a fifth test."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % max(n_classes, 1)
    centres = rng.normal(size=(max(n_classes, 1), d)) * 4
    embeddings = (centres[labels] + rng.normal(size=(n, d))).astype(np.float32)
    pred_probs = rng.dirichlet(np.ones(n_classes), size=n) * 0.3
    pred_probs[np.arange(n), labels] += 0.7
    splits = np.array(["train", "train", "train", "val", "test"])[np.arange(n) // 3 % 5]
    evidence = Evidence(
        sample_ids=np.array([f"{i:04x}" for i in rng.permutation(n)], dtype=str),
        labels=labels.astype(np.int64),
        splits=splits.astype(str),
        class_names=tuple(f"class{c}" for c in range(n_classes)),
        pred_probs=pred_probs.astype(np.float32),
        embeddings=embeddings,
        view_embeddings={
            view: (embeddings + rng.normal(size=(n, d))).astype(np.float32)
            for view in (*VIEWS, "darker")  # as a detector of another package may want
            if view != "identity"
        },
        neighbors=knn(embeddings, 20),
        digests=np.array([f"digest{i}" for i in range(n)], dtype=str),
        thumbnails=rng.integers(0, 256, (n, 32, 32)).astype(np.uint8),
        image_stats=pd.DataFrame(rng.random((n, len(STATISTICS))), columns=list(STATISTICS)),
        file_facts=pd.DataFrame(
            {
                "filename": [f"{i:04d}.jpg" for i in range(n)],
                "width": rng.integers(200, 400, n),
                "height": rng.integers(200, 400, n),
                "size_bytes": rng.integers(10_000, 20_000, n),
                "format": ["JPEG"] * n,
                "mode": ["RGB"] * n,
                "exif_orientation": [1] * n,
            }
        ),
        metadata=pd.DataFrame(
            {"age": rng.integers(1, 90, n), "source": rng.choice(["web", "phone", "lab"], n)}
        ),
        dynamics=pd.DataFrame(
            rng.random((n, 5)), columns=["aum", "forgetting", "el2n", "confidence", "variability"]
        ),
        folds=np.where(splits == "train", np.arange(n) % 5, -1).astype(np.int32),
        groups=np.array([""] * n, dtype=str),
    )
    return replace(evidence, copies=find_copies(evidence))


def make_evidence_with_some_views(
    n: int = 60, n_classes: int = 3, d: int = 8, seed: int = 0
) -> Evidence:
    """The same, of which each view is embedded for other rows, and one view for none."""
    evidence = make_evidence(n, n_classes, d, seed)
    views = evidence.view_embeddings or {}
    rows = {view: np.arange(n)[i % 3 :: i + 1] for i, view in enumerate(views)}
    rows["hflip"] = np.arange(0)
    return replace(
        evidence,
        view_embeddings={view: views[view][rows[view]] for view in views},
        view_rows=rows,
    )
