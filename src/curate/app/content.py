"""What a run has to show, as plain columns: read from the run directory, ready for FiftyOne.

Nothing here imports fiftyone. Values are Python's own (None for missing), because that is what the
database stores and hands back.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.app.fields import Column, image_facts, plain, user_columns
from curate.app.names import FACTS, OWN_FIELDS, UNLABELLED_TAG, tag_for
from curate.progress import log
from curate.store.run import Run

VERSION = 4
"""Raised whenever the same run would be published differently, so that it is published again."""

_FILES = (
    "samples.parquet",
    "findings.parquet",
    "probs.npy",
    "projection.npy",
    "metrics.json",
    "audits.parquet",
    "decided.parquet",
)
_SCALARS = {
    "tier": "string",
    "difficulty": "float",
    "margin": "float",
    "hardness": "float",
    "mistakenness": "float",
    "uniqueness": "float",
    "in_sample": "bool",
}
_NO_LOG_OF_ZERO = 1e-12
_CONFUSED_PAIRS = 10


@dataclass(frozen=True)
class Content:
    """Everything of a run that FiftyOne shows; lists share the order of samples.parquet.

    Attributes:
        ids: sample ids.
        filepaths: absolute paths of the images.
        labels: the label of each image, None without one.
        sizes: (width, height) of each image, None where unknown.
        file_sizes: bytes of each file, None where unknown.
        tags: the tags the tool puts: split, findings, and one for images without a label.
        pred_labels: the predicted class of each image, None without one.
        confidences: the probability of the predicted class.
        logits: (n, n_classes) float32, or None.
        columns: the scalar fields by name, all of them.
        facts: names of the fields with facts of the image.
        user_columns: names of the fields with the user's own columns, and the user's name of each.
        projection: (n, 2), or None.
        classes: the class names in the order of the logits.
        flagged: number of flagged images by finding kind, every kind present.
        confusions: the most confused (label, predicted label, count) over all splits.
        audits: sample ids that a person is asked to judge, in that order, by finding kind.
    """

    ids: list[str]
    filepaths: list[str]
    labels: list[str | None]
    sizes: list[tuple[int, int] | None]
    file_sizes: list[int | None]
    tags: list[list[str]]
    pred_labels: list[str | None]
    confidences: list[float | None]
    logits: NDArray[np.float32] | None
    columns: dict[str, Column]
    projection: NDArray[np.float64] | None
    classes: list[str]
    facts: list[str] = field(default_factory=list)
    user_columns: dict[str, str] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    confusions: list[tuple[str, str, int]] = field(default_factory=list)
    audits: dict[str, list[str]] = field(default_factory=dict)


def content_digest(run: Run) -> str:
    """Digest of all that `read_content` reads; the same digest needs no second publishing."""
    info = [run.info.get(key) for key in ("classes", "metadata")]
    digest = hashlib.sha256(json.dumps([VERSION, *info]).encode())
    for name in _FILES:
        path = run.path / name
        part = b""
        if path.is_file():
            with path.open("rb") as file:
                part = hashlib.file_digest(file, "sha256").digest()
        digest.update(name.encode() + part)
    return digest.hexdigest()


def read_content(run: Run, taken: Collection[str] = ()) -> Content:
    """Read what a run has to show; parts that the run lacks are left out and said.

    Args:
        run: the run.
        taken: field names that the user's own columns must not have.

    Raises:
        StaleArtefact: an array does not belong to the rows of samples.parquet.
    """
    samples = run.table("samples")
    ids = [str(value) for value in samples["sample_id"]]
    labels = plain(samples["label"])
    pred_labels = plain(samples["pred_label"])
    now = _decided(run, samples)
    columns = {name: Column(kind, plain(now[name])) for name, kind in _SCALARS.items()}
    columns["correct"] = Column(
        "bool",
        [
            None if label is None or guess is None else label == guess
            for label, guess in zip(plain(now["label"]), pred_labels, strict=True)
        ],
    )
    found, tags, flagged = _findings(run.table("findings"), ids)
    columns.update(found)
    facts = image_facts(samples)
    columns.update(facts)
    own, user_names = user_columns(run, {*taken, *OWN_FIELDS, *FACTS, *columns})
    columns.update(own)
    probs = _array(run, "probs", ids)
    projection = _array(run, "projection", ids)
    return Content(
        ids=ids,
        filepaths=[str(value) for value in samples["filepath"]],
        labels=labels,
        sizes=_sizes(samples),
        file_sizes=_file_sizes(samples),
        tags=_tags(samples["split"], labels, tags),
        pred_labels=pred_labels,
        confidences=plain(samples["confidence"]),
        logits=None if probs is None else np.log(np.maximum(probs, _NO_LOG_OF_ZERO), dtype="f4"),
        columns=columns,
        projection=None if projection is None else np.asarray(projection, dtype=np.float64),
        classes=[str(name) for name in run.info.get("classes", [])],
        facts=list(facts),
        user_columns=user_names,
        flagged=flagged,
        confusions=_confusions(run),
        audits=_audits(run, set(ids)),
    )


def _decided(run: Run, samples: pd.DataFrame) -> pd.DataFrame:
    """The samples, with the labels and tiers that people's decisions come to, where known."""
    decided = run.table("decided")
    if decided["sample_id"].tolist() != samples["sample_id"].tolist():
        return samples
    return samples.assign(**{name: decided[name] for name in ("label", "tier", "difficulty")})


