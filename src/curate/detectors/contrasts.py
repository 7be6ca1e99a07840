"""In what two splits differ, in words: single properties, and the shares of their classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.detectors.properties import Property
from curate.findings import Bools, Evidence, Ints
from curate.numerics.kin import design_effect
from curate.numerics.two_sample import Separation, separate

NOTABLE = 0.02
"""A single property whose AUC is nearer to 0.5 is no news, however sure."""


@dataclass(frozen=True)
class Rows:
    """The evidence in an order that does not depend on that of its rows.

    Attributes:
        order: (n,) row numbers of the evidence; what follows is in that order.
        splits: (n,) "train", "val" or "test".
        strata: (n,) class of each row, from 0; the unlabelled have one of their own.
        units: (n,) images that belong together.
        folds: (n,) their folds.
        used: (n,) the sample that classifiers learn from.
    """

    order: Ints
    splits: NDArray[Any]
    strata: Ints
    units: Ints
    folds: Ints
    used: Bools


def told_of(found: Separation) -> dict[str, Any]:
    """A separation in plain JSON."""
    return {"auc": found.auc, "auc_interval": [found.low, found.high], "counts": [*found.counts]}


def differing(
    rows: Rows, both: Ints, second: Bools, every: list[Property], pair: tuple[str, str],
    alpha: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Single properties that differ, those that differ most first."""
    found = []
    for one in every:
        values = one.values[rows.order][both]
        apart = separate(values, second, rows.strata[both], rows.units[both])
        if apart.two_sided >= alpha / len(every) or abs(apart.auc - 0.5) < NOTABLE:
            continue
        what, middle = ("share", np.mean) if one.mark else ("median", np.median)
        typical = [float(middle(values[~second])), float(middle(values[second]))]
        if typical[0] == typical[1]:
            what, typical = "mean", [float(values[~second].mean()), float(values[second].mean())]
        says = (
            f"{pair[1]} is {one.compared(apart.auc > 0.5)}: {what} "
            f"{typical[1]:.3g} against {typical[0]:.3g}"
        )
        found.append(
            {"property": one.name, "source": one.source, **told_of(apart),
             "p_value": apart.two_sided, what: typical, "says": says}
        )  # fmt: skip
    return sorted(found, key=lambda one: (-abs(one["auc"] - 0.5), one["property"]))[:20]


def shares(
    evidence: Evidence, rows: Rows, first: Bools, second: Bools, alpha: float
) -> dict[str, Any]:
    """Whether the classes have other shares, and the one whose share differs most."""
    from scipy.stats import chi2

    labels = evidence.labels[rows.order]
    k = len(evidence.class_names)
    rated = (labels >= 0) & (first | second)
    table = np.array(
        [np.bincount(labels[part & rated], minlength=k) for part in (first, second)]
    ).astype(np.float64)
    nothing = {"p_value": 1.0, "differs": False}
    if (table.sum(axis=1) == 0).any():
        return nothing
    share = table / table.sum(axis=1, keepdims=True)
    # Classes with an expected count below 5 are counted as one.
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0) / table.sum()
    rare = expected.min(axis=0) < 5
    cells = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    cells = cells[:, cells.sum(axis=0) > 0]
    if cells.shape[1] < 2:
        return nothing
    wanted = cells.sum(axis=1)[:, None] * cells.sum(axis=0) / cells.sum()
    statistic = float((np.square(cells - wanted) / wanted).sum())
    p_value = float(chi2.sf(statistic / design_effect(rows.units[rated]), cells.shape[1] - 1))
    most = int(np.abs(share[1] - share[0]).argmax())
    return {
        "p_value": p_value, "differs": p_value < alpha, "class": evidence.class_names[most],
        "shares": [float(share[0, most]), float(share[1, most])],
    }  # fmt: skip


def sentence(told: dict[str, Any], pair: tuple[str, str]) -> str:
    """One line for a person."""
    a, b = pair
    if not told["differs"]:
        return f"{a} and {b}: no difference found"
    parts = []
    low, high = told["embedding"]["auc_interval"]
    if told["embedding"]["differs"]:
        parts.append(f"their images can be told apart, AUC {told['embedding']['auc']:.2f} "
                     f"({low:.2f} to {high:.2f})")  # fmt: skip
    if told["classes"]:
        parts.append("most in class " + str(told["classes"][0]["class"]))
    if told["properties"]:
        parts.append(str(told["properties"][0]["says"]))
    if told["shares"]["differs"]:
        one, two = told["shares"]["shares"]
        parts.append(f"{told['shares']['class']} is {two:.0%} of {b} and {one:.0%} of {a}")
    if not parts:
        parts.append("their pixel statistics together differ, none of them alone")
    return f"{a} and {b}: " + "; ".join(parts)


def oddest(place: int, train: Ints, every: list[Property]) -> str:
    """The pixel statistic in which one image is furthest out among train's, in words."""
    best, words = 0.025, ""
    for one in every:
        if one.source != "pixels":
            continue
        values, mine = one.values[train], one.values[place]
        for higher in (False, True):
            share = float((values >= mine if higher else values <= mine).mean())
            if share < best:
                best = share
                words = (
                    f"; {one.compared(higher)} than {1 - share:.1%} of train "
                    f"({one.name} {mine:.3g})"
                )
    return words
