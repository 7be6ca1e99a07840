"""Curriculum tiers: every labelled training image is easy, medium, hard, or set aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curate.findings import Bools, Floats, Ints, Strings

SHARES = {"medium": 0.3, "hard": 0.2}
"""Share of each class in the later tiers; the rest is easy."""

DESCRIBED = {"easy": "easiest", "medium": "middling", "hard": "hardest"}


def difficulty_of(margin: Floats) -> Floats:
    """Difficulty in [0, 1] of held-out margins in [-1, 1]: 0 is sure and right, 1 wrong."""
    result: Floats = np.clip((1 - margin) / 2, 0, 1)
    return result


def assign_tiers(
    sample_ids: Strings,
    labels: Ints,
    margin: Floats,
    review: Bools,
    review_reasons: Sequence[str],
    class_names: tuple[str, ...],
) -> pd.DataFrame:
    """Put training images into tiers by difficulty, class by class.

    Idea: quantiles of the held-out margin inside each class, so that a hard class is not all in
    the last tier and every class is in every tier that it has images for (three images make one
    each). Suspected label errors are in none of them but in `review`: a wrong label is not a hard
    example.

    Args:
        sample_ids: (n,) of labelled training images.
        labels: (n,) class numbers.
        margin: (n,) held-out margins.
        review: (n,) True for suspected label errors.
        review_reasons: (n,) why, for those.
        class_names: for the reasons.

    Returns:
        A table with the columns of `curate.store.schema.TIERS`, in the order given.
    """
    n = len(sample_ids)
    difficulty = difficulty_of(margin)
    tier = np.full(n, "easy", dtype=object)
    for c in np.unique(labels):
        rows = np.flatnonzero((labels == c) & ~review)
        rows = rows[np.lexsort((sample_ids[rows].astype(str), difficulty[rows]))]
        n_hard, n_medium = _sizes(len(rows))
        tier[rows[len(rows) - n_hard :]] = "hard"
        tier[rows[len(rows) - n_hard - n_medium : len(rows) - n_hard]] = "medium"
    tier[review] = "review"
    reason = [
        f"suspected label error: {review_reasons[i]}"
        if review[i]
        else f"held-out margin {margin[i]:.2f}, among the {DESCRIBED[tier[i]]} of "
        f"{class_names[labels[i]]}"
        for i in range(n)
    ]
    return pd.DataFrame(
        {"sample_id": sample_ids, "tier": tier, "difficulty": difficulty, "reason": reason}
    )


def _sizes(n: int) -> tuple[int, int]:
    """How many of n images of a class are hard and medium."""
    if n < 3:
        return (0, n - 1) if n else (0, 0)
    return max(1, round(SHARES["hard"] * n)), max(1, round(SHARES["medium"] * n))


def tier_by_cutoffs(difficulty: float, label: str, tiers: pd.DataFrame) -> str:
    """The tier of an image that a person put back, by the cut-offs that its class already has.

    Args:
        difficulty: of the image under its label.
        label: its class.
        tiers: tier, difficulty and label of the training images.
    """
    own = tiers[tiers["label"] == label]
    for name in ("hard", "medium"):
        least = own.loc[own["tier"] == name, "difficulty"].min()
        if difficulty >= least:
            return name
    return "easy"
