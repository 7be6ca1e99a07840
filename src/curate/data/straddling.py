"""Groups (images of one person, one video, one photo) against splits: which of them leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from curate.data.listing import SPLIT_ORDER

MAX_EXAMPLES = 5

ADVICE = (
    "Split by group: --group-pattern (or --group-column) with --val-fraction and --test-fraction "
    "on the images without their splits, or scikit-learn's StratifiedGroupKFold."
)
"""What to do about straddling groups."""


@dataclass(frozen=True)
class Straddling:
    """How groups lie across splits.

    Attributes:
        n_groups: groups, those of one image included.
        n_shared: groups of two images or more.
        n_straddling: groups with images in two splits or more.
        images: split -> images of straddling groups in it, for every split there is.
        with_mate: "val" and "test", as far as there are -> share of all their images whose group
            also has an image in train; without a train split, empty.
        examples: up to five straddling groups, the largest first:
            "'person_07': 5 train, 2 test".
    """

    n_groups: int
    n_shared: int
    n_straddling: int
    images: dict[str, int]
    with_mate: dict[str, float]
    examples: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What a person must know before reading any score, and what to do."""
        if self.n_straddling == 0:
            return f"Groups: {self.n_groups:,}, none with images in two splits."
        shares = [f"{_percent(s)} of the {name} images" for name, s in self.with_mate.items() if s]
        if shares:
            found = f"{' and '.join(shares)} have a group mate in train"
            harm = "Scores on them are too high."
        else:
            found = "none with train"
            harm = "Scores on one split are no independent check of the other."
        more = "; ..." if self.n_straddling > len(self.examples) else ""
        return (
            f"{self.n_straddling:,} of {self.n_groups:,} groups straddle splits: {found} "
            f"({'; '.join(self.examples)}{more}). {harm} {ADVICE}"
        )


def straddling(groups: Sequence[str], splits: Sequence[str]) -> Straddling:
    """Count groups that have images in more than one split.

    A count of what the table says, not an estimate. An image without a group ("") belongs to none,
    and counts only where a share is one of all images of a split. An image without a split ("")
    straddles nothing.

    Args:
        groups: n groups, "" for none.
        splits: n of "train", "val", "test" or "".
    """
    frame = pd.DataFrame({"group": list(groups), "split": list(splits)}, dtype=object)
    totals = frame["split"].value_counts()
    present = [split for split in SPLIT_ORDER if split in totals.index]
    grouped = frame[frame["group"] != ""]
    sizes = grouped.groupby("group").size()
    counts = (
        grouped[grouped["split"] != ""].groupby(["group", "split"]).size().unstack(fill_value=0)
    )
    counts = counts.reindex(columns=present, fill_value=0)
    across = counts[(counts > 0).sum(axis=1) > 1]
    held_out = [split for split in present if split != "train" and "train" in present]
    # The largest first; of equals the first by name, so that the order of rows does not matter.
    largest = across.sum(axis=1).sort_index().sort_values(ascending=False, kind="stable")
    return Straddling(
        n_groups=len(sizes),
        n_shared=int((sizes > 1).sum()),
        n_straddling=len(across),
        images={split: int(across[split].sum()) for split in present},
        with_mate={
            split: float(counts.loc[counts["train"] > 0, split].sum() / totals[split])
            for split in held_out
        },
        examples=tuple(_example(name, across.loc[name]) for name in largest.index[:MAX_EXAMPLES]),
    )


def _example(name: str, counts: pd.Series[int]) -> str:
    return f"'{name}': " + ", ".join(f"{count} {split}" for split, count in counts.items() if count)


def _percent(share: float) -> str:
    """Never 0 % of something and never 100 % of less than all."""
    whole = round(100 * share)
    if whole == 0:
        return "under 1 %"
    return "over 99 %" if whole == 100 and share < 1 else f"{whole} %"
