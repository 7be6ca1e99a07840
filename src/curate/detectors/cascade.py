"""Which turned copies are worth embedding for `Orientation`, and what few of them tell.

To embed five turned copies of every image costs six times as much as to embed the images, and most
of it goes to images whose own embedding already says that they are upright. So this is done in two
passes: `sample_views` names the copies of a fixed sample, embedded beside the images; what an
embedding looks like upright and turned is learnt from them; and `suspect_views` names the copies
of the images that look turned most, which alone are embedded in the second pass.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from curate.detectors.differences import class_accuracy, fold_numbers, posterior_of
from curate.detectors.reading import Reading
from curate.detectors.viewed import SIDEWAYS, UPSIDE_DOWN, Viewed
from curate.findings import Evidence, Ints
from curate.numerics.discriminant import temperatures
from curate.numerics.stance import Stances, Turned, learn_stances, logistic

Array = NDArray[Any]

VIEWS = ("hflip", "vflip", "rot90", "rot180", "rot270")

ALL_BELOW = 1200
"""Up to so many images every view of every image is embedded: less would hardly be cheaper."""

SAMPLE = 1000
"""Images of which a half turn or a vertical flip, and a quarter turn, are embedded."""

SAMPLE_IN_FULL = 500
"""Those of them of which every view is embedded, to calibrate by."""

UPSIDE_DOWN_SHARE = 0.12
SIDEWAYS_SHARE = 0.05
"""Shares of all images whose copies are embedded because they look turned in this way."""

TURNS = (("rot180", "vflip"), ("rot90",), ("rot270",), ("hflip",))
"""The views that show the shift to upside-down, to the left, to the right, to the mirror image."""

DOWN, LYING, MIRRORED = (1.0,), (-0.5, 0.5, 0.5), (0.0, 0.0, 0.0, 1.0)
"""Mixtures of these shifts, by which differences of views are scored."""

HOPELESS = 0.65
"""A class in which fewer of the sample's pairs are read rightly is not looked at any closer."""

ROUNDS = 3
N_FOLDS = 5


def sample_views(sample_ids: Array, seed: int) -> dict[str, Ints]:
    """The copies to embed in the first pass: per view the row numbers, ascending.

    The sample is a fixed one: that of the smallest checksums of seed and sample_id, so that it
    depends neither on the order of the rows nor on which of the others can be read.
    """
    n = len(sample_ids)
    if n <= ALL_BELOW:
        return {view: np.arange(n) for view in VIEWS}
    return _sample(np.asarray(sample_ids, dtype=str), seed)


def suspect_views(evidence: Evidence) -> dict[str, Ints]:
    """The copies to embed in the second pass: per view the row numbers, ascending.

    Args:
        evidence: with `embeddings`, and in `view_embeddings` and `view_rows` the copies that
            `sample_views` asked for.

    Returns:
        Row numbers that `view_rows` does not have yet; none where every view of every row is there.
    """
    if evidence.view_rows is None or len(evidence) <= ALL_BELOW:
        return {view: np.arange(0) for view in VIEWS}
    viewed, stances, ratios = _look(evidence, N_FOLDS)
    up, axis, right = _single(ratios)
    _pairs(viewed, stances, up, axis)
    # A class without a right way up would fill the list, and is abstained from anyway.
    up[_hopeless(viewed, up)] = np.inf
    axis[_hopeless(viewed, axis)] = np.inf
    upside_down = _lowest(up, UPSIDE_DOWN_SHARE)
    # The odds of the likelier of two sides count: lying on either a little is lying on none.
    sideways = _lowest(axis - log_expit(np.abs(right)), SIDEWAYS_SHARE)
    wanted: dict[str, Ints] = {}
    for view in VIEWS:
        rows = [np.arange(0)]
        rows += [upside_down] * (view in UPSIDE_DOWN) + [sideways] * (view in SIDEWAYS)
        asked = viewed.order[np.unique(np.concatenate(rows))]
        wanted[view] = np.setdiff1d(asked, evidence.view_rows[view])
    return wanted


