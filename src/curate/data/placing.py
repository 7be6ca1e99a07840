"""The split of every image: what the source says, what was asked to be made, or train."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from curate.data.listing import SPLIT_ORDER
from curate.data.source import Source
from curate.data.splitting import make_split
from curate.data.units import fold_units
from curate.errors import DataError
from curate.findings import stage_rng


def with_splits(
    table: pd.DataFrame, root: Path, source: Source, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """Give every image a split: its own, or one that is made.

    Shares that `source` asks for are held out of the images that have no split, or that are train.
    An image without a label or a split is test; any other without a split is train.

    Args:
        table: the images, with columns filepath, split ("" for none), label (missing for none),
            group and content_digest.
        root: what paths are taken relative to, so that a moved folder is split as before.
        source: the options.
        seed: of what is made.

    Returns:
        The table in the order train, val, test, and sentences about what was made.

    Raises:
        DataError: a share is asked for of a split that is there.
    """
    split = table["split"].to_numpy(dtype=object).copy()
    fractions = {"val": source.val_fraction, "test": source.test_fraction}
    for name, fraction in fractions.items():
        if fraction and (split == name).any():
            raise DataError(
                f"Expected images without a {name} split for --{name}-fraction, found "
                f"{int((split == name).sum())} {name} images already. Leave the option out."
            )
    labelled = table["label"].notna().to_numpy()
    free, notes = (split == "") | (split == "train"), []
    bare = (split == "") & ~labelled
    if bare.any() and labelled.any():
        split[bare] = "test"
        notes.append(f"{int(bare.sum())} images have neither a label nor a split: they are test.")
    split[split == ""] = "train"
    if any(fractions.values()):
        units = fold_units(table["content_digest"].tolist(), table["group"].tolist())
        # What shares a group or its bytes with a split that is there would leak out of a new one.
        taken = np.isin(units, units[(split == "val") | (split == "test")])
        rows = np.flatnonzero(free & labelled & ~taken)
        if kept := int((free & labelled & taken).sum()):
            notes.append(f"{kept} train images have a group mate or a copy in a split that is "
                         "there; they stay in train.")  # fmt: skip
        made = make_split(
            table["label"].iloc[rows].tolist(),
            units[rows],
            table["filepath"].iloc[rows].str.removeprefix(f"{root}{os.sep}").tolist(),
            source.val_fraction,
            source.test_fraction,
            stage_rng(seed, "split"),
        )
        split[rows] = made.split
        notes += made.notes
    elif not {"val", "test"} & set(split):
        notes.append(
            "There is no val and no test split: every score is out-of-fold on train. Hold images "
            "out with --val-fraction and --test-fraction."
        )
    if (split == table["split"]).all():
        return table, notes
    placed = table.assign(split=pd.array(split, dtype="str"))
    order = np.argsort(pd.Categorical(split, categories=list(SPLIT_ORDER)).codes, kind="stable")
    return placed.iloc[order].reset_index(drop=True), notes
