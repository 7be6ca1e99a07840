"""Images whose label is probably wrong, with the label they probably should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.intervals import Z95
from curate.numerics.neighbors import neighbor_label_share
from curate.numerics.noise import Noise, fit_noise, scaled


@register
@dataclass(frozen=True)
class LabelError:
    """Label errors by the chance that the true class is another one.

    Idea: two witnesses did not use the image's own label: the held-out probabilities p and the
    labels of its `k` nearest neighbours. What they are worth here, and how often a label of each
    class goes wrong and where it goes, is learnt from all images together, their true classes
    being hidden (`curate.numerics.noise.fit_noise`; Dawid and Skene 1979, Goldberger and Ben-Reuven
    2017). Then Bayes' rule gives each class t its chance, from the witnesses' belief in it and the
    chance T that it bears this label y: ``P(t) ~ belief_t T_ty``. ``score = P(y)``, so that
    ``1 - score`` is the chance that the label is wrong, and an image is flagged where that chance
    is above `cut`: more likely wrong than right. The suggestion is the likeliest other class.

    How sure that is: `info` holds the estimated share of wrong labels, how many of the flagged are
    expected to be wrong, and 95 % intervals of both. They hold as far as the model of noise does:
    any image of a class may be labelled wrongly, however plain it is.

    Not proof: a rare pose of its class looks the same from here, which is why the tool only
    sets these images aside for review. And not for a class labelled otherwise throughout, nor for
    probabilities of a model that trained on the labels: it repeats them.
    """

    k: int = 10
    cut: float = 0.5

    kind: ClassVar[str] = "label_error"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "neighbors")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 3

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
        if len(present) > 1:
            labels = np.searchsorted(present, evidence.labels[rows])
            numbers = np.full(n, -1)
            numbers[rows] = labels
            votes = neighbor_label_share(evidence.neighbors, numbers, len(present), self.k)[rows]
            probs = _among(evidence.pred_probs[rows], present)
            order = np.argsort(np.asarray(evidence.sample_ids, dtype=str)[rows])
            noise = fit_noise(labels, probs, votes, order)
            posterior = noise.posterior(labels, probs, votes)
            own = posterior[np.arange(len(rows)), labels]
            score[rows] = np.clip(own, 0, 1)
            posterior[np.arange(len(rows)), labels] = -1
            best = posterior.argmax(axis=1)
            found = np.flatnonzero(1 - own > self.cut)
            asked = (numbers[evidence.neighbors.indices[rows[found], : self.k]] >= 0).sum(axis=1)
            for i, labelled in zip(found, asked, strict=True):
                row, label, other = rows[i], names[present[labels[i]]], names[present[best[i]]]
                flagged[row], suggestion[row] = True, other
                p = evidence.pred_probs[row]
                reason[row] = (
                    f"{round(float(votes[i, best[i]]) * labelled)} of {labelled} neighbours are "
                    f"{other}; held-out p({label})={p[present[labels[i]]]:.2f}, "
                    f"p({other})={p[present[best[i]]]:.2f}; about {percent(1 - own[i])} likely to "
                    "be wrong"
                )
            info = {"labelled": len(rows), **summary(noise, 1 - own, flagged[rows])}
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason, info=info
        )


def summary(noise: Noise, chance: Floats, flagged: Bools) -> dict[str, Any]:
    """The estimated share of wrong labels, and how many of the flagged are wrong.

    The interval of the precision holds the doubt about how often labels go wrong, and the luck of
    the draw given that.
    """
    of = chance[flagged]
    precision: float | None = None
    interval: list[float] | None = None
    if len(of):
        precision = float(of.mean())
        low, high = (float(scaled(of, f).mean()) for f in noise.odds_interval)
        # Images are whole: half an image is the correction for continuity.
        luck = (0.5 + Z95 * float(np.sqrt((of * (1 - of)).sum()))) / len(of)
        interval = [
            max(0.0, precision - float(np.hypot(precision - low, luck))),
            min(1.0, precision + float(np.hypot(high - precision, luck))),
        ]
    return {
        "noise_rate": float(chance.mean()),
        "noise_rate_interval": list(noise.rate_interval),
        "expected_wrong": float(chance.sum()),
        "expected_precision": precision,
        "expected_precision_interval": interval,
        "expected_recall": float(of.sum() / chance.sum()) if chance.sum() > 0 else None,
        "weights": dict(
            zip(("probabilities", "votes", "votes_as_draws"), noise.weights.tolist(), strict=True)
        ),
    }


def percent(chance: float) -> str:
    """``93 %``, never rounded up to certainty."""
    return f"{min(round(100 * chance), 99)} %"


def _among(probs: Floats, present: Ints) -> Floats:
    """The probabilities of the classes that occur, which alone can be right."""
    columns = probs[:, present].astype(np.float64)
    totals = columns.sum(axis=1, keepdims=True)
    result: Floats = np.divide(
        columns, totals, out=np.full(columns.shape, 1 / len(present)), where=totals > 0
    )
    return result
