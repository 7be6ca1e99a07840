"""Images that stand on their head or lie on their side, and the turn that sets them right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.detectors.cascade import read_some_views
from curate.detectors.reading import Reading, read_all_views
from curate.detectors.registry import register
from curate.findings import Evidence, Findings
from curate.numerics.stated import mean_chance

Array = NDArray[Any]

STATES = ("upright", "upside-down", "turned to the left", "turned to the right")
"""What an image can be, in the order of the posterior's columns."""


@register
@dataclass(frozen=True)
class Orientation:
    """Finds images that are upside-down (turned by 180 or flipped) or turned by 90 degrees.

    Most images of a dataset are upright, which is all the supervision this needs. Of each image
    the embeddings of its turned copies are compared with its own, so that what it shows cancels
    and how it stands remains:

    * up against down:  D = f + f_hflip - f_vflip - f_rot180
    * standing against lying:  A = f + f_rot180 - f_rot90 - f_rot270
    * left against right, for an image that lies:  B = 2 (f_rot270 - f_rot90)

    Turning the file upside-down only changes the sign of D, and laying it on its side that of A.
    So a linear score of a difference is antisymmetric: it cannot prefer one turn on its own
    account. The weights are a shrunk linear discriminant (Fisher), w = S^-1 mean(D) with S the
    covariance of D shrunk towards a multiple of the identity, where the mean is that of the
    image's class shrunk towards that of all images in proportion to the class's size. Every image
    is scored by weights from folds without it, its duplicates and its group. A second round lets
    the first one's suspects count for less.

    Scores become chances by a mixture: with q(state | image) a logistic of the score times the
    class's temperature, and pi(state) the share of images in each state, the data are likeliest
    under some temperatures and pi (EM; prior-shift EM of Saerens, Latinne & Decaestecker 2002).
    Temperatures of small classes are shrunk towards the common one. Where nothing is turned, pi
    goes to zero and so does every suspicion; where the probe fails, the temperature does.
    The score is the posterior chance of "upright". An image is flagged below `1 - flag_above`.

    Where `view_rows` says that only some images have views, `curate.detectors.cascade` reads the
    others by their embeddings alone, and flags none of them.

    What it is not: a mirrored image is not a finding, and whether upside-down means `rot180` or
    `vflip` is only told where classes have a handedness the embedding sees, else `rot180` is
    suggested. If most images of a class are turned alike, the turn is what the probe takes for
    upright. Chances rest on the model above and are averages over images of similar score.

    Attributes:
        flag_above: smallest chance of being turned that is flagged.
        min_accuracy: a class on which the out-of-fold probe is right less often has no right way
            up: named in `info["abstained_classes"]`, and its images are not flagged for it.
        n_folds: folds of the probe.
        min_images: fewer images than this are not judged.
    """

    flag_above: float = 0.5
    min_accuracy: float = 0.75
    n_folds: int = 5
    min_images: int = 30

    kind: ClassVar[str] = "orientation"
    needs: ClassVar[tuple[str, ...]] = ("embeddings", "view_embeddings")
    views: ClassVar[tuple[str, ...]] = ("hflip", "vflip", "rot90", "rot180", "rot270")
    version: ClassVar[int] = 3

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its chance of being upright; see the class."""
        n = len(evidence)
        if n < self.min_images:
            why = f"{n} images, fewer than the {self.min_images} that the probe needs"
            return self._abstain(evidence, why)
        if all(len(rows) == n for rows in (evidence.view_rows or {}).values()):
            reading = read_all_views(evidence, self.n_folds)
        else:
            reading = read_some_views(evidence, self.n_folds)
        return self._report(evidence, reading)

    def _report(self, evidence: Evidence, reading: Reading) -> Findings:
        names = (*evidence.class_names, "unlabelled")
        labels = np.where(evidence.labels < 0, len(evidence.class_names), evidence.labels)
        upside, lying, posterior = reading.upside_down, reading.sideways, reading.posterior
        # A comparison with nan (no image of the class) is False: nothing known, nothing flagged.
        knows_up, knows_axis = upside >= self.min_accuracy, lying >= self.min_accuracy
        if not (knows_up.any() or knows_axis.any()):
            why = f"the probe is right on {reading.accuracy['upside_down']:.0%} of the images"
            return self._abstain(evidence, f"{why}, no class reaches {self.min_accuracy:.0%}")

        state = 1 + posterior[:, 1:].argmax(1)
        trusted = np.where(state == 1, knows_up[labels], knows_axis[labels])
        score = np.clip(posterior[:, 0], 0.0, 1.0)
        flagged = (score <= 1 - self.flag_above) & trusted & reading.compared
        # Only a class with a handedness tells a half turn from a flip.
        flip = (reading.handed[labels] >= self.min_accuracy) & (reading.flipped < 0)
        half = np.where(flip, "vflip", "rot180")
        cure = np.select([state == 1, state == 2], [half, np.full(len(state), "rot270")], "rot90")
        accuracy = np.where(state == 1, upside[labels], lying[labels])
        reason = [
            f"looks {STATES[s]} to a probe that never saw it: chance of upright {p:.1%}, "
            f"after {turn} {after:.1%}; the probe is right on {right:.0%} of '{names[label]}'"
            if flag
            else ""
            for flag, s, p, turn, after, right, label in zip(
                flagged,
                state,
                score,
                cure,
                posterior[np.arange(len(state)), state],
                accuracy,
                labels,
                strict=True,
            )
        ]
        views = evidence.view_embeddings or {}
        info = {
            "abstained": None,
            "flag_above": self.flag_above,
            "min_accuracy": self.min_accuracy,
            "estimated_share": {s: float(p) for s, p in zip(STATES, reading.share, strict=True)},
            "expected_turned": float(np.sort(1 - score).sum()),
            **mean_chance(
                np.sort(1 - score[flagged]),
                len(evidence),
                float(np.sort(1 - score).sum()),
                "the chances of the flagged, of a probe that reads images and their turned copies",
            ),
            "accuracy": reading.accuracy,
            "views_per_image": sum(map(len, views.values())) / len(evidence),
            "class_accuracy": {
                "upside_down": _by_name(names, upside, np.isfinite(upside)),
                "sideways": _by_name(names, lying, np.isfinite(lying)),
            },
            "abstained_classes": _by_name(names, upside, upside < self.min_accuracy),
            "abstained_classes_sideways": _by_name(names, lying, lying < self.min_accuracy),
        }
        suggestion: Sequence[str] = np.where(flagged, cure, "").tolist()
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason, info=info
        )

    def _abstain(self, evidence: Evidence, why: str) -> Findings:
        n = len(evidence)
        info = {"abstained": why, "flag_above": self.flag_above, "abstained_classes": {}}
        return Findings.build(self.kind, evidence, np.ones(n), np.zeros(n, bool), info=info)


def _by_name(names: Sequence[str], values: Array, keep: Array) -> dict[str, float]:
    return {name: float(v) for name, v, k in zip(names, values, keep, strict=True) if k}
