"""Types of difficulty: what each rests on in the evidence, what helps, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Evidence, Floats, Ints
from curate.numerics.class_reach import as_near_as_others, growth, reach, reaches
from curate.numerics.difficulty import (
    Causes,
    density_posterior,
    low_quality,
    one_sided_z,
    posterior,
    strongest_other,
    usualness,
    weigh,
)

UNCLEAR = "unclear"

REMEDIES = {
    "mislabelled": "relabel",
    "ambiguous": "keep, show late",
    "rare": "keep, gather or oversample",
    "low_quality": "drop",
    "boundary": "keep, augment",
    UNCLEAR: "look",
}
"""Every type, and what helps against it."""

QUALITY = (
    ("sharpness", True),
    ("smoothness", False),
    ("contrast", True),
    ("entropy", True),
    ("brightness", True),
    ("brightness", False),
)
"""Columns of `image_stats`, and whether it is a low value that shows a bad picture."""


@dataclass(frozen=True)
class Weighed:
    """What speaks for each cause on m rows of the evidence.

    Attributes:
        rows, labels: (m,) row numbers and their class numbers.
        causes: how much belief each cause has.
        other: (m,) the likeliest class that is not the label, by model and neighbours together.
        votes: (m, n_classes) how many of the `k` nearest neighbours have each label.
        distance_ratio: (m,) mean distance to the neighbours over its median in the own class.
        own_places: (m,) how many of the `span` nearest neighbours have the label.
        worst: (m,) the index in `tests` of the worst statistic, and `z` (m,) its spreads.
        tests: the statistics looked at.
    """

    rows: Ints
    labels: Ints
    causes: Causes
    other: Ints
    votes: Floats
    distance_ratio: Floats
    own_places: Ints
    span: int
    worst: Ints
    z: Floats
    tests: list[tuple[str, bool]]

    def types(self, least: float) -> tuple[list[str], NDArray[np.float64]]:
        """(m,) the cause with more than `least` of the belief, else unclear; and its share."""
        shares = np.stack(self.causes, axis=1)
        best = shares.argmax(axis=1)
        strength = shares[np.arange(len(shares)), best]
        names = Causes._fields
        return [
            names[b] if s > least else UNCLEAR for b, s in zip(best, strength, strict=True)
        ], strength


def weigh_rows(evidence: Evidence, rows: Ints, k: int, span: int, near: int) -> Weighed:
    """Look at some labelled rows of evidence that has probabilities and neighbours.

    Args:
        evidence: of all rows; what is usual is learnt from it.
        rows: (m,) the hard ones.
        k: neighbours that vote and whose distance is told.
        span: neighbours among which those of the own class are counted.
        near: images by which the distance to a class is measured.
    """
    assert evidence.pred_probs is not None
    assert evidence.neighbors is not None
    labels, n_classes = evidence.labels, len(evidence.class_names)
    apart = evidence.neighbors.distances
    first = apart[:, :k].astype(np.float64)
    distances = first.mean(axis=1) if first.shape[1] else np.zeros(len(evidence))
    every = labels[evidence.neighbors.indices]
    found = every[rows]
    same = found[:, :span] == labels[rows, None]
    votes = np.zeros((len(rows), n_classes))
    at, column = np.nonzero(found[:, :k] >= 0)
    np.add.at(votes, (at, found[at, column]), 1)
    asked = reaches(found, apart[rows], n_classes, near)
    own = reach(every == labels[:, None], apart, near)
    # The same sum in another order may differ in its last digit, and a row is at least itself.
    own[rows] = asked[np.arange(len(rows)), labels[rows]]
    joint = posterior(evidence.pred_probs[rows], density_posterior(asked, growth(apart)))
    belief = joint * usualness(own, labels, asked, labels[rows])
    other = strongest_other(belief, labels[rows])
    fits = as_near_as_others(labels, other, asked, labels[rows], every, apart, near)
    z, tests = _quality(evidence, rows)
    causes = weigh(
        labels[rows], belief, other, fits, _recorded(evidence, "aum")[rows], low_quality(z)
    )
    middle = np.ones(n_classes)
    for c in np.unique(labels[rows]):
        middle[c] = np.median(distances[labels == c])
    worst = z.argmax(axis=1) if tests else np.zeros(len(rows), dtype=np.int64)
    return Weighed(
        rows=rows,
        labels=labels[rows],
        causes=causes,
        other=other,
        votes=votes,
        distance_ratio=distances[rows] / np.maximum(middle[labels[rows]], 1e-9),
        own_places=same.sum(axis=1),
        span=same.shape[1],
        worst=worst,
        z=z[np.arange(len(rows)), worst] if tests else np.zeros(len(rows)),
        tests=tests,
    )


def why(weighed: Weighed, i: int, kind: str, strength: float, own: str, other: str) -> str:
    """What a person can check about the i-th row: the type, the remedy, what it rests on.

    Args:
        weighed: of `weigh_rows`.
        i: a row of it.
        kind: its type.
        strength: its share of the belief.
        own: the name of the label.
        other: the name of `weighed.other`.
    """
    votes = weighed.votes[i]
    total, theirs, ours = (
        int(votes.sum()),
        int(votes[weighed.other[i]]),
        int(votes[weighed.labels[i]]),
    )
    said = f"{theirs} of {total} neighbours are {other}, {ours} {own}"
    head = f"{kind.replace('_', ' ')} ({strength:.2f}): {REMEDIES[kind]}"
    if kind == "low_quality":
        name, low = weighed.tests[weighed.worst[i]]
        side = "below" if low else "above"
        return f"{head}; its {name} is {weighed.z[i]:.1f} spreads {side} the median"
    if kind == "rare":
        return (
            f"{head}; {weighed.distance_ratio[i]:.1f} times as far from its neighbours as is "
            f"usual for {own}, {weighed.own_places[i]} of the nearest {weighed.span} are {own}; "
            f"{said}"
        )
    if kind == UNCLEAR:
        beliefs = ", ".join(
            f"{name.replace('_', ' ')} {share[i]:.2f}"
            for name, share in zip(Causes._fields, weighed.causes, strict=True)
            if share[i] >= 0.1
        )
        return f"unclear: look; no cause has half the belief ({beliefs}); {said}"
    return f"{head}; {said}"


def _quality(evidence: Evidence, rows: Ints) -> tuple[Floats, list[tuple[str, bool]]]:
    """(m, n_tests) z-scores of those statistics that the evidence has, and which they are."""
    stats = evidence.image_stats
    if stats is None:
        return np.zeros((len(rows), 0)), []
    tests = [(name, low) for name, low in QUALITY if name in stats]
    columns = []
    for name, low in tests:
        values: Any = stats[name].to_numpy(dtype=np.float64)
        # Sharpness is a variance: its spread grows with its size.
        values = np.log1p(values) if name == "sharpness" else values
        columns.append(one_sided_z(values, low)[rows])
    return (np.stack(columns, axis=1) if tests else np.zeros((len(rows), 0))), tests


def _recorded(evidence: Evidence, name: str) -> NDArray[np.float64]:
    """(n,) a column of the dynamics, NaN where none was recorded."""
    if evidence.dynamics is None or name not in evidence.dynamics:
        return np.full(len(evidence), np.nan)
    values: NDArray[np.float64] = evidence.dynamics[name].to_numpy(dtype=np.float64)
    return values
