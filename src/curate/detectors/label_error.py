"""Images whose label is probably wrong, with the label they probably should have."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.neighbors import neighbor_label_share
from curate.numerics.probabilities import self_confidence


@register
@dataclass(frozen=True)
class LabelError:
    """Label errors by confident learning, on held-out probabilities and the neighbours' labels.

    Idea: two witnesses that did not use the image's own label, the out-of-fold probabilities p
    and the share q of each class among its `k` nearest neighbours, are joined as a geometric mean
    ``j = p^(1-w) (q + 1/k)^w``, normalised. cleanlab's confident learning (Northcutt et al. 2021)
    then estimates from j how many labels of each class are wrong and picks them
    (`cleanlab.filter.find_label_issues`). Where classes are hard to tell apart it picks many that
    are merely hard, so the evidence must also outweigh the prior odds: with e the share of labels
    picked and r the likeliest class, an image is flagged if it is picked and
    ``j(label) / j(r) <= max(least_cut, odds * e / (1 - e))``, or, picked or not, if that ratio is
    at most `overwhelming`. ``score = j(label)``, cleanlab's self-confidence.

    Not proof: a rare pose of its class looks the same from here, which is why the tool only
    sets these images aside for review.
    """

    k: int = 10
    neighbor_weight: float = 0.3
    odds: float = 2.0
    least_cut: float = 0.1
    overwhelming: float = 0.05

    kind: ClassVar[str] = "label_error"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "neighbors")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 2

    def detect(self, evidence: Evidence) -> Findings:
        """Score every labelled image; images without a label score 1."""
        assert evidence.pred_probs is not None
        assert evidence.neighbors is not None
        n, names = len(evidence), evidence.class_names
        score, flagged = np.ones(n), np.zeros(n, dtype=bool)
        suggestion, reason = [""] * n, [""] * n
        info: dict[str, Any] = {}
        rows = np.flatnonzero(evidence.labelled)
        present = np.unique(evidence.labels[rows])
        if len(rows) and len(present) > 1:
            share = neighbor_label_share(evidence.neighbors, evidence.labels, len(names), self.k)
            joint = self._joint(evidence.pred_probs[rows], share[rows])
            labels = evidence.labels[rows]
            score[rows] = np.clip(self_confidence(labels, joint), 0, 1)
            picked = _confident_learning(labels, joint, present)
            best = joint.argmax(axis=1)
            k = min(self.k, evidence.neighbors.indices.shape[1])
            share_picked = float((picked & (best != labels)).mean())
            cut = max(self.least_cut, self.odds * share_picked / max(1 - share_picked, 1e-9))
            ratio = score[rows] / joint.max(axis=1)
            strong = (picked & (ratio <= cut)) | (ratio <= self.overwhelming)
            for i in np.flatnonzero(strong & (best != labels)):
                row, label, other = rows[i], labels[i], best[i]
                flagged[row] = True
                suggestion[row] = names[other]
                votes = round(float(share[row, other]) * k)
                probs = evidence.pred_probs[row]
                reason[row] = (
                    f"{votes} of {k} neighbours are {names[other]}; held-out "
                    f"p({names[label]})={probs[label]:.2f}, p({names[other]})={probs[other]:.2f}"
                )
            info = {"labelled": len(rows), "picked_share": share_picked, "cut": cut}
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason, info=info
        )

    def _joint(self, probs: Floats, share: Floats) -> NDArray[np.float64]:
        w = self.neighbor_weight
        smoothed = share.astype(np.float64) + 1 / self.k
        joint = np.maximum(probs.astype(np.float64), 1e-9) ** (1 - w) * smoothed**w
        result: NDArray[np.float64] = joint / joint.sum(axis=1, keepdims=True)
        return result


def _confident_learning(labels: Ints, joint: Floats, present: Ints) -> Bools:
    """(n,) cleanlab's pick, on the classes that occur: it refuses classes without labels."""
    from cleanlab.filter import find_label_issues

    columns = joint[:, present]
    totals = columns.sum(axis=1, keepdims=True)
    columns = np.divide(
        columns, totals, out=np.full(columns.shape, 1 / len(present)), where=totals > 0
    )
    numbers: Any = np.searchsorted(present, labels)
    with warnings.catch_warnings():
        # cleanlab says that it never picks the only image of a class, which is as it should be.
        warnings.filterwarnings("ignore", "May not flag all label issues", UserWarning)
        picked: Bools = np.asarray(find_label_issues(numbers, columns, n_jobs=1), dtype=bool)
    return picked
