"""What the probes say of how every image stands, whichever views they had to say it from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.detectors.differences import (
    class_accuracy,
    embedded,
    fold_numbers,
    mirrors,
    posterior_of,
    turns,
)
from curate.findings import Evidence
from curate.numerics.discriminant import Discriminant

Array = NDArray[Any]


@dataclass(frozen=True)
class Reading:
    """How n images stand; classes are `class_names` and, last, the unlabelled.

    Attributes:
        posterior: (n, 4) chances of the `STATES` of `curate.detectors.orientation`.
        share: (4,) their shares.
        compared: (n,) True where turned copies of the image were compared with it.
        flipped: (n,) negative where the image, if upside-down, looks mirrored too.
        accuracy: shares of images that the probes of "upside_down" and "sideways" read rightly.
        upside_down, sideways, handed: (n_classes + 1,) the same of each class, nan where unknown;
            `handed` is of the probe that tells an image from its mirror image.
    """

    posterior: Array
    share: Array
    compared: Array
    flipped: Array
    accuracy: dict[str, float]
    upside_down: Array
    sideways: Array
    handed: Array


def read_all_views(evidence: Evidence, n_folds: int) -> Reading:
    """Read images of all of which every view is embedded; see `Orientation` for how."""
    n_classes = len(evidence.class_names)
    # Unlabelled images share one class that has no mean of its own.
    labels = np.where(evidence.labels < 0, n_classes, evidence.labels)
    # Sums of floats depend on their order: everything is done in the order of the ids.
    order = np.argsort(np.asarray(evidence.sample_ids, dtype=str), kind="stable")
    back = np.argsort(order)
    probes = Discriminant(fold_numbers(evidence, n_folds)[order], labels[order], n_classes)

    up, lying, right = turns(evidence, order)
    first, axis = probes.fit(up, also=right), probes.fit(lying)
    posterior, _ = posterior_of(first.log_odds, axis.log_odds, first.also)
    standing = probes.fit(up, posterior[:, 0], also=right, like=first)
    axis = probes.fit(lying, posterior[:, 0], like=axis)
    posterior, share = posterior_of(standing.log_odds, axis.log_odds, standing.also)
    del up, lying, right
    views = [embedded(evidence, view, order) for view in ("", "hflip", "vflip", "rot180")]
    hand, hand_down = mirrors(*views)
    handed = probes.fit(hand, posterior[:, 0], also=hand_down).rows(back)
    standing, axis = standing.rows(back), axis.rows(back)
    return Reading(
        posterior[back],
        share,
        np.ones(len(evidence), dtype=bool),
        handed.also,
        {
            "upside_down": float(np.mean(standing.log_odds > 0)),
            "sideways": float(np.mean(axis.log_odds > 0)),
        },
        class_accuracy(standing.log_odds, labels, n_classes + 1),
        class_accuracy(axis.log_odds, labels, n_classes + 1),
        class_accuracy(handed.log_odds, labels, n_classes + 1),
    )
