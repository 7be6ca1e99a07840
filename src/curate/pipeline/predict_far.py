"""How far a picture is from all that a run was trained on, and which of it is nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.conformal import Conformal
from curate.numerics.nearest import mean_distance, nearest
from curate.pipeline.predict_model import Known
from curate.pipeline.stages import has_logits

RATE = 0.01
"""Of ordinary pictures, the share that is warned about."""

NEIGHBOURS = 5
"""Train images whose mean distance is how far a picture is from them all."""

MEASURED = 3000
"""Images of the run by which it is known how far ordinary ones are: of more, an even choice. The
share beyond the threshold is then known to a third of itself."""

FEWEST = 20
"""With fewer images to measure by, nothing is warned about: one in twenty would be wrong."""


@dataclass(frozen=True)
class Distances:
    """Of some pictures.

    Attributes:
        distance: (m,) mean cosine distance to the nearest train images.
        p_value: (m,) share of ordinary images that are as far or farther.
        far: (m,) warned about.
        rows: (m, k) rows of the nearest train images in the run.
        each: (m, k) distances to them.
    """

    distance: NDArray[np.float64]
    p_value: NDArray[np.float64]
    far: Bools
    rows: NDArray[np.int64]
    each: NDArray[np.float32]


@dataclass(frozen=True)
class TrainedOn:
    """The train images of a run, and how far from them its other images lie.

    Idea: the mean cosine distance to the `NEIGHBOURS` nearest train images (Sun et al. 2022). What
    is far is measured on images of the run itself: those of val and test against train, and those
    of train against the folds that did not hold them, so that groups and copies are kept apart as
    they were for its probabilities. A conformal threshold on these keeps the rate of false alarms
    (`curate.numerics.conformal`). Images that the run's `outlier` detector flagged are neither
    measured nor compared with: a picture like them is far.

    Where the run's model is a trained classifier, train images are nearer to each other than any
    new image is, since it was presumably trained on them: then only val and test are measured.

    What it is not: a judgement of the prediction. A picture of an unknown class that resembles a
    known one is not far, and a far one may be predicted rightly.

    Attributes:
        known: the run.
        rows: of the train images that are compared with.
        ordinary: distances of the measured ones; None where there are too few.
        text: what was measured, in words.
    """

    known: Known
    rows: Ints
    ordinary: Conformal | None
    text: str

    @classmethod
    def of(cls, known: Known, rate: float = RATE) -> TrainedOn:
        """Measure a run.

        Args:
            known: the run.
            rate: of false alarms, above 0 and below 1.
        """
        usual = _usual(known)
        rows = np.flatnonzero((known.folds >= 0) & usual)
        if not len(rows):  # all of train is flagged: then nothing is
            rows = np.flatnonzero(known.folds >= 0)
        in_sample = has_logits(known.run)
        held = np.flatnonzero(np.isin(known.splits, ("val", "test")) & usual)
        candidates = held if in_sample else np.sort(np.concatenate([held, rows]))
        some = candidates[_evenly(len(candidates), MEASURED)]
        distance = np.concatenate(
            [
                _distances(known, some[known.folds[some] == fold], rows[known.folds[rows] != fold])
                for fold in np.unique(known.folds[some]).tolist()
            ]
            or [np.empty(0)]
        )
        flagged = int((~usual).sum())
        beside = f", the {flagged} that the run flagged as outliers left out" if flagged else ""
        what = "val and test" if in_sample else "held-out"
        if len(distance) < FEWEST:
            text = (
                f"not checked whether pictures are far from training: {FEWEST} {what} images are "
                f"needed to measure what is far, the run has {len(distance)}"
            )
            return cls(known, rows, None, text)
        ordinary = Conformal.of(distance, rate)
        low, high = ordinary.interval
        text = (
            f"far is a mean cosine distance above {ordinary.threshold:.3f} to the "
            f"{min(NEIGHBOURS, len(rows))} nearest of {len(rows)} train images; of pictures like "
            f"the run's, {_percent(ordinary.kept)} are (95 % {_percent(low)} to {_percent(high)}), "
            f"measured on {len(distance)} {what} images{beside}"
        )
        return cls(known, rows, ordinary, text)

    def distances(self, embeddings: Floats) -> Distances:
        """How far pictures are.

        Args:
            embeddings: (m, d).
        """
        rows, each = nearest(embeddings, self.known.embeddings, self.rows, NEIGHBOURS)
        far = mean_distance(each)
        if self.ordinary is None:
            return Distances(far, np.full(len(far), np.nan), np.zeros(len(far), bool), rows, each)
        p = self.ordinary.p_values(far)
        return Distances(far, p, self.ordinary.warned(far), rows, each)


def _usual(known: Known) -> Bools:
    """The images that were not flagged as outliers."""
    findings = known.run.table("findings")
    odd = findings.loc[(findings["kind"] == "outlier") & findings["flagged"], "sample_id"]
    usual: Bools = ~np.isin(np.asarray(known.ids), odd.to_numpy(dtype=str))
    return usual


def _evenly(n: int, most: int) -> Ints:
    places: Ints = np.linspace(0, n - 1, min(n, most)).astype(np.int64)
    return places


def _distances(known: Known, rows: Ints, among: Ints) -> NDArray[np.float64]:
    """(m,) of images of the run to others of it; none where there are no others."""
    if not len(among):
        return np.empty(0)
    queries = np.asarray(known.embeddings[rows])
    return mean_distance(nearest(queries, known.embeddings, among, NEIGHBOURS)[1])


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