def read_some_views(evidence: Evidence, n_folds: int) -> Reading:
    """Read images on the best of what is embedded of each.

    That is 2 f - f_vflip - f_rot180 (D of `Orientation` less the mirror image, which adds little)
    and A where the views are there; for the rest of the sample the image less one copy; for all
    others the embedding alone, by `Stances`. Scores of differences become log-odds by a
    temperature per class, as in `Discriminant`, fitted on the sample; those of single embeddings
    by a logistic fitted on the sample and its copies. Further rounds learn the shifts from the
    suspects too, those that turned out to be upright.
    """
    viewed, stances, ratios = _look(evidence, n_folds)
    n, n_names = len(evidence), viewed.n_classes + 1
    up, axis, posterior, share = _judge(viewed, stances, ratios)
    for _ in range(ROUNDS - 1):
        upright = posterior[:, 0] > 0.5
        stances = _learn(viewed, {view: rows[upright[rows]] for view, rows in viewed.rows.items()})
        up, axis, posterior, share = _judge(viewed, stances, ratios)
    sample, _ = viewed.sample
    labels = viewed.labels[sample]
    flipped, handed = _handedness(viewed, stances)
    compared = np.zeros(n, dtype=bool)
    for rows in viewed.rows.values():
        compared[rows] = True
    back = viewed.back
    return Reading(
        posterior[back],
        share,
        compared[back],
        flipped[back],
        {
            "upside_down": float(np.mean(up[sample] > 0)) if len(sample) else 0.0,
            "sideways": float(np.mean(axis[sample] > 0)) if len(sample) else 0.0,
        },
        class_accuracy(up[sample], labels, n_names),
        class_accuracy(axis[sample], labels, n_names),
        handed,
    )


def _sample(sample_ids: Array, seed: int) -> dict[str, Ints]:
    """Per view the rows of the sample, ascending: all views of the first, two of each other."""
    checksums = np.array([zlib.crc32(f"{seed}:{key}".encode()) for key in sample_ids.tolist()])
    chosen = np.lexsort((sample_ids, checksums))[:SAMPLE]
    full, rest = chosen[:SAMPLE_IN_FULL], chosen[SAMPLE_IN_FULL:]
    odd = checksums[rest] % 2 == 1
    first, second = np.concatenate([full, rest[odd]]), np.concatenate([full, rest[~odd]])
    views = {"hflip": full, "vflip": first, "rot90": first, "rot180": second, "rot270": second}
    return {view: np.sort(views[view]) for view in VIEWS}


def _look(evidence: Evidence, n_folds: int) -> tuple[Viewed, Stances, Array]:
    """The embeddings, what the sample teaches, and calibrated log-likelihood ratios (n, 3)."""
    planned = _sample(np.asarray(evidence.sample_ids, dtype=str), evidence.seed)
    viewed = Viewed.of(evidence, planned, fold_numbers(evidence, n_folds))
    stances = _learn(viewed, viewed.planned)
    ratios = stances.ratios(3)
    sample, _ = viewed.sample
    for state in range(3):
        copies = stances.ratio_of_copies(state)
        if len(copies):
            score = np.concatenate([ratios[sample, state], copies])
            is_turned = np.repeat([0.0, 1.0], [len(sample), len(copies)])
            weight = np.where(is_turned > 0, len(sample) / len(copies), 1.0)
            slope, offset = logistic(score, is_turned, weight)
            ratios[:, state] = slope * ratios[:, state] + offset
    return viewed, stances, ratios


def _judge(viewed: Viewed, stances: Stances, ratios: Array) -> tuple[Array, Array, Array, Array]:
    """Log-odds of upright to upside-down and of standing to lying, the posterior, the shares."""
    up, axis, right = _single(ratios)
    _pairs(viewed, stances, up, axis)
    _compare(viewed, stances, up, axis, right)
    return up, axis, *posterior_of(up, axis, right)


