"""The same picture twice: copied, re-encoded, resized, cropped, mirrored or brightened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import DROP, KEEP, Bools, Copies, Evidence, Findings, Floats, Ints
from curate.numerics.copy_groups import components
from curate.numerics.stated import of_copies

ORDER = {"train": 0, "val": 1, "test": 2}

KEEP_RULE = (
    "of a group, keep the image in the earliest of train, val, test; of those the one with most "
    "pixels; then the largest file; then the first sample_id"
)

MOST_GROUPS, MOST_MEMBERS = 100, 20
"""Groups, and images of each, that `info` lists."""


@register
@dataclass(frozen=True)
class NearDuplicate:
    """Groups of the same picture, near in the embedding and confirmed on the pixels.

    Idea and thresholds: `curate.numerics.copies.find_copies`. For an image with a candidate,
    ``score = r / (r + r_typical)`` with r the residual of its details to its best candidate and
    r_typical the median one of look-alikes: 0 is the same file. Images without a candidate score 1.
    Every image of a group is flagged; the reason says which one to keep (`KEEP_RULE`: a held-out
    copy goes before one in train does, since taking it out mends the score without training again).

    `info` holds the largest groups, and the cosine distance that would tell copies best with this
    embedder, were there no pixels: with the share of pairs below it that are copies, and the share
    of copies that lie below it. No distance is as good for another embedder. The precision it
    states is that of the confirmed pairs (`curate.numerics.stated.of_copies`).

    Not a group of look-alikes: two drawings of one thing differ in their details.
    """

    kind: ClassVar[str] = "near_duplicate"
    needs: ClassVar[tuple[str, ...]] = ("copies",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 5

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its best candidate copy."""
        assert evidence.copies is not None
        copies = evidence.copies
        everywhere = np.ones(len(copies.a), dtype=bool)
        score, best = best_pairs(evidence, everywhere, everywhere)
        group = groups_of(len(evidence), copies)
        sizes = np.bincount(group, minlength=1)
        flagged = sizes[group] > 1 if len(evidence) else np.zeros(0, bool)
        rank = keep_rank(evidence)
        kept = np.full(int(group.max(initial=-1)) + 1, -1)
        kept[group[np.argsort(rank)[::-1]]] = np.argsort(rank)[::-1]  # the best is written last
        partner, reason, advice = ([""] * len(evidence) for _ in range(3))
        for row in np.flatnonzero(flagged).tolist():
            keeper, pair = int(kept[group[row]]), int(best[row])
            other = int(copies.a[pair] + copies.b[pair] - row)
            partner[row] = str(evidence.sample_ids[other])
            advice[row] = KEEP if row == keeper else DROP
            reason[row] = _advice(evidence, row, keeper, int(sizes[group[row]]))
            reason[row] += f"; {likeness(evidence, pair, other)}"
        return Findings.build(
            self.kind,
            evidence,
            score=score,
            flagged=flagged,
            suggestion=advice,
            partner_id=partner,
            reason=reason,
            info={
                "pairs": int(copies.confirmed.sum()),
                "residual_threshold": copies.threshold,
                "typical_residual": copies.typical,
                "keep_rule": KEEP_RULE,
                "groups": int((sizes > 1).sum()),
                "images_to_drop": int((sizes[sizes > 1] - 1).sum()),
                "largest_groups": _listed(evidence, group, sizes, kept),
                "distance": _distance(copies),
                **of_copies(copies, evidence.labels, everywhere),
            },
        )


def groups_of(n: int, copies: Copies) -> Ints:
    """(n,) the number of each image's group; an image without a copy has one of its own."""
    sure = copies.confirmed
    return components(n, np.column_stack([copies.a[sure], copies.b[sure]]))


def best_pairs(evidence: Evidence, keep_a: Bools, keep_b: Bools) -> tuple[Floats, Ints]:
    """(n,) scores, and the number of each image's best pair, -1 for none.

    A confirmed pair is better than another, then the one of the least residual.

    Args:
        evidence: with copies.
        keep_a: (m,) whether the pair says something of its first image.
        keep_b: (m,) the same of its second image.
    """
    copies = evidence.copies
    assert copies is not None
    scale = max(copies.typical, 1e-9)
    badness = np.where(copies.identical, 0, copies.residuals / (copies.residuals + scale))
    score, best = np.ones(len(evidence)), np.full(len(evidence), -1)
    rows = np.concatenate([copies.a[keep_a], copies.b[keep_b]])
    others = np.concatenate([copies.b[keep_a], copies.a[keep_b]])
    pair = np.concatenate([np.flatnonzero(keep_a), np.flatnonzero(keep_b)])
    order = np.lexsort(
        (evidence.sample_ids[others].astype(str), badness[pair], ~copies.confirmed[pair])
    )[::-1]  # the best is written last
    score[rows[order]] = badness[pair[order]]
    best[rows[order]] = pair[order]
    return score, best


