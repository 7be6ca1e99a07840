"""Judgements as sentences, which promise no more than the runs can bear."""

from __future__ import annotations

from curate.comparison.verdict import (
    HELPS,
    HURTS,
    NO_DIFFERENCE,
    Judgement,
    Needs,
    Verification,
    order_or_data,
)
from curate.numerics.planning import MOST_SEEDS


def said(judgement: Judgement) -> str:
    """One judgement, such as ``policy helps on all images: +0.021 (+0.009 to +0.033), ...``."""
    part, crossed = judgement.part, judgement.crossed
    n = len(part.rows)
    seeds = "1 seed" if crossed.n_seeds == 1 else f"{crossed.n_seeds} seeds"
    images = "1 image" if n == 1 else f"{n} images"
    if crossed.n_clusters < n:
        images += f" in {crossed.n_clusters} group{'s' if crossed.n_clusters > 1 else ''}"
    head = f"{judgement.arm} against {judgement.against}, {part.name}"
    if crossed.n_seeds < 2:
        return f"{head}: not known, {crossed.estimate:+.3f} by {seeds}; two or more are needed"
    if not crossed.known:
        return f"{head}: not known, {crossed.estimate:+.3f} on {images}; two groups are needed"
    measured = f"{judgement.change.text()}, {seeds}, {images}"
    if judgement.p_adjusted is None:
        return f"{head}: no verdict, mistakes of the baseline chose these images: {measured}"
    tested = f"p = {judgement.p_adjusted:.2g} among {judgement.n_comparisons} comparisons"
    if judgement.n_comparisons == 1:
        tested = f"p = {judgement.p_adjusted:.2g}"
    measured = f"{measured}, {tested}"
    if judgement.word in (HELPS, HURTS):
        return f"{head}: {judgement.word}, {measured}"
    low, high = judgement.change.interval
    edge = ""
    if low > 0 or high < 0:
        edge = "; alone it would count, among so many it does not"
    more = judgement.more
    needs = "" if more is None else f" ({needed(more, judgement.target)})"
    return f"{head}: {NO_DIFFERENCE}{needs}, {measured}{edge}"


def needed(more: Needs, target: float) -> str:
    """What it would take: ``would need about 12 more runs of each arm (5 to 60) to see 0.005``."""
    what = f"to see {target:.2g}"
    if more.seeds == 0:
        return f"a difference of {target:.2g} would most likely have been seen"
    if more.seeds is not None:
        low, high = more.seeds_range
        ends = f"{low or 0} to {_many(high)}"
        text = f"would need about {more.seeds} more runs of each arm, {ends}, {what}"
        return text if not more.images else f"{text}, or {more.images:,} more images"
    if more.images is not None:
        return f"more runs would not do: would need about {more.images:,} more images {what}"
    return f"would need both more runs and more images {what}"


def _many(count: int | None) -> str:
    return f"over {MOST_SEEDS:,}" if count is None else str(count)


def narrowing(judgement: Judgement) -> str | None:
    """Whether more seeds or more images would show smaller differences; None if not known."""
    more = judgement.more
    if more is None:
        return None
    first = "seeds" if more.by_seeds >= more.by_images else "images"
    return (
        f"more {first} would narrow it most: twice the seeds by {more.by_seeds:.0%}, "
        f"twice the images by {more.by_images:.0%}"
    )


def report(verification: Verification) -> list[str]:
    """All judgements, what would narrow those on all images, and where a gain comes from."""
    lines = [said(judgement) for judgement in verification.judgements]
    whole = [
        j
        for j in verification.judgements
        if j.part.source == verification.judgements[0].part.source
    ]
    unseen = next((j for j in whole if j.word == NO_DIFFERENCE), None)
    order = order_or_data(verification)
    return [
        *lines,
        *([] if unseen is None else [text for text in [narrowing(unseen)] if text is not None]),
        *([] if order is None else [order]),
    ]
