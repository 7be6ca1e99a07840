"""The two types that travel between rooms: what is known about the images, and what was found.

`Evidence` is everything a detector may look at; `Findings` is all that a detector may say. Rows of
every array in one `Evidence` share one order, that of `sample_ids`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.store.schema import FINDINGS

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Strings = NDArray[Any]

KEEP, DROP = "keep", "drop"
"""Suggestions of a finding about copies: the one that is to stay, and the others."""

UNLABELLED = -1
"""The value of `Evidence.labels` for an image without a label."""


@dataclass(frozen=True)
class Neighbors:
    """The cosine k-nearest-neighbour graph of the embeddings, self excluded.

    Attributes:
        indices: (n_samples, k) row numbers, nearest first.
        distances: (n_samples, k) cosine distances in [0, 2], ascending.
        recall: the share of the true neighbours that are in the graph: 1 where it is exact, else
            measured on a sample, see `curate.numerics.neighbors.knn`.
        recall_interval: its 95 % interval.
    """

    indices: Ints
    distances: Floats
    recall: float = 1.0
    recall_interval: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Copies:
    """Pairs of rows, each once with a < b, and how alike they are.

    Attributes:
        a, b: (m,) row numbers.
        distances: (m,) cosine distances; NaN where not known.
        residuals: (m,) what the pixels do not share, see `curate.numerics.alignment.residual`.
        identical: (m,) True where the two files have the same bytes.
        confirmed: (m,) True where the pair counts as the same picture.
        typical: the median residual between an image and its best look-alike that is no copy.
        threshold: the residual up to which a pair was confirmed.
    """

    a: Ints
    b: Ints
    distances: Floats
    residuals: Floats
    identical: Bools
    confirmed: Bools
    typical: float
    threshold: float


@dataclass(frozen=True)
class Evidence:
    """What is known about n images. A field that was not computed is None.

    Attributes:
        sample_ids: (n,) stable identifiers.
        labels: (n,) indices into `class_names`; `UNLABELLED` where there is no label.
        splits: (n,) "train", "val" or "test".
        class_names: the classes in the column order of `pred_probs`.
        pred_probs: (n, n_classes) probabilities from a model that did not train on the row.
        embeddings: (n, d) float32 pre-logits.
        view_embeddings: per view name ("hflip", "vflip", "rot90", "rot180", "rot270") the (m, d)
            embeddings of images so transformed; rotations are counter-clockwise.
        view_rows: per view name the (m,) row numbers, ascending, that `view_embeddings` holds; None
            where it holds every row of every view.
        neighbors: the cosine graph of `embeddings`.
        copies: pairs of the same picture, see `curate.numerics.copies.find_copies`.
        digests: (n,) digest of each file's bytes.
        thumbnails: (n, 64, 64) uint8 grey, area-averaged, for confirming duplicates on pixels.
        image_stats: one row an image: brightness, contrast, sharpness, ...
        file_facts: one row an image: filename (without its folders), width, height, size_bytes,
            format, mode, exif_orientation.
        metadata: the user's own columns.
        dynamics: one row an image, NaN where a training run recorded nothing of it: aum,
            forgetting, el2n, confidence, variability.
        folds: (n,) out-of-fold assignment of train rows, -1 for the others.
        groups: (n,) images that belong together share a value; "" for none.
        seed: the run's seed; take random numbers from `rng`.
    """

    sample_ids: Strings
    labels: Ints
    splits: Strings
    class_names: tuple[str, ...]
    pred_probs: Floats | None = None
    embeddings: Floats | None = None
    view_embeddings: Mapping[str, Floats] | None = None
    view_rows: Mapping[str, Ints] | None = None
    neighbors: Neighbors | None = None
    copies: Copies | None = None
    digests: Strings | None = None
    thumbnails: NDArray[np.uint8] | None = None
    image_stats: pd.DataFrame | None = None
    file_facts: pd.DataFrame | None = None
    metadata: pd.DataFrame | None = None
    dynamics: pd.DataFrame | None = None
    folds: Ints | None = None
    groups: Strings | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def labelled(self) -> Bools:
        """(n,) True where the image has a label."""
        return np.asarray(self.labels != UNLABELLED)

    def rng(self, stage: str) -> np.random.Generator:
        """The random generator of one stage: same seed and stage, same numbers."""
        return stage_rng(self.seed, stage)


def stage_rng(seed: int, stage: str) -> np.random.Generator:
    """One generator a stage, so that adding a stage does not change the numbers of another."""
    return np.random.default_rng([seed, zlib.crc32(stage.encode())])


@dataclass(frozen=True)
class Findings:
    """What one detector says about every image.

    Attributes:
        kind: the detector's kind, such as "label_error".
        table: one row an image in the evidence's order, with the columns of
            `curate.store.schema.FINDINGS` less `kind`. `score` runs from 0 (worst) to 1 (fine);
            `rank` is 1 for the worst image; `type` is which of the kind's sorts it is of, "" where
            the kind has none.
        info: whatever concerns the kind as a whole (pairs of classes, thresholds, estimates). Where
            it can be estimated what share of the flagged is right, it is `precision`, with its 95 %
            interval [low, high] as `precision_interval` and in words what the estimate rests on as
            `precision_rests_on`; without these keys it is not known.
    """

    kind: str
    table: pd.DataFrame
    info: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        kind: str,
        evidence: Evidence,
        score: Floats,
        flagged: Bools,
        *,
        suggestion: Sequence[str] | None = None,
        partner_id: Sequence[str] | None = None,
        reason: Sequence[str] | None = None,
        types: Sequence[str] | None = None,
        info: dict[str, Any] | None = None,
    ) -> Findings:
        """Check what a detector computed and rank it, worst first, ties by sample_id.

        Raises:
            ValueError: a length differs from the evidence's, a score is not finite or lies
                outside [0, 1], or a flagged image has no reason.
        """
        n = len(evidence)
        blank = [""] * n
        columns: dict[str, Any] = {
            "sample_id": evidence.sample_ids,
            "score": np.asarray(score, dtype=np.float64),
            "flagged": np.asarray(flagged, dtype=bool),
            "suggestion": list(suggestion) if suggestion is not None else blank,
            "partner_id": list(partner_id) if partner_id is not None else blank,
            "reason": list(reason) if reason is not None else blank,
            "type": list(types) if types is not None else blank,
        }
        for name, values in columns.items():
            if len(values) != n:
                raise ValueError(f"{kind}: expected {n} values of {name}, found {len(values)}")
        scores = columns["score"]
        if n and not (np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1):
            raise ValueError(f"{kind}: expected finite scores in [0, 1]")
        if any(flag and not why for flag, why in zip(flagged, columns["reason"], strict=True)):
            raise ValueError(f"{kind}: every flagged image needs a reason")
        order = np.lexsort((np.asarray(evidence.sample_ids, dtype=str), scores))
        rank = np.empty(n, dtype=np.int64)
        rank[order] = np.arange(1, n + 1)
        table = pd.DataFrame({**columns, "rank": rank})
        ordered = [name for name in FINDINGS if name != "kind"]
        return cls(kind, table[ordered], info or {})

    @property
    def flagged(self) -> pd.DataFrame:
        """The flagged rows, worst first."""
        return self.table[self.table["flagged"]].sort_values("rank", ignore_index=True)
