"""Images turned on purpose, in drawings, faces and photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from material import Row, analysed, evidence, planted
from orientation import turn_some
from sklearn.metrics import average_precision_score

from curate.store.run import Run

SHARE = 0.04
WANTED = {("sketch7", "vflip"): 0.93, ("sketch7", "sideways"): 0.93}


def rows(data: Path, weights: Path) -> Iterator[Row]:
    for name in ("sketch7", "masks3", "sports11"):
        clean = analysed(data / name, weights)
        share = float(found(clean)["flagged"].mean())
        met = share < 0.01
        yield Row("orientation", f"nothing in {name}", "flagged", share, "below .01", met, {})
        for transform in ("vflip", "sideways"):
            yield from turned(data / name, weights, transform)


def turned(data: Path, weights: Path, transform: str) -> Iterator[Row]:
    changed: list[str] = []

    def plant(folder: Path) -> None:
        changed.extend(path for path, _ in turn_some(folder, transform, SHARE, 0))

    run = planted(data, weights, f"orientation-{transform}", plant)
    table = found(run)
    known, paths = evidence(run)
    truth = paths.isin(changed).to_numpy()
    probs = known.pred_probs
    assert probs is not None
    entropy = -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1)
    label = probs[np.arange(len(truth)), known.labels]
    peers = {
        "entropy": average_precision_score(truth, entropy),
        "self_confidence": average_precision_score(truth, 1 - label),
        "random": float(truth.mean()),
    }
    what = f"{SHARE:.0%} {transform} in {data.name}"
    ap = float(average_precision_score(truth, 1 - table["score"]))
    wanted = WANTED.get((data.name, transform))
    target = f"at least {wanted}" if wanted else ""
    met = ap >= (wanted or max(peers.values()))
    yield Row("orientation", what, "AP", ap, target, met, peers)
    top = float(truth[(table["rank"] <= len(table) / 10).to_numpy()].sum() / truth.sum())
    first = (data.name, transform) == ("sketch7", "vflip")
    target = "at least .97" if first else ""
    yield Row("orientation", what, "recall in top 10 %", top, target, top >= 0.97 or not first, {})
    flagged = table["flagged"].to_numpy(dtype=bool)
    hits = float((flagged & truth).sum())
    yield Row("orientation", what, "flagged: precision", hits / max(flagged.sum(), 1), "", True, {})
    yield Row("orientation", what, "flagged: recall", hits / truth.sum(), "", True, {})


def found(run: Run) -> pd.DataFrame:
    """The kind's findings in the order of the run's samples."""
    table = run.table("findings").query("kind == 'orientation'").set_index("sample_id")
    return table.loc[run.table("samples")["sample_id"]].reset_index()