def _findings(
    findings: pd.DataFrame, ids: list[str]
) -> tuple[dict[str, Column], list[set[str]], dict[str, int]]:
    columns: dict[str, Column] = {}
    tags: list[set[str]] = [set() for _ in ids]
    flagged: dict[str, int] = {}
    for kind, table in findings.groupby("kind", sort=True):
        table = table.set_index("sample_id").reindex(ids)
        # reindex turns a bool column into objects with NaN where a row is missing.
        flags = [value is True or value == 1 for value in plain(table["flagged"])]
        columns[f"{kind}_score"] = Column("float", plain(table["score"]))
        columns[f"{kind}_flagged"] = Column("bool", flags)
        for name, text in (
            ("reason", "reason"),
            ("type", "type"),
            ("suggestion", "suggestion"),
            ("partner", "partner_id"),
        ):
            values = plain(table[text])
            if any(value is not None for value in values):
                columns[f"{kind}_{name}"] = Column("string", values)
        for row, flag in zip(tags, flags, strict=True):
            if flag:
                row.add(tag_for(str(kind)))
        flagged[str(kind)] = sum(flags)
    return columns, tags, flagged


def _audits(run: Run, known: set[str]) -> dict[str, list[str]]:
    drawn = run.table("audits").groupby("kind")["sample_id"]
    return {str(kind): [one for one in ids if one in known] for kind, ids in drawn}


def _sizes(samples: pd.DataFrame) -> list[tuple[int, int] | None]:
    pairs = zip(plain(samples["width"]), plain(samples["height"]), strict=True)
    return [None if None in pair else (int(pair[0]), int(pair[1])) for pair in pairs]


def _tags(
    splits: Iterable[str], labels: list[str | None], findings: list[set[str]]
) -> list[list[str]]:
    return [
        sorted({split, *found} | (set() if label else {UNLABELLED_TAG}))
        for split, label, found in zip(splits, labels, findings, strict=True)
    ]


def _file_sizes(samples: pd.DataFrame) -> list[int | None]:
    if "size_bytes" not in samples.columns:
        return [None] * len(samples)
    return [None if value is None else int(value) for value in plain(samples["size_bytes"])]


def _array(run: Run, name: str, ids: list[str]) -> NDArray[Any] | None:
    if name not in run.info["arrays"]:
        log.warning("publish: the run has no %s.npy; the App shows nothing of it", name)
        return None
    return run.array(name, rows=ids)


def _confusions(run: Run) -> list[tuple[str, str, int]]:
    """The pairs confused most often, counts added up over the splits."""
    counts: Counter[tuple[str, str]] = Counter()
    for split in run.scores().values():
        for pair in split.get("top_confusions", []):
            counts[pair["label"], pair["pred_label"]] += int(pair["count"])
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(label, guess, n) for (label, guess), n in ranked[:_CONFUSED_PAIRS] if n]
