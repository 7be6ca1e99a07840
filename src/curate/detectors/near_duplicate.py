"""The same picture twice: copied, re-encoded, slightly moved or brightened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Copies, Evidence, Findings


@register
@dataclass(frozen=True)
class NearDuplicate:
    """Near-duplicate images, near in the embedding and confirmed on the pixels.

    Idea and thresholds: `curate.numerics.copies.find_copies`. For an image with a candidate,
    ``score = r / (r + r_typical)`` with r the pixel residual to its best candidate and r_typical
    the median one of nearest neighbours: 0 is the same file. Images without a candidate score 1.

    Not a group of look-alikes: two drawings of one thing differ in their pixels.
    """

    kind: ClassVar[str] = "near_duplicate"
    needs: ClassVar[tuple[str, ...]] = ("copies",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its best candidate copy."""
        assert evidence.copies is not None
        everywhere = np.ones(len(evidence.copies.a), dtype=bool)
        return pair_findings(self.kind, evidence, evidence.copies, everywhere, everywhere)


def pair_findings(
    kind: str, evidence: Evidence, copies: Copies, keep_a: np.ndarray, keep_b: np.ndarray
) -> Findings:
    """Findings from pairs: each image speaks of its nearest confirmed copy.

    Args:
        kind: of the findings.
        evidence: the rows that the pairs number.
        copies: the pairs.
        keep_a: (m,) whether the pair says something of its first image.
        keep_b: (m,) the same of its second image.
    """
    n = len(evidence)
    score, flagged = np.ones(n), np.zeros(n, dtype=bool)
    partner, reason = [""] * n, [""] * n
    scale = max(copies.typical, 1e-9)
    badness = np.where(copies.identical, 0, copies.residuals / (copies.residuals + scale))
    rows = np.concatenate([copies.a[keep_a], copies.b[keep_b]])
    others = np.concatenate([copies.b[keep_a], copies.a[keep_b]])
    pair = np.concatenate([np.flatnonzero(keep_a), np.flatnonzero(keep_b)])
    order = np.lexsort(
        (evidence.sample_ids[others].astype(str), badness[pair], ~copies.confirmed[pair])
    )
    for i in order[::-1]:  # the best is written last
        row, p = rows[i], pair[i]
        score[row] = badness[p]
        flagged[row] = copies.confirmed[p]
        partner[row] = str(evidence.sample_ids[others[i]]) if copies.confirmed[p] else ""
        reason[row] = _reason(copies, p, str(evidence.splits[others[i]])) if flagged[row] else ""
    info = {
        "pairs": int((copies.confirmed & (keep_a | keep_b)).sum()),
        "residual_threshold": copies.threshold,
        "typical_residual": copies.typical,
    }
    return Findings.build(
        kind, evidence, score, flagged, partner_id=partner, reason=reason, info=info
    )


def _reason(copies: Copies, p: int, split: str) -> str:
    if copies.identical[p]:
        return f"the same bytes as an image in {split}"
    return (
        f"its pixels share all but {copies.residuals[p]:.4f} with an image in {split} (distance "
        f"{copies.distances[p]:.3f}); nearest neighbours usually differ by {copies.typical:.3f}"
    )
