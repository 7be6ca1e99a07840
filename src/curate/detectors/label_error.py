"""Images whose label is probably wrong, with the label they probably should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.belief import normal_scores
from curate.numerics.intervals import Z95
from curate.numerics.neighbors import neighbor_label_share
from curate.numerics.noise import Noise, fit_noise, scaled
from curate.numerics.stated import stated

WITNESSES = ("probabilities", "votes", "votes_as_draws")


@register
@dataclass(frozen=True)
class LabelError:
    """Label errors by the chance that the true class is another one.

    Idea: two witnesses did not use the image's own label: the held-out probabilities p and the
    labels of its `k` nearest neighbours. What they are worth here, on plain images and on hard
    ones, and how often a label of each class goes wrong and where it goes, is learnt from all
    images together, their true classes being hidden (`curate.numerics.noise.fit_noise`; Dawid and
    Skene 1979, Goldberger and Ben-Reuven 2017). An image far from its neighbours is more often a
    hard one. Then Bayes' rule gives each class t its chance, from the witnesses' belief in it and
    the chance T that it bears this label y: ``P(t) ~ belief_t T_ty``. ``score = P(y)``, so that
    ``1 - score`` is the chance that the label is wrong, and an image is flagged where that chance
    is above `cut`: more likely wrong than right. The suggestion is the likeliest other class.

    How sure that is: `info` holds the estimated share of wrong labels, how many of the flagged are
    expected to be wrong, and 95 % intervals of both. They hold as far as the model of noise does:
    any image of a class may be labelled wrongly, however plain it is. Where the data cannot tell
    wrong labels from honest doubt, as with probabilities that were calibrated to wrong labels, the
    interval of the share is wide, and holds both zero and what may be hidden.

    Not proof: a rare pose of its class looks the same from here, which is why the tool only
    sets these images aside for review. And not for a class labelled otherwise throughout, nor for
    probabilities of a model that trained on the labels: it repeats them.
    """

    k: int = 10
    cut: float = 0.5

    kind: ClassVar[str] = "label_error"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "neighbors")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 4

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
            strange = normal_scores(evidence.neighbors.distances[rows, : self.k].mean(axis=1))
            noise = fit_noise(labels, probs, votes, strange, order)
            posterior = noise.posterior(labels, probs, votes, strange)
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
            spread = noise.spread(labels[found], probs[found], votes[found], strange[found])
            info = {"labelled": len(rows), **summary(noise, 1 - own, flagged[rows], spread)}
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason, info=info
        )


def summary(noise: Noise, chance: Floats, flagged: Bools, spread: float) -> dict[str, Any]:
    """The estimated share of wrong labels, and how many of the flagged are wrong.

    The interval of the precision holds the doubt about how often labels go wrong and what the
    witnesses are worth, and the luck of the draw given that.

    Args:
        noise: as learnt.
        chance: (n,) of each label to be wrong.
        flagged: (n,) where.
        spread: standard deviation of the flagged's mean chance, since the weights are not known.
    """
    of = chance[flagged]
    known: dict[str, object] = {}
    if len(of):
        precision = float(of.mean())
        low, high = (float(scaled(of, f).mean()) for f in noise.odds_interval)
        # Images are whole: half an image is the correction for continuity.
        luck = (0.5 + Z95 * float(np.sqrt((of * (1 - of)).sum()))) / len(of)
        known = stated(
            precision,
            precision - float(np.hypot(max(precision - low, Z95 * spread), luck)),
            precision + float(np.hypot(max(high - precision, Z95 * spread), luck)),
            "the mean chance of the flagged labels to be wrong",
        )
    return {
        "noise_rate": float(chance.mean()),
        "noise_rate_interval": list(noise.rate_interval),
        "expected_wrong": float(chance.sum()),
        **known,
        "expected_recall": float(of.sum() / chance.sum()) if chance.sum() > 0 else None,
        "weights": {
            "plain": dict(zip(WITNESSES, noise.belief.plain.tolist(), strict=True)),
            "hard": dict(zip(WITNESSES, noise.belief.hard.tolist(), strict=True)),
        },
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
