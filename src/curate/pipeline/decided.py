"""What the decisions so far come to: tiers as they are now, beside those of the analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curate.errors import ExportError, listed
from curate.pipeline.results import tiers_of
from curate.pipeline.stages import label_numbers
from curate.remedies.edits import Edited, apply_decisions
from curate.remedies.tiering import OUT, REVIEW, Tiering
from curate.remedies.tiers import USUAL
from curate.store.run import Run
from curate.store.schema import DECIDED, TIER_NAMES


def edited(run: Run, tiering: Tiering = USUAL) -> Edited:
    """The images of a run in tiers, after the decisions that are saved in it.

    The usual tiers are those of the analysis, so that they are the ones which the App shows.

    Raises:
        ExportError: a decision cannot be carried out.
        StaleArtefact: the probabilities do not belong to the run's images.
    """
    samples = run.table("samples")
    names = tuple(run.info["classes"])
    probs = np.asarray(run.array("probs", samples["sample_id"]))
    tiers = run.table("tiers")
    if tiering != USUAL:
        labels = label_numbers(judged_labels(run, samples)["label"], names)
        rows = np.flatnonzero((samples["split"] == "train").to_numpy() & (labels >= 0))
        gap = samples["margin"].to_numpy(dtype=float)[rows]
        tiers = tiers_of(run, samples["sample_id"].iloc[rows], labels[rows], gap, tiering)
    return apply_decisions(samples, tiers, run.table("decisions"), probs, names, tiering)


def trained(samples: pd.DataFrame, tiering: Tiering = USUAL) -> pd.DataFrame:
    """The rows of `Edited.samples` that are trained on: of a tier, labelled, and not dropped."""
    mine = (samples["split"] == "train") & samples["label"].notna() & ~samples["dropped"]
    return samples[mine & samples["tier"].isin(tiering.names)]


def check_trainable(samples: pd.DataFrame, tiering: Tiering = USUAL) -> None:
    """Refuse tiers that leave a class without images; what people excluded is their word.

    Args:
        samples: of `edited`.
        tiering: how the tiers were cut.

    Raises:
        ExportError: naming the classes.
    """
    train = samples[(samples["split"] == "train") & samples["label"].notna()]
    held = train[train["tier"] == REVIEW]
    lost = sorted(set(held["label"]) - set(trained(samples, tiering)["label"]))
    if lost:
        raise ExportError(
            f"Expected images to train on for every class, found none for {listed(lost)}: all of "
            "them are under review. Say ok to them or give them a label in the App"
            + (", or keep low quality: --low-quality late." if tiering.low_quality == OUT else ".")
        )


def retier(run: Run) -> dict[str, int]:
    """Write decided.parquet: label, tier and turn of every image with the decisions so far.

    Returns:
        How many training images each tier has now, and how many were `moved` to another tier or
        out of all of them.
    """
    before = run.table("samples")["tier"].fillna("")
    table = edited(run).samples
    # What a person excluded has no tier; what the tool holds back stays to be seen under review.
    table["tier"] = table["tier"].fillna("")
    table["dropped"] = table["dropped"].to_numpy(dtype=bool)
    run.write_table("decided", table[list(DECIDED)])
    train = table.loc[table["split"] == "train", "tier"]
    counts = {tier: int((train == tier).sum()) for tier in TIER_NAMES}
    return {**counts, "moved": int((table["tier"].to_numpy() != before.to_numpy()).sum())}


def take_labels(run: Run, table: pd.DataFrame, with_decisions: bool) -> pd.DataFrame:
    """The images with the labels that an analysis goes by, which the run remembers.

    Args:
        run: the run, with its decisions.
        table: its readable images.
        with_decisions: take the labels that people gave, and none for what they excluded.
    """
    if not with_decisions:
        run.table_path("judged").unlink(missing_ok=True)
        return table
    decisions = run.table("decisions")
    relabelled = decisions[decisions["action"] == "relabel"].set_index("sample_id")["value"]
    excluded = decisions.loc[decisions["action"] == "exclude", "sample_id"]
    ids = table["sample_id"]
    label = ids.map(relabelled).astype(object).fillna(table["label"])
    judged = table.assign(label=label.where(~ids.isin(excluded), None))
    run.write_table("judged", judged[["sample_id", "label"]])
    return judged


def judged_labels(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """The images with the labels that the last analysis went by."""
    if not run.table_path("judged").exists():
        return table
    labels = run.table("judged").set_index("sample_id")["label"]
    return table.assign(label=table["sample_id"].map(labels))
