"""Pairs of classes that the model mixes up, and the images that lie between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Evidence, Findings, Floats, Ints
from curate.numerics.intervals import wilson
from curate.numerics.metrics import confusion_matrix
from curate.numerics.probabilities import rival, self_confidence


@register
@dataclass(frozen=True)
class Confusable:
    """Confusable class pairs and the images between them.

    Idea: two classes are confusable when a notable share of their images is taken for the other,
    out-of-fold: ``rate(a, b) = (n_ab + n_ba) / (n_a + n_b)`` with at least `min_count` mistakes
    and the lower end of its 95 % Wilson interval above `min_rate`. An image lies between its label
    y and its strongest rival r when both probabilities are high:
    ``score = 1 - 2 min(p_y, p_r)``; it is flagged when the pair is confusable and
    ``min(p_y, p_r) >= between``.

    Not a label error: those have a high p_r and a *low* p_y. And nothing is said yet about
    whether people could tell the two classes apart.
    """

    min_count: int = 3
    min_rate: float = 0.01
    between: float = 0.2
    max_pairs: int = 50

    kind: ClassVar[str] = "confusable"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Find the pairs, then score every labelled image."""
        assert evidence.pred_probs is not None
        n, names = len(evidence), evidence.class_names
        score, flagged = np.ones(n), np.zeros(n, dtype=bool)
        suggestion, reason = [""] * n, [""] * n
        pairs: list[dict[str, Any]] = []
        rows = np.flatnonzero(evidence.labelled)
        if len(rows) and len(names) > 1:
            labels, probs = evidence.labels[rows], evidence.pred_probs[rows]
            pairs = self._pairs(labels, probs, names)
            known = {frozenset((pair["class_a"], pair["class_b"])): pair for pair in pairs}
            others = rival(labels, probs)
            own = self_confidence(labels, probs)
            theirs = self_confidence(others, probs)
            both = np.minimum(own, theirs).astype(float)
            score[rows] = np.clip(1 - 2 * both, 0, 1)
            for i in np.flatnonzero(both >= self.between):
                label, other = names[labels[i]], names[others[i]]
                pair = known.get(frozenset((label, other)))
                if pair is None:
                    continue
                flagged[rows[i]] = True
                suggestion[rows[i]] = other
                reason[rows[i]] = (
                    f"between {label} (p={own[i]:.2f}) and {other} (p={theirs[i]:.2f}); "
                    f"{pair['count']} of their {pair['support']} images are mixed up"
                )
        return Findings.build(
            self.kind,
            evidence,
            score,
            flagged,
            suggestion=suggestion,
            reason=reason,
            info={"pairs": pairs},
        )

    def _pairs(self, labels: Ints, probs: Floats, names: tuple[str, ...]) -> list[dict[str, Any]]:
        confusion = confusion_matrix(labels, probs.argmax(axis=1), len(names))
        support = confusion.sum(axis=1)
        mixed = np.triu(confusion + confusion.T, 1)
        found = []
        for a, b in np.argwhere(mixed >= self.min_count):
            count, total = int(mixed[a, b]), int(support[a] + support[b])
            low, high = wilson(count, total)
            if low <= self.min_rate:
                continue
            found.append(
                {
                    "class_a": names[a],
                    "class_b": names[b],
                    "count": count,
                    "support": total,
                    "a_as_b": int(confusion[a, b]),
                    "b_as_a": int(confusion[b, a]),
                    "rate": count / total,
                    "rate_interval": [low, high],
                }
            )
        found.sort(key=lambda pair: (-pair["rate_interval"][0], pair["class_a"], pair["class_b"]))
        return found[: self.max_pairs]
