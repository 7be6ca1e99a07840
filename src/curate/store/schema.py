"""The columns of every table in a run, with their Arrow types: the contract other tools read."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

SCHEMA_VERSION = 4
"""Raised whenever a table or `run.json` changes in a way that a reader would notice."""

CATALOG: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "filepath": pa.string(),
    "split": pa.string(),
    "label": pa.string(),
    "group": pa.string(),
    "content_digest": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "size_bytes": pa.int64(),
    "mtime_ns": pa.int64(),
    "format": pa.string(),
    "mode": pa.string(),
    "exif_orientation": pa.int32(),
    "animated": pa.bool_(),
}
PROBLEMS: Mapping[str, pa.DataType] = {
    "filepath": pa.string(),
    "split": pa.string(),
    "label": pa.string(),
    "problem": pa.string(),
    "detail": pa.string(),
}
SAMPLES: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "filepath": pa.string(),
    "split": pa.string(),
    "label": pa.string(),
    "pred_label": pa.string(),
    "confidence": pa.float64(),
    "margin": pa.float64(),
    "in_sample": pa.bool_(),
    "fold": pa.int32(),
    "tier": pa.string(),
    "difficulty": pa.float64(),
    "hardness": pa.float64(),
    "mistakenness": pa.float64(),
    "uniqueness": pa.float64(),
    "group": pa.string(),
    "content_digest": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "size_bytes": pa.int64(),
    "format": pa.string(),
    "mode": pa.string(),
    "exif_orientation": pa.int32(),
    "animated": pa.bool_(),
}
FINDINGS: Mapping[str, pa.DataType] = {
    "kind": pa.string(),
    "sample_id": pa.string(),
    "score": pa.float64(),
    "flagged": pa.bool_(),
    "rank": pa.int64(),
    "suggestion": pa.string(),
    "partner_id": pa.string(),
    "reason": pa.string(),
    "type": pa.string(),
}
TIERS: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "tier": pa.string(),
    "difficulty": pa.float64(),
    "weight": pa.float64(),
    "reason": pa.string(),
}
"""`weight` is how often an image is drawn in an epoch, 1 for most; a run of before has none."""

DECISIONS: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "action": pa.string(),
    "value": pa.string(),
    "source": pa.string(),
    "finding": pa.string(),
    "time": pa.string(),
}
JUDGED: Mapping[str, pa.DataType] = {"sample_id": pa.string(), "label": pa.string()}
"""The labels that an analysis with decisions went by."""

DECIDED: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "label": pa.string(),
    "tier": pa.string(),
    "difficulty": pa.float64(),
    "weight": pa.float64(),
    "dropped": pa.bool_(),
    "turn": pa.string(),
    "reason": pa.string(),
}
AUDITS: Mapping[str, pa.DataType] = {
    "kind": pa.string(),
    "sample_id": pa.string(),
    "part": pa.string(),
    "size": pa.int64(),
    "round": pa.int64(),
    "findings": pa.string(),
    "judged": pa.bool_(),
}
DECODE_PROBLEMS: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "problem": pa.string(),
    "detail": pa.string(),
}
IMAGE_STATS: Mapping[str, pa.DataType] = {"sample_id": pa.string()}
DYNAMICS: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "label": pa.string(),
    "aum": pa.float64(),
    "forgetting": pa.float64(),
    "el2n": pa.float64(),
    "confidence": pa.float64(),
    "variability": pa.float64(),
}
"""One row an image, NaN where training recorded nothing of it; `label` is the class that it was
trained as, or the source's where the recording does not say."""

EPOCHS: Mapping[str, pa.DataType] = {
    "sample_id": pa.string(),
    "epoch": pa.int32(),
    "logit_true": pa.float32(),
    "logit_other": pa.float32(),
    "p_true": pa.float32(),
    "correct": pa.bool_(),
}
"""What training records, a row an image and epoch in which it was trained on: the logit of the
class it was trained as, the largest other logit, the probability of its class, and whether its
class had the largest logit. `EPOCHS_OPTIONAL` may follow. It is a file beside a training run."""

EPOCHS_OPTIONAL: Mapping[str, pa.DataType] = {"error_length": pa.float32(), "label": pa.string()}
"""The length of ``p - one_hot(y)`` (without it EL2N is exact up to three classes), and the class
that the image was trained as, so that what another label taught is not taken for this one."""

TABLES: Mapping[str, Mapping[str, pa.DataType]] = {
    "catalog": CATALOG,
    "decode_problems": DECODE_PROBLEMS,
    "image_stats": IMAGE_STATS,
    "problems": PROBLEMS,
    "samples": SAMPLES,
    "findings": FINDINGS,
    "tiers": TIERS,
    "decisions": DECISIONS,
    "decided": DECIDED,
    "judged": JUDGED,
    "audits": AUDITS,
    "dynamics": DYNAMICS,
}

CACHED = ("catalog", "decode_problems", "image_stats", "judged")
"""Tables that only curate reads; they lie in the run's ``cache`` folder."""

TIER_NAMES = ("easy", "medium", "hard", "review")
"""Tiers of training images, in the order a curriculum meets them; `review` is in no stage."""

DECISION_TAGS = ("hard", "easy", "exclude", "ok")
"""Sample tags by which a person decides; reserved, the tool never writes them."""

RELABEL_PREFIX = "relabel:"
"""A sample tag ``relabel:CLASS`` is a person's new label."""

TURN_PREFIX = "turn:"
"""A sample tag ``turn:VIEW`` says which turn sets an image upright."""

ACTIONS = ("exclude", "relabel", "hard", "easy", "ok", "turn")
"""Values of `decisions.action`; on one image an earlier one wins over a later one.

`relabel` has a class as its value, `turn` the view that sets the image upright (one of
`curate.data.views.VIEWS`), the others an empty text."""


def empty(name: str) -> pd.DataFrame:
    """A table of the right columns and no rows."""
    frame: pd.DataFrame = to_arrow(
        name, pd.DataFrame({column: [] for column in TABLES[name]})
    ).to_pandas()
    return frame


def to_arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    """Give a frame the types of its table; columns beyond the schema are kept as they are.

    Raises:
        ValueError: a column of the schema is missing.
    """
    schema = TABLES[name]
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise ValueError(f"Expected columns {list(schema)} in table {name}, missing {missing}.")
    fields = [
        (column, pa.array(frame[column], type=kind, from_pandas=True))
        for column, kind in schema.items()
    ]
    extra = [column for column in frame.columns if column not in schema]
    fields += [(str(column), pa.array(frame[column], from_pandas=True)) for column in extra]
    return pa.table(dict(fields))
