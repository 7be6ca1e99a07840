"""Images unlike all others: foreign pictures, broken scans, what belongs elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.detectors.registry import register
from curate.findings import Evidence, Findings, Floats
from curate.numerics.neighbors import nearest_mean_distance


@register
@dataclass(frozen=True)
class Outlier:
    """Outliers by the distance to their neighbours, in the embedding and in plain image facts.

    Idea: an image of the data has others near it; a foreign one has not. Its mean distance d to
    the `k` nearest images is compared with everybody's on a logarithmic scale,
    ``z = (log d - median) / (1.4826 * MAD)``, twice: with cosine distances of the embeddings, and
    with distances of the image statistics, each robustly standardised (a photograph among scans
    can look ordinary to an embedder that sees shapes only). ``severity = max(z / z_max,
    z_facts / z_facts_max)``, ``score = 1 / (1 + exp(4 (severity - 1)))``, flagged above 1.
    Source: kNN out-of-distribution scores (Ramaswamy et al. 2000; Sun et al. 2022).

    Not a verdict on the label, and blind to foreign images that come in groups larger than `k`.
    """

    k: int = 10
    z_max: float = 3.0
    z_facts_max: float = 10.0

    kind: ClassVar[str] = "outlier"
    needs: ClassVar[tuple[str, ...]] = ("neighbors",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by the distance to its neighbours."""
        assert evidence.neighbors is not None
        n = len(evidence)
        near = evidence.neighbors.distances[:, : self.k].astype(float)
        if near.shape[1] == 0:
            return Findings.build(self.kind, evidence, np.ones(n), np.zeros(n, dtype=bool))
        mean = near.mean(axis=1)
        z, typical = _robust_z(mean)
        facts, names = _standardised(evidence)
        z_facts, _ = _robust_z(nearest_mean_distance(facts, self.k))
        severity = np.maximum(z / self.z_max, z_facts / self.z_facts_max)
        score = 1 / (1 + np.exp(np.clip(4 * (severity - 1), -50, 50)))
        flagged = severity > 1
        reason, partner = [""] * n, [""] * n
        for i in np.flatnonzero(flagged):
            partner[i] = str(evidence.sample_ids[evidence.neighbors.indices[i, 0]])
            if z[i] > self.z_max:
                reason[i] = (
                    f"mean distance to its {near.shape[1]} nearest images is {mean[i]:.3f}, "
                    f"{mean[i] / typical:.1f} times the typical {typical:.3f}"
                )
            else:
                worst = int(np.abs(facts[i]).argmax())
                reason[i] = (
                    f"its {names[worst]} is {abs(facts[i, worst]):.0f} spreads "
                    f"{'above' if facts[i, worst] > 0 else 'below'} the median, "
                    "and no image has similar statistics"
                )
        info = {"typical_distance": typical}
        return Findings.build(
            self.kind, evidence, score, flagged, partner_id=partner, reason=reason, info=info
        )


def _robust_z(distances: Floats) -> tuple[Floats, float]:
    """(n,) robust z-scores of the logarithms, and the median distance."""
    logs = np.log(np.maximum(distances, 1e-9))
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    z = (logs - middle) / spread if spread > 1e-6 else np.zeros(len(logs))
    return z, float(np.exp(middle))


def _standardised(evidence: Evidence) -> tuple[NDArray[np.float64], list[str]]:
    """(n, n_statistics) statistics in robust spreads from their medians, and their names."""
    if evidence.image_stats is None:
        return np.zeros((len(evidence), 1)), ["statistics"]
    table: Any = evidence.image_stats.select_dtypes("number")
    # Sharpness is a variance: its spread grows with its size unless it is taken as a logarithm.
    table = table.assign(**{c: np.log1p(table[c]) for c in ("sharpness",) if c in table})
    values = table.to_numpy(dtype=np.float64)
    centred = values - np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(centred), axis=0)
    # Where most images share one value, such as no saturation, the median deviation is 0.
    spread = np.maximum(spread, 0.1 * values.std(axis=0))
    return centred / np.where(spread > 1e-9, spread, 1.0), [str(name) for name in table.columns]