def _learn(viewed: Viewed, rows: Mapping[str, Array]) -> Stances:
    """Learn the shifts of `TURNS` from the given rows' copies."""
    turned = []
    for views in TURNS:
        parts = [(rows[view], viewed.at(view, rows[view])) for view in views]
        turned.append(Turned(*(np.concatenate(part) for part in zip(*parts, strict=True))))
    return learn_stances(viewed.X, viewed.labels, viewed.n_classes, viewed.folds, turned)


def _single(ratios: Array) -> tuple[Array, Array, Array]:
    """Log-odds of upright, of standing, and of left against right, by the embedding alone."""
    lying = np.logaddexp(ratios[:, 1], ratios[:, 2]) - np.log(2)
    return -ratios[:, 0], -lying, ratios[:, 1] - ratios[:, 2]


def _pairs(viewed: Viewed, stances: Stances, up: Array, axis: Array) -> None:
    """Better log-odds for the sample, of each image less one turned copy; written in place."""
    for odds, views, mixture in (
        (up, ("rot180", "vflip"), DOWN),
        (axis, ("rot90", "rot270"), LYING),
    ):
        score = np.full(len(odds), np.nan)
        for view in views:
            rows = viewed.planned[view]
            score[rows] = stances.score(rows, viewed.at(view, rows) - viewed.X[rows], mixture)
        rows = np.flatnonzero(np.isfinite(score))
        if len(rows):
            labels = viewed.labels[rows]
            _, temperature = temperatures(score[rows], labels, viewed.n_classes + 1)
            odds[rows] = score[rows] * temperature[labels]


def _lowest(odds: Array, share: float) -> Array:
    """Row numbers of the lowest of finite log-odds, a share of all rows at most."""
    rows = np.argsort(odds, kind="stable")[: int(share * len(odds))]
    return np.asarray(rows[np.isfinite(odds[rows])])


def _hopeless(viewed: Viewed, odds: Array) -> Array:
    """(n,) True for images of classes that the sample's pairs do not tell the right way up of."""
    sample, _ = viewed.sample
    accuracy = class_accuracy(odds[sample], viewed.labels[sample], viewed.n_classes + 1)
    return np.asarray(accuracy[viewed.labels] < HOPELESS)


def _compare(viewed: Viewed, stances: Stances, up: Array, axis: Array, right: Array) -> None:
    """The best log-odds, of all views that answer a question; written in place."""
    _, full = viewed.sample

    def odds_of(rows: Array, score: Array) -> tuple[Array, Array]:
        known = np.isin(rows, full)
        labels = viewed.labels[rows]
        _, temperature = temperatures(score[known], labels[known], viewed.n_classes + 1)
        return score * temperature[labels], temperature[labels]

    if not len(full):
        return
    rows = viewed.with_all(UPSIDE_DOWN)
    vflip, rot180 = (viewed.at(view, rows) for view in UPSIDE_DOWN)
    scale = np.ones(len(up))
    up[rows], scale[rows] = odds_of(
        rows, stances.score(rows, vflip + rot180 - 2 * viewed.X[rows], DOWN)
    )
    rows = viewed.with_all(SIDEWAYS)
    left, half, other = (viewed.at(view, rows) for view in SIDEWAYS)
    axis[rows], _ = odds_of(rows, stances.score(rows, left + other - viewed.X[rows] - half, LYING))
    right[rows] = 2 * stances.score(rows, left - other, DOWN) * scale[rows]


def _handedness(viewed: Viewed, stances: Stances) -> tuple[Array, Array]:
    """(n,) below 0 where an image, if upside-down, is mirrored too; and each class's accuracy."""
    rows = viewed.planned["hflip"]
    right = stances.score(rows, viewed.at("hflip", rows) - viewed.X[rows], MIRRORED)
    accuracy = class_accuracy(right, viewed.labels[rows], viewed.n_classes + 1)
    flipped = np.zeros(len(viewed.X))
    rows = viewed.with_all(UPSIDE_DOWN)
    vflip, rot180 = (viewed.at(view, rows) for view in UPSIDE_DOWN)
    flipped[rows] = stances.score(rows, vflip - rot180, MIRRORED)
    return flipped, accuracy
