"""What a run says of every image and every split: metrics, tiers, and the table of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog
from curate.data.statistics import SHOWN
from curate.errors import listed
from curate.findings import Neighbors, stage_rng
from curate.numerics.metrics import classification_metrics
from curate.numerics.probabilities import margin
from curate.numerics.scores import image_scores
from curate.pipeline.settings import Settings
from curate.pipeline.stages import has_logits
from curate.progress import log
from curate.remedies.tiering import REVIEW, Tiering
from curate.remedies.tiers import USUAL, assign_tiers, difficulty_of
from curate.store.files import write_json
from curate.store.run import Run
from curate.store.schema import SAMPLES


def write_metrics(
    run: Run, table: pd.DataFrame, labels: Any, probs: Any, names: tuple[str, ...], seed: int
) -> None:
    """Scores of each split on its labelled images, into metrics.json."""
    splits = {}
    for split in ("train", "val", "test"):
        rows = np.flatnonzero((table["split"] == split).to_numpy() & (labels >= 0))
        if len(rows):
            rng = stage_rng(seed, f"metrics-{split}")
            splits[split] = classification_metrics(labels[rows], probs[rows], names, rng)
    write_json(run.path / "metrics.json", {"classes": list(names), "splits": splits})


def in_sample(run: Run, table: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Which rows the model behind the numbers has been trained on, and how."""
    if settings.predictions:
        return {
            "splits": [], "rows": 0, "why": "predictions were given: whether their model had seen "
            "an image, whoever made them knows. For train, give out-of-fold ones",
        }  # fmt: skip
    if not has_logits(run):
        return {"splits": [], "rows": 0, "why": "every row is predicted by a probe without it"}
    return {
        "splits": ["train"],
        "rows": int((table["split"] == "train").sum()),
        "why": "the classifier was presumably trained on train: its embeddings of these images "
        "are in-sample, though the probe that predicts them is out-of-fold",
    }


def tiers_of(
    run: Run, ids: pd.Series[str], labels: Any, gap: Any, tiering: Tiering = USUAL
) -> pd.DataFrame:
    """The tiers of labelled training images, from what the detectors found.

    Args:
        run: with its findings; a kind that was not looked for says nothing.
        ids: (n,) their sample ids.
        labels: (n,) their class numbers.
        gap: (n,) their held-out margins.
        tiering: how many tiers, and how they are cut.
    """
    findings = run.table("findings")
    errors, hard = (
        findings[findings["kind"] == kind].set_index("sample_id").reindex(ids)
        for kind in ("label_error", "hard")
    )
    texts = {
        "review_reasons": errors["reason"], "types": hard["type"], "type_reasons": hard["reason"],
    }  # fmt: skip
    return assign_tiers(
        ids.to_numpy(dtype=str), labels, gap, errors["flagged"].eq(True).to_numpy(),
        class_names=tuple(run.info["classes"]), tiering=tiering,
        **{name: column.fillna("").tolist() for name, column in texts.items()},
    )  # fmt: skip


def write_tiers_and_samples(
    run: Run, table: pd.DataFrame, labels: Any, probs: Any, catalog: Catalog, graph: Neighbors
) -> None:
    """The last stage: tiers of the training images, and the table of all images."""
    names = catalog.class_names
    gap = np.full(len(table), np.nan)
    known = np.flatnonzero(labels >= 0)
    gap[known] = margin(labels[known], probs[known])
    is_train = (table["split"] == "train").to_numpy()
    rows = np.flatnonzero(is_train & (labels >= 0))
    tiers = tiers_of(run, table["sample_id"].iloc[rows], labels[rows], gap[rows])
    lost = set(labels[rows]) - set(labels[rows][(tiers["tier"] != REVIEW).to_numpy()])
    if lost:
        log.warning(
            "every training image of %s is under review: nothing of it is left to train on until "
            "somebody decides", listed(names[c] for c in sorted(lost)),
        )  # fmt: skip
    run.write_table("tiers", tiers)
    best = probs.argmax(axis=1)
    samples = table.assign(
        pred_label=[names[c] for c in best],
        confidence=probs[np.arange(len(probs)), best].astype(float),
        margin=gap,
        in_sample=is_train & has_logits(run),
        fold=np.asarray(run.array("cache/folds", table["sample_id"])),
        tier=table["sample_id"].map(tiers.set_index("sample_id")["tier"]),
        difficulty=difficulty_of(gap),
        **image_scores(labels, probs, graph, run.array("embeddings", table["sample_id"])),
    )
    stats = run.table("image_stats")[list(SHOWN)]
    columns = [*SAMPLES, *catalog.metadata]
    run.write_table("samples", pd.concat([samples[columns], stats], axis=1))
