"""Images that the model gets wrong, or nearly, when it has not seen them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Evidence, Findings
from curate.numerics.probabilities import margin, rival, self_confidence


@register
@dataclass(frozen=True)
class Hard:
    """Hard images by their held-out margin.

    Idea: an image is as hard as the model's margin on it is small, provided that the model did
    not train on it. ``score = (p(label) - max other p + 1) / 2``; an image is flagged when the
    margin is negative, which is to say misclassified. Source: the margin of Schapire et al.
    (1998); as a difficulty for curricula, Hacohen and Weinshall (2019).

    Not a cause: a wrong label, a rare pose and a blurred image are all hard. See the other kinds.
    Images without a label score 1.
    """

    kind: ClassVar[str] = "hard"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Score every labelled image by its margin."""
        assert evidence.pred_probs is not None
        n, names = len(evidence), evidence.class_names
        score, flagged = np.ones(n), np.zeros(n, dtype=bool)
        suggestion, reason = [""] * n, [""] * n
        rows = np.flatnonzero(evidence.labelled)
        if len(rows) and len(names) > 1:
            labels, probs = evidence.labels[rows], evidence.pred_probs[rows]
            gap = margin(labels, probs).astype(float)
            score[rows] = np.clip((gap + 1) / 2, 0, 1)
            flagged[rows] = gap < 0
            others, own = rival(labels, probs), self_confidence(labels, probs)
            for i in np.flatnonzero(gap < 0):
                wrong = names[others[i]]
                suggestion[rows[i]] = wrong
                reason[rows[i]] = (
                    f"held-out p({names[labels[i]]})={own[i]:.2f}, "
                    f"p({wrong})={probs[i, others[i]]:.2f}: margin {gap[i]:.2f}"
                )
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason
        )