def keep_rank(evidence: Evidence) -> Ints:
    """(n,) 0 for the image that `KEEP_RULE` keeps before all others."""
    n = len(evidence)
    pixels, size = np.zeros(n), np.zeros(n)
    if evidence.file_facts is not None:
        facts = evidence.file_facts
        pixels = (facts["width"] * facts["height"]).to_numpy(dtype=float)
        size = facts["size_bytes"].to_numpy(dtype=float)
    place = np.array([ORDER[str(split)] for split in evidence.splits], dtype=np.int64)
    order = np.lexsort((evidence.sample_ids.astype(str), -size, -pixels, place))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    return rank


def likeness(evidence: Evidence, pair: int, other: int) -> str:
    """How alike the two images of a pair are, in words that name the split of the other one."""
    copies = evidence.copies
    assert copies is not None
    split = str(evidence.splits[other])
    if copies.identical[pair]:
        return f"the same bytes as an image in {split}"
    apart = copies.distances[pair]
    where = "" if np.isnan(apart) else f" (distance {apart:.3f})"
    return (
        f"{100 * (1 - copies.residuals[pair]):.1f} % of its details are those of an image in "
        f"{split}{where}; of look-alikes usually {100 * (1 - min(copies.typical, 1)):.0f} %"
    )


def _advice(evidence: Evidence, row: int, keeper: int, size: int) -> str:
    others = f"1 of {size} copies of one picture"
    if row == keeper:
        return f"keep this one, {others}: {_merit(evidence, row)}"
    said = f"{others}, keep {evidence.sample_ids[keeper]} instead: {_merit(evidence, keeper)}"
    mine, theirs = int(evidence.labels[row]), int(evidence.labels[keeper])
    if mine != theirs and mine >= 0 and theirs >= 0:
        names = evidence.class_names
        said += f" (labelled {names[theirs]!r} there and {names[mine]!r} here)"
    return said


def _merit(evidence: Evidence, row: int) -> str:
    """The facts by which the rule keeps an image."""
    said = f"in {evidence.splits[row]}"
    if evidence.file_facts is not None:
        facts = evidence.file_facts.iloc[row]
        said += f", {facts['width']} x {facts['height']}, {facts['size_bytes']} bytes"
    return said


def _listed(evidence: Evidence, group: Ints, sizes: Ints, kept: Ints) -> list[dict[str, Any]]:
    """The largest groups, ties by the name of the image to keep."""
    ids = evidence.sample_ids.astype(str)
    many = np.flatnonzero(sizes > 1)
    if not len(many):
        return []
    many = many[np.lexsort((ids[kept[many]], -sizes[many]))][:MOST_GROUPS]
    members: dict[int, list[int]] = {int(one): [] for one in many}
    for row in np.flatnonzero(np.isin(group, many)):
        members[int(group[row])].append(int(row))
    listed = []
    for one in many:
        rows = members[int(one)]
        labels = {int(evidence.labels[row]) for row in rows} - {-1}
        listed.append(
            {
                "keep": str(ids[kept[one]]),
                "size": len(rows),
                "members": sorted(str(ids[row]) for row in rows)[:MOST_MEMBERS],
                "splits": sorted(
                    {str(evidence.splits[row]) for row in rows}, key=ORDER.__getitem__
                ),
                "labels": sorted(evidence.class_names[label] for label in labels),
            }
        )
    return listed


def _distance(copies: Copies) -> dict[str, float] | None:
    """The distance with the best F1 for the confirmed pairs; None without any."""
    known = ~np.isnan(copies.distances) & ~copies.identical
    apart, sure = copies.distances[known], copies.confirmed[known]
    if not sure.any():
        return None
    order = np.argsort(apart, kind="stable")
    hits = np.cumsum(sure[order])
    last = np.append(np.diff(apart[order]) > 0, True)  # equal distances are all in or all out
    f1 = np.where(last, 2 * hits / (np.arange(1, len(hits) + 1) + sure.sum()), 0)
    at = int(np.argmax(f1))
    return {
        "best_threshold": float(apart[order][at]),
        "precision": float(hits[at] / (at + 1)),
        "recall": float(hits[at] / sure.sum()),
        "median_of_copies": float(np.median(apart[sure])),
    }
