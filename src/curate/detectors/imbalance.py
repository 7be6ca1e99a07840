"""Classes with too few images that are known worse for it, and what more images would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.intervals import wilson
from curate.numerics.learning_curve import Bench, Curve, class_curve, reduced
from curate.numerics.probabilities import rival, self_confidence


@register
@dataclass(frozen=True)
class Imbalance:
    """Classes with too little data and poor recall.

    Idea: a class has too little data if it has at most `few` of the median number of training
    images; its recall is poor if a binomial test against the mean recall of the other classes
    rejects, one-sided, with Holm's correction (1979) for the classes tested. For each of them, up
    to `max_curves`, a learning curve (`curate.numerics.learning_curve`) on the first 256
    principal components says what twice the images are expected to add, or that it does not know.

    Flagged are the images that show what is lacking: missed ones of such a class, at most `most` of
    each, hardest first, unless the model and nearly all neighbours agree on another class, which
    looks like a wrong label. ``score = (margin + 1) / 2`` for images of such classes, 1 for all
    others. The table of all such classes is in `info`.

    Not any imbalance: a small class that is known as well as the others needs nothing. And the
    curve is that of a linear classifier on fixed features, not of a network trained anew.
    """

    few: float = 0.5
    level: float = 0.05
    most: int = 10
    max_curves: int = 10
    k: int = 10

    kind: ClassVar[str] = "imbalance"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "embeddings", "folds", "neighbors")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Find the classes, then their images that are missed."""
        assert evidence.pred_probs is not None
        n, names = len(evidence), evidence.class_names
        score, flagged = np.ones(n), np.zeros(n, dtype=bool)
        reason = [""] * n
        rows = np.flatnonzero(evidence.labelled)
        # In one order whatever the order of the rows, since subsets are drawn.
        rows = rows[np.argsort(evidence.sample_ids[rows])]
        table: list[dict[str, Any]] = []
        info: dict[str, Any] = {"classes": table}
        if len(rows) and len(names) > 1:
            labels = evidence.labels[rows]
            guess = evidence.pred_probs[rows].argmax(axis=1)
            train = rows[evidence.splits[rows] == "train"]
            counts = np.bincount(evidence.labels[train], minlength=len(names))
            support = np.bincount(labels, minlength=len(names))
            hits = np.bincount(labels[guess == labels], minlength=len(names))
            weak, others = self._weak(counts, support, hits)
            median = float(np.median(counts[support > 0]))
            info["median_training_images"] = median
            curves = self._curves(evidence, rows, weak)
            for c in weak.tolist():
                entry = _entry(names[c], counts[c], support[c], hits[c], others[c], curves.get(c))
                table.append(entry)
                mine = rows[labels == c]
                rivals, margin = self._missed(evidence, mine)
                score[mine] = np.clip((margin + 1) / 2, 0, 1)
                said = _sentence(entry, median)
                chosen = mine[(margin < 0) & ~self._strange(evidence, mine, rivals)]
                taken_for = dict(zip(mine.tolist(), rivals.tolist(), strict=True))
                for row in chosen[np.argsort(score[chosen], kind="stable")[: self.most]].tolist():
                    flagged[row] = True
                    reason[row] = f"taken for {names[taken_for[row]]}; {said}"
        return Findings.build(self.kind, evidence, score, flagged, reason=reason, info=info)

    def _weak(self, counts: Ints, support: Ints, hits: Ints) -> tuple[Ints, Floats]:
        """Classes with few images and poor recall, worst first, and the others' mean recall."""
        from scipy.stats import binom

        has = support > 0
        recall = np.where(has, hits / np.maximum(support, 1), 0.0)
        others = (recall[has].sum() - recall) / max(int(has.sum()) - 1, 1)
        few = np.flatnonzero(has & (counts <= self.few * np.median(counts[has])))
        if int(has.sum()) < 2 or not len(few):
            return few[:0], others
        p = binom.cdf(hits[few], support[few], np.clip(others[few], 0, 1))
        order = np.lexsort((few, p))
        rejected = np.cumprod(p[order] * np.arange(len(few), 0, -1) <= self.level).astype(bool)
        found: Ints = few[order[rejected]]
        return found, others

    def _curves(self, evidence: Evidence, rows: Ints, weak: Ints) -> dict[int, Curve]:
        assert evidence.embeddings is not None
        assert evidence.folds is not None
        some = weak[: self.max_curves].tolist()
        folds = evidence.folds[rows]
        if not some or folds.max(initial=-1) < 1:
            return {}
        X = reduced(evidence.embeddings[rows], np.flatnonzero(folds >= 0))
        bench = Bench.of(X, evidence.labels[rows], folds, len(evidence.class_names))
        return {c: class_curve(bench, c, evidence.rng(f"imbalance {c}")) for c in some}

    def _missed(self, evidence: Evidence, mine: Ints) -> tuple[Ints, Floats]:
        assert evidence.pred_probs is not None
        labels, probs = evidence.labels[mine], evidence.pred_probs[mine].astype(np.float64)
        rivals = rival(labels, probs)
        return rivals, self_confidence(labels, probs) - self_confidence(rivals, probs)

    def _strange(self, evidence: Evidence, mine: Ints, rivals: Ints) -> Bools:
        """Images that the model and 80 % of the neighbours give to one other class."""
        assert evidence.pred_probs is not None
        assert evidence.neighbors is not None
        near = evidence.labels[evidence.neighbors.indices[mine, : self.k]]
        agree = (near == rivals[:, None]).sum(axis=1) >= 0.8 * max(near.shape[1], 1)
        strange: Bools = agree & (self_confidence(rivals, evidence.pred_probs[mine]) >= 0.8)
        return strange


def _entry(
    name: str, count: int, support: int, hits: int, others: float, curve: Curve | None
) -> dict[str, Any]:
    """One class as plain JSON; gain is null where it is not known."""
    known = curve is not None and curve.known
    return {
        "class": name,
        "training_images": int(count),
        "support": int(support),
        "recall": float(hits / support),
        "recall_interval": list(wilson(int(hits), int(support))),
        "others_recall": float(others),
        "curve_sizes": curve.sizes.tolist() if curve else [],
        "curve_recall": curve.recall.tolist() if curve else [],
        "gain_of_doubling": curve.gain if curve and known else None,
        "gain_interval": list(curve.interval) if curve and known else None,
    }


def _sentence(entry: dict[str, Any], median: float) -> str:
    low, high = entry["recall_interval"]
    said = (
        f"class {entry['class']}: {entry['training_images']} training images (median {median:g}), "
        f"recall {entry['recall']:.2f} [{low:.2f}, {high:.2f}] against "
        f"{entry['others_recall']:.2f} of the others; "
    )
    if entry["gain_of_doubling"] is None:
        return said + "what more would bring is not known"
    low, high = entry["gain_interval"]
    return (
        said
        + f"twice the images may bring {entry['gain_of_doubling']:+.2f} [{low:.2f}, {high:.2f}]"
    )
