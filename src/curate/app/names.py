"""What curate calls things inside FiftyOne: the dataset, its fields, its tags.

Nothing here imports fiftyone, so that naming a thing costs nothing.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from curate.store.run import Run
from curate.store.schema import DECISION_TAGS

ID_FIELD = "curate_id"
"""The field that ties a FiftyOne sample to a row of samples.parquet."""

TAGS_FIELD = "curate_tags"
"""The tags curate put on a sample; whatever else a sample carries, a person put there."""

LABEL_FIELD = "curate_label"
"""The label curate wrote into `LABELS`; where the two differ, a person edited it."""

DECIDED_FIELD = "curate_decided"
"""The decisions on a sample as the journal and the dataset last agreed on them."""

LABELS = "ground_truth"
PREDICTIONS = "predictions"
BRAIN_KEY = "umap"
EVAL_KEY = "eval"
EMBEDDING = "embedding"
SIMILARITY_KEY = "similarity"
WORKSPACE = "curate"

OWN_FIELDS = (
    ID_FIELD, TAGS_FIELD, LABEL_FIELD, DECIDED_FIELD, LABELS, PREDICTIONS, BRAIN_KEY, EVAL_KEY,
    EMBEDDING,
)  # fmt: skip
"""The fields that every run has, beside its columns."""

MARK = "curate"
"""The key of `dataset.info` under which curate keeps its own notes."""

UNLABELLED_TAG = "unlabelled"
"""On a sample whose image has no label in the run."""

FACTS = {
    "aspect_ratio": ("float", "width / height"),
    "brightness": ("float", "Mean grey, 0 black to 1 white"),
    "contrast": ("float", "Standard deviation of grey, 0 to 0.5"),
    "sharpness": ("float", "Variance of the Laplacian; low for blurred and for plain images"),
    "entropy": ("float", "Entropy of the grey histogram, 0 to 8 bits"),
    "saturation": ("float", "Mean saturation, 0 grey to 1"),
    "format": ("string", "File format, by content"),
    "mode": ("string", "How the file keeps its pixels, in Pillow's words"),
    "exif_orientation": ("int", "EXIF orientation, 1 for none; it is already applied"),
    "animated": ("bool", "More than one frame; only the first counts"),
    "group": ("string", "Images of one person, video or source share it"),
}
"""Fields with facts of the image: type and description."""

GONE_TAG = "gone"
"""On a sample whose image is in the run no more, kept for what a person said about it."""


def dataset_name(run: Run) -> str:
    """The name of the run's dataset: the one recorded in run.json, or the default."""
    return str(run.info.get("dataset") or default_dataset_name(run.path))


def default_dataset_name(path: str | Path) -> str:
    """A name that says which run it is and that no run elsewhere shares: ``curate-demo-1a2b3c``."""
    absolute = Path(path).expanduser().resolve()
    # `demo/run` says more than `run`.
    name = f"{absolute.parent.name}-run" if absolute.name == "run" else absolute.name
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
    digest = hashlib.sha1(str(absolute).encode(), usedforsecurity=False).hexdigest()
    return f"curate-{slug[:60]}-{digest[:6]}"


def tag_for(kind: str) -> str:
    """The sample tag of a finding; ``model_hard`` where the plain word is a person's to give."""
    return f"model_{kind}" if kind in DECISION_TAGS else kind
