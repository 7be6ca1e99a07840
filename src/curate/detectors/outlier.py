"""Images unlike all others: foreign pictures, broken scans, what belongs elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.data.statistics import SHOWN
from curate.detectors.registry import register
from curate.findings import Evidence, Findings, Floats, Ints
from curate.numerics.class_distance import class_stance
from curate.numerics.neighbors import nearest_mean_distance


@register
@dataclass(frozen=True)
class Outlier:
    """Outliers by their distance to every class, and by plain image facts.

    Idea: a foreign image is far from every class, however many of its kind there are. Its stance z
    to a class is the distance within which `share` of that class's images lie, in robust spreads
    of the class's own images (`curate.numerics.class_distance`). With z_own for its label and
    z_near for the nearest class, ``z = min(z_own, z_near + 1)``: an image must be far from its own
    class, and also from the others, since what lies in another class is a label error. Foreign
    images that share a label are near their own kind; they give themselves away by z_other, that to
    the nearest of the other classes: z is at least the lesser of its two robust z-scores, among all
    images and among those of the label, so that a class unlike all others is not foreign. Where no
    class has `least` images, z is that of the mean distance d to the `k` nearest images, ``(log d -
    median) / (1.4826 * MAD)``. A third view compares distances of the image statistics in the same
    way (a photograph among scans can look ordinary to an embedder that sees shapes only).
    ``severity = max(z / z_max, z_facts / z_facts_max)``, ``score = 1 / (1 + exp(severity - 1))``,
    flagged above 1. Source: class-conditional distances (Lee et al. 2018); kNN out-of-distribution
    scores (Ramaswamy et al. 2000; Sun et al. 2022).

    Not a verdict on the label. Of foreign images that are more than about a fifth of a class it
    sees little, and of those that are half of it nothing; silent about images of classes with fewer
    than `least`.
    """

    k: int = 10
    share: float = 0.2
    least: int = 10
    z_max: float = 3.0
    z_facts_max: float = 10.0

    kind: ClassVar[str] = "outlier"
    needs: ClassVar[tuple[str, ...]] = ("embeddings", "neighbors")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 3

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by how far it is from what it should be near."""
        assert evidence.neighbors is not None
        n, near = len(evidence), evidence.neighbors.distances[:, : self.k].astype(float)
        if near.shape[1] == 0:
            return Findings.build(self.kind, evidence, np.ones(n), np.zeros(n, dtype=bool))
        mean = near.mean(axis=1)
        z, typical = _robust_z(mean)
        stance = self._stance(evidence)
        if stance is not None:
            z = stance.z
        facts, names = _standardised(evidence)
        z_facts, _ = _robust_z(nearest_mean_distance(facts, self.k))
        severity = np.maximum(z / self.z_max, z_facts / self.z_facts_max)
        flagged = severity > 1
        reason, partner = [""] * n, [""] * n
        for i in np.flatnonzero(flagged).tolist():
            partner[i] = str(evidence.sample_ids[evidence.neighbors.indices[i, 0]])
            if z[i] <= self.z_max:
                worst = int(np.abs(facts[i]).argmax())
                reason[i] = (
                    f"its {names[worst]} is {abs(facts[i, worst]):.0f} spreads "
                    f"{'above' if facts[i, worst] > 0 else 'below'} the median, "
                    "and no image has similar statistics"
                )
            elif stance is not None:
                reason[i] = stance.reason(i, evidence, self.z_max)
            else:
                reason[i] = (
                    f"mean distance to its {near.shape[1]} nearest images is {mean[i]:.3f}, "
                    f"{mean[i] / typical:.1f} times the typical {typical:.3f}"
                )
        info: dict[str, Any] = {"typical_distance": typical}
        if stance is not None:
            no_class = flagged & (stance.nearest > self.z_max)
            info["of_no_class"] = int(no_class.sum())
        score = 1 / (1 + np.exp(np.clip(severity - 1, -50, 500)))
        return Findings.build(
            self.kind, evidence, score, flagged, partner_id=partner, reason=reason, info=info
        )

    def _stance(self, evidence: Evidence) -> _Stance | None:
        """How far every image is from the classes, or None where no class has enough images."""
        if evidence.embeddings is None or not evidence.class_names:
            return None
        to_class = class_stance(
            evidence.embeddings, evidence.labels, evidence.sample_ids,
            len(evidence.class_names), self.share, self.least,
        )  # fmt: skip
        if not np.isfinite(to_class).any():
            return None
        best, rows = to_class.argmin(axis=1), np.arange(len(to_class))
        nearest = to_class[rows, best].astype(float)
        own = np.where(evidence.labelled, to_class[rows, evidence.labels], nearest)
        # Of a class too small to be judged: far from the others is where it belongs.
        z = np.where(np.isfinite(own), np.minimum(own, nearest + 1), 0.0)
        apart = _apart(to_class, evidence.labels, self.least)
        return _Stance(np.maximum(z, apart), own, nearest, best, apart)


