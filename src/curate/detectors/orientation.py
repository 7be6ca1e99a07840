"""Images that stand on their head or lie on their side, and the turn that sets them right."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from curate.detectors.registry import register
from curate.findings import Evidence, Findings
from curate.numerics.discriminant import Discriminant, Fit

Array = NDArray[Any]

STATES = ("upright", "upside-down", "turned to the left", "turned to the right")
"""What an image can be, in the order of the posterior's columns."""

MAX_DIMENSIONS = 2048


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
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its chance of being upright; see the class."""
        n = len(evidence)
        if n < self.min_images:
            why = f"{n} images, fewer than the {self.min_images} that the probe needs"
            return self._abstain(evidence, why)
        n_classes = len(evidence.class_names)
        # Unlabelled images share one class that has no mean of its own.
        labels = np.where(evidence.labels < 0, n_classes, evidence.labels)
        # Sums of floats depend on their order: everything is done in the order of the ids.
        order = np.argsort(np.asarray(evidence.sample_ids, dtype=str), kind="stable")
        back = np.argsort(order)
        probes = Discriminant(_folds(evidence, self.n_folds)[order], labels[order], n_classes)

        up, lying, right = _turns(evidence, order)
        first, axis = probes.fit(up, also=right), probes.fit(lying)
        posterior, _ = _posterior(first.log_odds, axis.log_odds, first.also)
        standing = probes.fit(up, posterior[:, 0], also=right, like=first)
        axis = probes.fit(lying, posterior[:, 0], like=axis)
        posterior, share = _posterior(standing.log_odds, axis.log_odds, standing.also)
        del up, lying, right
        hand, hand_down = _mirrors(evidence, order)
        handed = probes.fit(hand, posterior[:, 0], also=hand_down)
        fits = (standing.rows(back), axis.rows(back), handed.rows(back))
        return self._report(evidence, labels, posterior[back], share, *fits)

    def _report(
        self,
        evidence: Evidence,
        labels: Array,
        posterior: Array,
        share: Array,
        standing: Fit,
        axis: Fit,
        handed: Fit,
    ) -> Findings:
        names = (*evidence.class_names, "unlabelled")
        upside = _accuracy(standing.log_odds, labels, len(names))
        lying = _accuracy(axis.log_odds, labels, len(names))
        handedness = _accuracy(handed.log_odds, labels, len(names))
        # A comparison with nan (no image of the class) is False: nothing known, nothing flagged.
        knows_up, knows_axis = upside >= self.min_accuracy, lying >= self.min_accuracy
        if not (knows_up.any() or knows_axis.any()):
            why = f"the probe is right on {np.mean(standing.log_odds > 0):.0%} of the images"
            return self._abstain(evidence, f"{why}, no class reaches {self.min_accuracy:.0%}")

        state = 1 + posterior[:, 1:].argmax(1)
        trusted = np.where(state == 1, knows_up[labels], knows_axis[labels])
        score = np.clip(posterior[:, 0], 0.0, 1.0)
        flagged = (score <= 1 - self.flag_above) & trusted
        # Only a class with a handedness tells a half turn from a flip.
        flip = (handedness[labels] >= self.min_accuracy) & (handed.also < 0)
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
        info = {
            "abstained": None,
            "flag_above": self.flag_above,
            "min_accuracy": self.min_accuracy,
            "estimated_share": {s: float(p) for s, p in zip(STATES, share, strict=True)},
            "expected_turned": float(np.sort(1 - score).sum()),
            "estimated_precision": float(1 - np.sort(score[flagged]).mean())
            if flagged.any()
            else None,
            "accuracy": {
                "upside_down": float(np.mean(standing.log_odds > 0)),
                "sideways": float(np.mean(axis.log_odds > 0)),
            },
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


def _turns(evidence: Evidence, order: Array) -> tuple[Array, Array, Array]:
    """D, A and B of `Orientation`, each (n, d); B is scaled like D, whose weights will read it."""
    up = _view(evidence, "", order) + _view(evidence, "hflip", order)
    up -= _view(evidence, "vflip", order)
    up -= _view(evidence, "rot180", order)
    left, right = _view(evidence, "rot90", order), _view(evidence, "rot270", order)
    lying = _view(evidence, "", order) + _view(evidence, "rot180", order)
    lying -= left
    lying -= right
    right = right - left
    scale = _scale(up)
    up *= scale
    right *= 2 * scale
    lying *= _scale(lying)
    return up, lying, right


def _mirrors(evidence: Evidence, order: Array) -> tuple[Array, Array]:
    """An image less its mirror image, as it is and after half a turn, each (n, d)."""
    hand = _view(evidence, "", order) - _view(evidence, "hflip", order)
    turned = _view(evidence, "rot180", order) - _view(evidence, "vflip", order)
    scale = _scale(hand)
    hand *= scale
    turned *= scale
    return hand, turned


def _view(evidence: Evidence, name: str, order: Array) -> Array:
    """(n, d) float32 embeddings of one view ("" for the image itself) in the given order."""
    assert evidence.embeddings is not None and evidence.view_embeddings is not None
    source = evidence.view_embeddings[name] if name else evidence.embeddings
    found = np.asarray(source[order], dtype=np.float32)
    d = found.shape[1]
    if d > MAX_DIMENSIONS:
        # A seeded random projection keeps distances, and so the discriminant, at a bounded cost.
        rng = evidence.rng("orientation")
        shrink = rng.standard_normal((d, MAX_DIMENSIONS), dtype=np.float32)
        found = found @ (shrink / np.sqrt(np.float32(MAX_DIMENSIONS)))
    return np.asarray(found)


def _scale(X: Array) -> Array:
    """(d,) one over the root mean square of each column; 0 where that is next to nothing."""
    size = np.sqrt(np.einsum("ij,ij->j", X, X).astype(np.float64) / max(len(X), 1))
    useful = size > 1e-6 * size.max(initial=0)
    scale: Array = np.divide(1, size, out=np.zeros_like(size), where=useful)
    return scale.astype(np.float32)


def _folds(evidence: Evidence, n_folds: int) -> Array:
    """(n,) folds; copies and groups stay together, and row order does not matter."""
    keys = np.asarray(evidence.sample_ids, dtype=str)
    if evidence.digests is not None:
        keys = np.asarray(evidence.digests, dtype=str)
    if evidence.groups is not None:
        groups = np.asarray(evidence.groups, dtype=str)
        keys = np.where(groups != "", np.char.add("group:", groups), keys)
    unique, inverse = np.unique(keys, return_inverse=True)
    hashes = [(zlib.crc32(f"{evidence.seed}:{key}".encode()), key) for key in unique.tolist()]
    order = sorted(range(len(unique)), key=hashes.__getitem__)
    fold = np.empty(len(unique), dtype=np.int64)
    fold[order] = np.arange(len(unique)) % n_folds
    return np.asarray(fold[inverse])


def _posterior(up: Array, axis: Array, right: Array) -> tuple[Array, Array]:
    """(n, 4) chances of the `STATES` and (4,) their shares, by EM; arguments are log-odds."""
    standing, lying = log_expit(axis), log_expit(-axis)
    log_q = np.stack(
        [
            standing + log_expit(up),
            standing + log_expit(-up),
            lying + log_expit(right),
            lying + log_expit(-right),
        ],
        axis=1,
    )
    # A tenth of an image in each turned state keeps the ranking where nothing is turned.
    pseudo = np.array([1.0, 0.1, 0.1, 0.1])
    share = np.array([0.97, 0.01, 0.01, 0.01])
    for _ in range(200):
        joint = log_q + np.log(share)
        posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        previous, share = share, posterior.sum(0) + pseudo
        share = share / share.sum()
        if np.abs(share - previous).max() < 1e-7:
            break
    return posterior, share


def _accuracy(log_odds: Array, labels: Array, n_classes: int) -> Array:
    """(n_classes,) share of each class the probe reads as it is; nan where there is no image.

    Shrunk by five images' worth towards the share of all, so that one image is no verdict.
    """
    hit = np.where(log_odds == 0, 0.5, log_odds > 0)
    size = np.bincount(labels, minlength=n_classes)
    hits = np.bincount(labels, hit, n_classes) + 5 * hit.mean()
    return np.where(size > 0, hits / (size + 5), np.nan)


def _by_name(names: Sequence[str], values: Array, keep: Array) -> dict[str, float]:
    return {name: float(v) for name, v, k in zip(names, values, keep, strict=True) if k}
