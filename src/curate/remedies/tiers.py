"""Curriculum tiers: every labelled training image is easy, medium, hard, or set aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curate.findings import Bools, Floats, Ints, Strings
from curate.remedies.tiering import OUT, REVIEW, Tiering

EARLY = "rare"
LATER = ("ambiguous", "boundary")
MISLABELLED, LOW_QUALITY = "mislabelled", "low_quality"

MOST = 3.0
"""The largest weight. The few images of a kind, shown ever more often, are learnt by heart, and
some of what looks rare is wrong: a choice, not a measurement."""

USUAL = Tiering()
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
    types: Sequence[str] | None = None,
    type_reasons: Sequence[str] | None = None,
    tiering: Tiering = USUAL,
) -> pd.DataFrame:
    """Put training images into tiers by difficulty, class by class, and by its type.

    Idea: quantiles of the held-out margin inside each class, so that a hard class is not all in
    the last tier and every class is in every tier that it has images for (three images make one
    each); or thresholds on the difficulty. The type of a difficulty says more than its size:

    - suspected label errors, and what looks mislabelled, are in none of the tiers but in
      `review`: a wrong label is not a hard example;
    - rare images are in the first tier however hard, and drawn more often, see `rare_weights`:
      what a model is to learn of them it learns from few;
    - ambiguous and boundary images are never in the first tier: they teach little before the
      classes are known (a class of nothing else begins with the second one);
    - low quality is in the last tier, or by option in `review`.

    Images without a type, and unclear ones, go by the margin alone. Source: types as in
    `curate.detectors.hard`; that easy images are needed first and ambiguous ones later from
    Swayamdipta et al. (2020), "Dataset Cartography", who train on one sort or the other.

    Not a proof that this order helps: compare with the control, see `curate.recipe.schedule`.

    Args:
        sample_ids: (n,) of labelled training images.
        labels: (n,) class numbers.
        margin: (n,) held-out margins.
        review: (n,) True for suspected label errors.
        review_reasons: (n,) why, for those.
        class_names: for the reasons.
        types: (n,) type of the difficulty, "" where there is none; by default nowhere.
        type_reasons: (n,) why, for those.
        tiering: how many tiers, and how they are cut.

    Returns:
        A table with the columns of `curate.store.schema.TIERS`, in the order given.
    """
    n, names = len(sample_ids), tiering.names
    kind = np.array(list(types) if types is not None else [""] * n, dtype=object)
    told = list(type_reasons) if type_reasons is not None else [""] * n
    difficulty = difficulty_of(margin)
    aside = review | (kind == MISLABELLED)
    if tiering.low_quality == OUT:
        aside |= kind == LOW_QUALITY
    place = _places(sample_ids, labels, difficulty, kind, aside, tiering)
    weight, how = rare_weights(labels, (kind == EARLY) & ~aside, aside, class_names)
    tier = np.array([REVIEW if aside[i] else names[place[i]] for i in range(n)], dtype=object)
    reason = [
        _aside(bool(review[i]), kind[i], review_reasons[i], told[i])
        if aside[i]
        else _why(kind[i], float(margin[i]), int(place[i]), how[i], class_names[labels[i]], tiering)
        for i in range(n)
    ]
    return pd.DataFrame({
        "sample_id": sample_ids, "tier": tier, "difficulty": difficulty, "weight": weight,
        "reason": reason,
    })  # fmt: skip


def rare_weights(
    labels: Ints, rare: Bools, aside: Bools, class_names: tuple[str, ...]
) -> tuple[Floats, list[str]]:
    """How often each image is drawn in an epoch: 1, and more where it is rare.

    In a class with r rare images and u others, ``sqrt(u / r)``, at least 1 and at most `MOST`:
    u / r would show rare and other images equally often, and the square root is the usual middle
    between that and leaving them as they are (Mahajan et al. 2018, "Exploring the Limits of Weakly
    Supervised Pretraining"; repeat factor sampling of Gupta et al. 2019, "LVIS").

    Args:
        labels: (n,) class numbers.
        rare: (n,) True for rare images that are trained on.
        aside: (n,) True for images that are not trained on.
        class_names: for the sentences.

    Returns:
        (n,) weights, and (n,) how each was computed, "" for a weight of 1.
    """
    weight, how = np.ones(len(labels)), [""] * len(labels)
    for c in np.unique(labels[rare]):
        mine = np.flatnonzero(rare & (labels == c))
        others = int(((labels == c) & ~aside).sum()) - len(mine)
        root = float(np.sqrt(others / len(mine)))
        value = min(max(root, 1.0), MOST)
        weight[mine] = value
        most = f", at most {MOST:g}" if root > MOST else ""
        text = f"sqrt({others} other / {len(mine)} rare images of {class_names[c]}){most}"
        for i in mine:
            how[i] = f"drawn {value:.2f} times an epoch: {text}" if value > 1 else ""
    return weight, how


def _places(
    sample_ids: Strings, labels: Ints, difficulty: Floats, kind: Strings, aside: Bools,
    tiering: Tiering,
) -> Ints:  # fmt: skip
    """(n,) the tier of each image, counted from 0."""
    place = np.zeros(len(labels), dtype=np.int64)
    if tiering.thresholds:
        place[:] = np.searchsorted(tiering.thresholds, difficulty, side="right")
    else:
        together = [labels == c for c in np.unique(labels)] if tiering.class_balanced else [True]
        rank = np.where(kind == EARLY, 0, np.where(kind == LOW_QUALITY, 2, 1))
        for own in together:
            rows = np.flatnonzero(own & ~aside)
            rows = rows[np.lexsort((sample_ids[rows].astype(str), difficulty[rows], rank[rows]))]
            place[rows] = _cut(kind[rows], tiering.sizes(len(rows)))
    place[kind == EARLY] = 0
    place[np.isin(kind, LATER)] = np.maximum(place[np.isin(kind, LATER)], 1)
    place[kind == LOW_QUALITY] = tiering.count - 1
    return place


def _cut(kind: Strings, sizes: Sequence[int]) -> Ints:
    """(n,) the tier of each of some images, the easiest first.

    The first tier passes over what may not be in it, so that the tiers keep their sizes; where
    there is too little else, the second one grows.
    """
    place = np.zeros(len(kind), dtype=np.int64)
    may = np.flatnonzero(~np.isin(kind, (*LATER, LOW_QUALITY)))[: sizes[0]]
    rest = np.setdiff1d(np.arange(len(kind)), may)
    from_the_end = np.repeat(np.arange(len(sizes))[::-1], sizes[::-1])[: len(rest)]
    place[rest] = np.maximum(from_the_end[::-1], 1)
    return place


def _aside(error: bool, kind: str, error_reason: str, type_reason: str) -> str:
    if error:
        return f"suspected label error: {error_reason}"
    if kind == MISLABELLED:
        return f"looks mislabelled: {type_reason}"
    return f"left out for its quality, as asked: {type_reason}"


def _why(kind: str, margin: float, place: int, how: str, label: str, tiering: Tiering) -> str:
    """Why an image is in its tier, in one sentence."""
    held_out = f"held-out margin {margin:.2f}"
    if kind == EARLY:
        return f"rare, so early; {held_out}" + (f"; {how}" if how else "")
    if kind == LOW_QUALITY:
        return f"low quality, so late; {held_out}"
    if kind in LATER:
        held_out = f"{kind}, so not in the first tier; {held_out}"
    if tiering.thresholds:
        edges = (0.0, *tiering.thresholds, 1.0)
        return f"{held_out}; its tier is of difficulty {edges[place]:g} to {edges[place + 1]:g}"
    own = label if tiering.class_balanced else "all classes"
    if tiering.names[place] in DESCRIBED:
        return f"{held_out}, among the {DESCRIBED[tiering.names[place]]} of {own}"
    return f"{held_out}, part {place + 1} of {tiering.count} of {own}, the easiest first"


def tier_by_cutoffs(
    difficulty: float, label: str, tiers: pd.DataFrame, tiering: Tiering = USUAL
) -> str:
    """The tier of an image that a person put back: where it stands among those of its class.

    Args:
        difficulty: of the image under its label.
        label: its class.
        tiers: tier, difficulty and label of the training images.
        tiering: how they were cut.
    """
    names = tiering.names
    if tiering.thresholds:
        return names[int(np.searchsorted(tiering.thresholds, difficulty, side="right"))]
    own = tiers[tiers["tier"].isin(names)]
    if tiering.class_balanced:
        own = own[own["label"] == label]
    easier = int((own["difficulty"] < difficulty).sum())
    sizes = [int((own["tier"] == name).sum()) for name in names]
    used = [i for i, size in enumerate(sizes) if size] or [0]
    reached = np.flatnonzero(easier < np.cumsum(sizes))
    return names[int(reached[0]) if len(reached) else used[-1]]
