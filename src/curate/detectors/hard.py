"""Images that the model gets wrong, or nearly, when it has not seen them, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.difficulty_types import REMEDIES, weigh_rows, why
from curate.detectors.registry import register
from curate.findings import Evidence, Findings
from curate.numerics.probabilities import margin, rival, self_confidence


@register
@dataclass(frozen=True)
class Hard:
    """Hard images by their held-out margin, each with the type of its difficulty.

    Idea: an image is as hard as the model's margin on it is small, provided that the model did
    not train on it. ``score = (p(label) - max other p + 1) / 2``; an image is flagged when the
    margin is negative, which is to say misclassified. Source: the margin of Schapire et al.
    (1998); as a difficulty for curricula, Hacohen and Weinshall (2019).

    Images with a margin under `small` are typed, flagged or not, because each type has its own
    remedy: *mislabelled*, a usual image of another class; *ambiguous*, usual for several
    classes; *rare*, usual for none, or nearer to its own class than images of the other are;
    *low quality*, a picture that shows little beside the others of the data; *boundary*, usual for
    its own class with another near. Held-out probabilities and the distances to the `near` nearest
    images of every class say which class and whether it is usual there, image statistics whether
    the picture is bad, and the area under the margin of a recorded training run whether its label
    was learnt: see `curate.numerics.difficulty.weigh`. A type needs more than `least` of the
    belief; otherwise the image is *unclear*. Reasons also tell the labels of `k` neighbours.

    Not a finding of wrong labels: that is `label_error`, which weighs how many there are. What
    looks like another class to the embedder and lies among its images is called mislabelled here
    even if it is rare: where the few images of its kind do not look alike to the embedder, nothing
    here tells them from wrong labels. Images without a label score 1.
    """

    small: float = 0.2
    least: float = 0.5
    k: int = 10
    span: int = 20
    near: int = 3

    kind: ClassVar[str] = "hard"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "neighbors")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 3

    def detect(self, evidence: Evidence) -> Findings:
        """Score every labelled image by its margin, and type those of a small one."""
        assert evidence.pred_probs is not None
        n, names = len(evidence), evidence.class_names
        score, flagged = np.ones(n), np.zeros(n, dtype=bool)
        suggestion, reason, types = [""] * n, [""] * n, [""] * n
        info: dict[str, Any] = {"types": dict.fromkeys(REMEDIES, 0), "remedies": REMEDIES}
        labelled = np.flatnonzero(evidence.labelled)
        if len(labelled) and len(names) > 1:
            every = margin(evidence.labels[labelled], evidence.pred_probs[labelled]).astype(float)
            score[labelled] = np.clip((every + 1) / 2, 0, 1)
            flagged[labelled] = every < 0
            rows, gap = labelled[every < self.small], every[every < self.small]
            labels, probs = evidence.labels[rows], evidence.pred_probs[rows]
            weighed = weigh_rows(evidence, rows, self.k, self.span, self.near)
            found, strength = weighed.types(self.least)
            own, rivals = self_confidence(labels, probs), rival(labels, probs)
            for i, row in enumerate(rows):
                label, other = names[labels[i]], names[weighed.other[i]]
                types[row] = found[i]
                wrong = weighed.other[i] if found[i] == "mislabelled" else rivals[i]
                if flagged[row]:
                    suggestion[row] = names[wrong]
                    info["types"][found[i]] += 1
                reason[row] = (
                    f"{why(weighed, i, found[i], strength[i], label, other)}; held-out "
                    f"p({label})={own[i]:.2f}, p({names[rivals[i]]})={probs[i, rivals[i]]:.2f}: "
                    f"margin {gap[i]:.2f}"
                )
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason,
            types=types, info=info,
        )  # fmt: skip
