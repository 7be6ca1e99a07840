"""Groups of images on which the model is significantly worse than on others of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.detectors.slice_columns import columns_of
from curate.detectors.slice_report import told
from curate.detectors.slices import by_own_columns, candidates, matrix_of
from curate.findings import Bools, Evidence, Findings, Ints
from curate.numerics.clusters import main_axes
from curate.numerics.copy_groups import components
from curate.numerics.probabilities import margin, self_confidence
from curate.numerics.slice_chance import corrected
from curate.numerics.slice_search import compare_groups, distinct

FAMILIES = ("others", "own columns")
"""Groups that are corrected for apart: those that the user's own columns make, and all others."""


@register
@dataclass(frozen=True)
class WeakSlice:
    """Slices where held-out accuracy is significantly low, with what their images share.

    Idea: thousands of groups are made without a look at the mistakes: cuts and values of image
    statistics, file facts, the user's columns and of how upright an image is, over all classes and
    inside each, of all splits and of val and test; pairs of them; and k-means clusters of the
    embeddings, inside classes and across (Domino, Eyuboglu et al. 2022, and Spotlight, d'Eon et
    al. 2022, let the mistakes steer the clusters, after which no honest p-value is left). A group's
    mistakes are compared with what its classes' rates would put there; the tail is exact in one
    class and else bounded by a binomial (`Null.p`). How low the p of thousands of overlapping
    groups gets by chance is seen by dealing the mistakes anew inside the classes (`smallest_p`,
    Westfall & Young 1993), or bounded by the number of groups that could have been found
    (`looked_at`, Tarone 1990), whichever allows more; those of the user's own columns apart from
    the many others, with half of `alpha` each: with nothing to find, anything is reported with a
    chance of at most `alpha`. Greedy choice leaves groups that the others do not explain
    (`distinct`). Slices are ranked by harm: the mistakes that would not be made if the slice were
    as the rest of its classes, at the lower end of an interval at the corrected level.

    An image is flagged if it lies in such a slice and is wrong, or right by a margin below `near`.
    ``score = 1 - gap (1 - p(label))`` with gap the difference in accuracy of the worst slice it
    lies in; 1 outside slices.

    Not a cause: dark images may be worse because they are of another place. Not a weak class
    either: groups are compared within classes. What no column and no cluster separates, or what
    is too small for the correction, is not found; nor is a fault that a class has in train too,
    if the model took it for a mark of that class and errs less for it.
    """

    alpha: float = 0.05
    near: float = 0.1
    max_slices: int = 20

    kind: ClassVar[str] = "weak_slice"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "embeddings")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 2

    def detect(self, evidence: Evidence) -> Findings:
        """Search the labelled images; the others score 1."""
        assert evidence.pred_probs is not None and evidence.embeddings is not None
        n = len(evidence)
        score, flagged, reason = np.ones(n), np.zeros(n, dtype=bool), [""] * n
        info: dict[str, Any] = {"slices": [], "looked_at": 0, "groups": 0, "alpha": self.alpha}
        # Sums and clusters depend on the order of rows: all is done in the order of the ids.
        order = np.argsort(np.asarray(evidence.sample_ids, dtype=str), kind="stable")
        rows = order[evidence.labelled[order]]
        labels, probs = evidence.labels[rows], evidence.pred_probs[rows]
        wrong = probs.argmax(axis=1) != labels if len(rows) else np.zeros(0, dtype=bool)
        if len(evidence.class_names) > 1 and 0 < wrong.sum() < len(rows):
            found, members = self._search(evidence, rows, labels, wrong, info)
            info["slices"] = found
            doubt = 1 - self_confidence(labels, probs).astype(np.float64)
            unsure = wrong | (margin(labels, probs) < self.near)
            gaps = np.zeros(len(rows))
            for one, mine in zip(found, members, strict=True):
                worse = mine[one["effect"] > gaps[mine]]
                gaps[worse] = one["effect"]
                for i in worse[unsure[worse]]:
                    flagged[rows[i]] = True
                    reason[rows[i]] = _reason(one, evidence.class_names, labels[i], probs[i])
            score[rows] = np.clip(1 - gaps * doubt, 0, 1)
        return Findings.build(self.kind, evidence, score, flagged, reason=reason, info=info)

    def _search(
        self, evidence: Evidence, rows: Ints, labels: Ints, wrong: Bools, info: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], list[Ints]]:
        assert evidence.embeddings is not None
        columns = columns_of(evidence, rows)
        axes = main_axes(np.asarray(evidence.embeddings[rows]))
        rng = evidence.rng(self.kind)
        splits = np.asarray(evidence.splits[rows], dtype=str)
        groups = candidates(columns, axes, labels, evidence.class_names, splits, rng)
        if not groups:
            return [], []
        members = matrix_of(groups, len(rows))
        units = _units(evidence, rows)
        tested = compare_groups(members, wrong, labels, units)
        own = by_own_columns(groups, columns)
        families = np.unique(own, return_inverse=True)[1]
        found = corrected(members, tested, families, wrong, labels, units, self.alpha, rng)
        highest = found.highest
        limits = {FAMILIES[int(one)]: float(highest[own == one].max()) for one in np.unique(own)}
        looked_at = round(sum(self.alpha / limit for limit in limits.values()))
        info.update(groups=len(groups), highest_p=limits, looked_at=looked_at)
        significant = np.flatnonzero(tested.p <= highest)
        kept = distinct(
            members[significant], wrong, labels, units, highest[significant], self.alpha,
            self.max_slices,
        )  # fmt: skip
        chosen = [(int(significant[a]), [int(significant[b]) for b in bs]) for a, bs in kept]
        said = [
            told(groups, one, twins, tested, found, columns, evidence, rows, wrong)
            for one, twins in chosen
        ]
        ranked = sorted(range(len(said)), key=lambda i: (-said[i]["harm"], said[i]["p_value"], i))
        return [said[i] for i in ranked], [groups[chosen[i][0]].members for i in ranked]


def _units(evidence: Evidence, rows: Ints) -> Ints:
    """(m,) numbers of what errs together: images of one group, or copies of one picture."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    if evidence.copies is not None:
        sure = evidence.copies.confirmed
        pairs.append(np.column_stack([evidence.copies.a[sure], evidence.copies.b[sure]]))
    if evidence.groups is not None:
        names = np.asarray(evidence.groups, dtype=str)
        grouped = np.flatnonzero(names != "")
        _, first, inverse = np.unique(names[grouped], return_index=True, return_inverse=True)
        pairs.append(np.column_stack([grouped, grouped[first][inverse]]))
    units = components(len(evidence), np.concatenate(pairs))[rows]
    return np.asarray(np.unique(units, return_inverse=True)[1])


def _reason(one: dict[str, Any], names: Sequence[str], label: int, probs: Any) -> str:
    low, high = one["interval"]
    taken = int(probs.argmax())
    first = (
        f"{names[label]} taken for {names[taken]}" if taken != label else f"{names[label]}, barely"
    )
    return (
        f"{first} (p={probs[label]:.2f}), in the slice {one['text']}: accuracy "
        f"{one['accuracy']:.2f} [{low:.2f}, {high:.2f}] on {one['support']} images, others "
        f"{one['rest_accuracy']:.2f}; corrected p = {one['p_value']:.0e}"
    )
