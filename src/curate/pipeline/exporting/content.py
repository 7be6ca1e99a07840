"""From a run and its decisions to the content of an export, and where each part comes from."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from curate.findings import Ints
from curate.pipeline.evidence import copies_of
from curate.pipeline.exporting.exported import DECISION_COLUMNS, IMAGE_COLUMNS
from curate.pipeline.stages import fold_groups, label_numbers
from curate.progress import Progress, log, silent
from curate.recipe.stages import Schedule
from curate.remedies.edits import Edited
from curate.remedies.formats import Content, Link
from curate.remedies.tiering import REVIEW
from curate.store.run import Run

FOLDS = 5
"""Folds of the format `folds` where nobody says how many."""


def content_of(
    run: Run, after: Edited, schedule: Schedule, tiers: tuple[str, ...], link: Link,
    folds: int | None, progress: Progress = silent,
) -> Content:  # fmt: skip
    """What the formats write.

    Args:
        run: a finished run.
        after: its images after the decisions.
        schedule: who is trained on when.
        tiers: to train on, the easiest first.
        link: how trees are made.
        folds: how many, None for no folds.
        progress: for the bars.
    """
    names = tuple(run.info["classes"])
    samples = after.samples
    numbers = label_numbers(samples["label"], names)
    units: Ints = np.arange(len(samples))
    if folds is not None:
        copies = copies_of(run, samples, numbers, names)
        units, apart = fold_groups(samples, numbers, copies, folds)
        if apart:
            log.warning("folds: %d pairs of copies may be in different folds: kept together, they "
                        "would hold too much of a class", apart)  # fmt: skip
    target = pd.Series(numbers, dtype="Int64")
    table = samples.assign(
        # An unlabelled image has no target: -1 would be taken for a class.
        target=target.where(target >= 0),
        group=samples["group"].fillna(""),
        unit=units,
    )
    return Content(
        table, names, schedule, int(run.info["seed"]), (*tiers, REVIEW), link, folds or FOLDS,
        progress,
    )  # fmt: skip


def images_table(before: pd.DataFrame, content: Content, decisions: pd.DataFrame) -> pa.Table:
    """Every image of the run, and what became of it: images.parquet.

    Args:
        before: the run's samples.
        content: the same images after the decisions.
        decisions: of people.
    """
    table = content.table
    dropped = table["dropped"].to_numpy(dtype=bool)
    review = dropped & (table["tier"] == REVIEW).to_numpy()
    unlabelled = ((table["split"] == "train") & table["target"].isna()).to_numpy()
    state = np.select(
        [review, dropped, unlabelled], ["review", "excluded", "unlabelled"], default="kept"
    )
    decided = table["sample_id"].isin(decisions["sample_id"]).to_numpy()
    by = np.select([decided, review], ["person", "tool"], default="")
    columns = {**{name: table[name] for name in IMAGE_COLUMNS if name in table},
               "source_label": before["label"], "state": state, "by": by}  # fmt: skip
    return pa.table(
        {
            name: pa.array(pd.Series(columns[name]), type=kind, from_pandas=True)
            for name, kind in IMAGE_COLUMNS.items()
        }
    )


def decisions_table(content: Content, decisions: pd.DataFrame) -> pd.DataFrame:
    """Every decision of people, and whether it was carried out: decisions.csv."""
    paths = dict(zip(content.table["sample_id"], content.table["filepath"], strict=True))
    said = decisions.groupby("sample_id")["action"].agg(set).to_dict()
    rows = []
    for row in decisions.to_dict("records"):
        others = said[row["sample_id"]]
        used = "yes"
        if row["sample_id"] not in paths:
            used = "no: the run has no such image"
        elif row["action"] != "exclude" and "exclude" in others:
            used = "no: it is excluded"
        elif row["action"] == "easy" and "hard" in others:
            used = "no: it is called hard"
        rows.append({**row, "filepath": paths.get(row["sample_id"], ""), "used": used})
    return pd.DataFrame(rows, columns=list(DECISION_COLUMNS))


def run_digest(run: Run) -> str:
    """A digest of what the run found, whatever it is called and wherever its images are.

    Made from the keys of its stages, which are made from all that they read: images by their
    content, weights, settings, seed.
    """
    keys = {name: stage["key"] for name, stage in sorted(run.info["stages"].items())}
    text = json.dumps([run.info["classes"], run.info["seed"], keys])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def images_digest(images: pa.Table) -> str:
    """A digest of which images there are, and of their bytes."""
    pairs = sorted(zip(images["sample_id"].to_pylist(), images["content_digest"].to_pylist(),
                       strict=True))  # fmt: skip
    return hashlib.sha256("\n".join(map(" ".join, pairs)).encode()).hexdigest()[:32]


def settings_of(run: Run) -> dict[str, Any]:
    """The settings of the analysis that say what was found: not where, nor on what machine."""
    recorded = run.info["settings"]
    names = ("img_size", "detectors", "all_views", "with_decisions", "folds")
    return {name: recorded[name] for name in names if name in recorded}
