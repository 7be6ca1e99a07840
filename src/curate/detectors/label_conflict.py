"""One picture, two labels: files with the same bytes in different classes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.errors import listed
from curate.findings import Evidence, Findings


@register
@dataclass(frozen=True)
class LabelConflict:
    """Images whose bytes also lie in another class.

    Idea: at least one of two different labels of the same bytes is wrong, or the classes overlap;
    no model is needed to say so. Every labelled image of such a set is flagged and scores 0, all
    others score 1. Where there are predictions, the suggestion is the most probable one of the
    labels the set has; an image that has it already gets none.

    Not a search for re-encoded copies: `near_duplicate` finds those. Which label is right is for a
    person to say.
    """

    kind: ClassVar[str] = "label_conflict"
    needs: ClassVar[tuple[str, ...]] = ("digests",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Flag every labelled image whose bytes have two labels."""
        assert evidence.digests is not None
        n, names = len(evidence), evidence.class_names
        same: dict[str, list[int]] = defaultdict(list)
        # In the order of the ids, so that what is said does not depend on the order of the rows.
        for row in np.argsort(np.asarray(evidence.sample_ids, dtype=str), kind="stable").tolist():
            if evidence.labels[row] >= 0:
                same[str(evidence.digests[row])].append(row)
        flagged = np.zeros(n, dtype=bool)
        suggestion, partner, reason = [""] * n, [""] * n, [""] * n
        conflicts = 0
        for rows in same.values():
            classes = sorted({int(evidence.labels[row]) for row in rows})
            if len(classes) < 2:
                continue
            conflicts += 1
            best = None
            if evidence.pred_probs is not None:
                mean = np.asarray(evidence.pred_probs[rows], dtype=np.float64).mean(axis=0)
                best = max(classes, key=lambda c: mean[c])
            for row in rows:
                others = [r for r in rows if evidence.labels[r] != evidence.labels[row]]
                flagged[row] = True
                partner[row] = str(evidence.sample_ids[others[0]])
                labels = sorted({names[int(evidence.labels[r])] for r in others})
                reason[row] = (
                    f"labelled {names[int(evidence.labels[row])]!r}, and the same bytes are "
                    f"labelled {listed(labels)} in {evidence.splits[others[0]]}"
                )
                if best is not None and best != evidence.labels[row]:
                    suggestion[row] = names[best]
        return Findings.build(
            self.kind, evidence, np.where(flagged, 0.0, 1.0), flagged, suggestion=suggestion,
            partner_id=partner, reason=reason, info={"conflicts": conflicts},
        )  # fmt: skip
