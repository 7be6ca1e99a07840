"""How many images an export has, and what people's decisions do to the scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from curate.findings import Floats, stage_rng
from curate.numerics.metrics import classification_metrics
from curate.pipeline.stages import label_numbers
from curate.remedies.edits import Edited
from curate.remedies.formats.content import SPLITS, Content
from curate.remedies.tiering import REVIEW

SHOWN = ("n", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval")


def counts_of(content: Content) -> dict[str, int]:
    """Images by tier and by split, and those of train that are held back."""
    train = content.of("train")
    counts = {
        f"train_{tier}": int((train["tier"] == tier).sum())
        for tier in content.tiers
        if tier != REVIEW
    }
    every = content.table[content.table["split"] == "train"]
    counts["train_held_back"] = int(every["dropped"].sum())
    unlabelled = int((~every["dropped"].to_numpy(dtype=bool) & every["target"].isna()).sum())
    if unlabelled:
        counts["train_unlabelled"] = unlabelled
    return counts | {split: len(content.of(split)) for split in SPLITS}


def scores_of(
    before: pd.DataFrame, after: Edited, probs: Floats, names: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Accuracy and macro F1 of val and test before and after people's decisions on them."""
    scores: dict[str, Any] = {}
    for split in SPLITS[1:]:
        own = (before["split"] == split).to_numpy()
        pairs = {
            "before": (before, own),
            "after": (after.samples, own & ~after.samples["dropped"].to_numpy(dtype=bool)),
        }
        for when, (table, mask) in pairs.items():
            labels = label_numbers(table["label"], names)
            rows = np.flatnonzero(mask & (labels >= 0))
            if len(rows):
                rng = stage_rng(seed, f"metrics-{split}")
                found = classification_metrics(labels[rows], probs[rows], names, rng)
                scores.setdefault(split, {})[when] = {key: found[key] for key in SHOWN}
    return scores