class _Stance(NamedTuple):
    """Of every image its z, what it is made of, and which class is nearest."""

    z: Floats
    own: Floats
    nearest: Floats
    best: Ints
    apart: Floats

    def reason(self, row: int, evidence: Evidence, limit: float) -> str:
        """Why one image is far."""
        names, label = evidence.class_names, int(evidence.labels[row])
        near = f"{names[self.best[row]]}: {self.nearest[row]:.1f} spreads farther than its images"
        if self.nearest[row] > limit:
            return f"far from every class, also from the nearest, {near}"
        if min(self.own[row], self.nearest[row] + 1) <= limit:
            return (
                f"farther from all other classes than {names[label]} is, by {self.apart[row]:.1f} "
                "spreads: near only to images that are as far"
            )
        return (
            f"far from its class {names[label]}: {self.own[row]:.1f} spreads farther than its "
            f"images, and in no other (nearest {near})"
        )


def _apart(to_class: Floats, labels: Ints, least: int) -> Floats:
    """(n,) how far from the other classes, by the lesser of two robust z-scores; 0 if unknown."""
    labelled = np.flatnonzero(labels >= 0)
    other = to_class.astype(float)
    other[labelled, labels[labelled]] = np.inf
    value = other.min(axis=1)
    known = np.isfinite(value)
    apart = np.zeros(len(labels))
    if not known.any():
        return apart
    among_all = _spreads(value, value[known])
    for label in np.unique(labels[labelled]):
        mine = np.flatnonzero((labels == label) & known)
        if len(mine) >= least:
            apart[mine] = np.minimum(_spreads(value[mine], value[mine]), among_all[mine])
    return apart


def _spreads(values: Floats, among: Floats) -> Floats:
    """How many robust spreads of some values others lie above their median."""
    middle = float(np.median(among))
    spread = 1.4826 * float(np.median(np.abs(among - middle)))
    above: Floats = (values - middle) / spread if spread > 1e-6 else np.zeros(len(values))
    return above


def _robust_z(distances: Floats) -> tuple[Floats, float]:
    """(n,) robust z-scores of the logarithms, and the median distance."""
    logs = np.log(np.maximum(distances, 1e-9))
    return _spreads(logs, logs), float(np.exp(np.median(logs)))


def _standardised(evidence: Evidence) -> tuple[NDArray[np.float64], list[str]]:
    """(n, n_statistics) statistics in robust spreads from their medians, and their names."""
    if evidence.image_stats is None:
        return np.zeros((len(evidence), 1)), ["statistics"]
    table: Any = evidence.image_stats[[name for name in SHOWN if name in evidence.image_stats]]
    # Sharpness is a variance: its spread grows with its size unless it is taken as a logarithm.
    table = table.assign(**{c: np.log1p(table[c]) for c in ("sharpness",) if c in table})
    values = table.to_numpy(dtype=np.float64)
    centred = values - np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(centred), axis=0)
    # Where most images share one value, such as no saturation, the median deviation is 0.
    spread = np.maximum(spread, 0.1 * values.std(axis=0))
    return centred / np.where(spread > 1e-9, spread, 1.0), [str(name) for name in table.columns]
