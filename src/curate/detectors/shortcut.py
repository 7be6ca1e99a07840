"""Trivial properties that give a class away, so that a model may have learnt nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.detectors.properties import Property, properties
from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.folds import assign_folds
from curate.numerics.intervals import Z95, wilson
from curate.numerics.kin import design_effect, kin
from curate.numerics.predictability import Bounds, Ranges, balanced_accuracy
from curate.numerics.templates import templates
from curate.numerics.two_sample import separate

LEAST_TAKEN = 5
"""Images of others, taken for the class and with its property, from which a share is compared."""


@dataclass(frozen=True)
class _Labelled:
    """The labelled rows in an order that does not depend on the evidence's.

    Attributes:
        rows: (m,) row numbers of the evidence.
        labels, folds, units: (m,) of them; labels are numbers into `classes`.
        classes: (k,) numbers into the evidence's classes.
    """

    rows: Ints
    labels: Ints
    folds: Ints
    units: Ints
    classes: Ints

    @classmethod
    def of(cls, evidence: Evidence, n_folds: int, rng: np.random.Generator) -> _Labelled:
        order = np.argsort(evidence.sample_ids.astype(str), kind="stable")
        rows = order[evidence.labels[order] >= 0]
        parts = np.where(evidence.labels >= 0, evidence.labels, len(evidence.class_names))
        units = kin(evidence, parts)[rows]
        classes, labels = np.unique(evidence.labels[rows], return_inverse=True)
        folds, _ = assign_folds(labels.ravel(), units, n_folds, rng)
        return cls(rows, labels.ravel(), folds, units, classes)


@dataclass(frozen=True)
class _Shortcut:
    """One property that gives one class away; `carries` is (m,) of the labelled rows."""

    label: int
    name: str
    carries: Bools
    low: float
    told: dict[str, Any]


@register
@dataclass(frozen=True)
class Shortcut:
    """Classes that a trivial property gives away, and the images that contradict it.

    Idea: shortcut learning (Geirhos et al. 2020; the watermark of Lapuschkin et al. 2019): where
    all images of a class are bright, of one size, or from one source, a model can score well on
    held-out images of the same data and know nothing of the class. Each property (pixel
    statistics, file facts, words and shapes of file names, the user's columns, places at which
    all thumbnails of a class look alike) is asked how well it tells a class from the rest *alone*:
    by the best range of it, ``low <= x < high``, chosen in the other folds, groups and copies kept
    together. Reported are pairs of class and property whose balanced accuracy is more than chance
    after correction for all pairs (Bonferroni, `alpha`) and, by the lower end of its 95 %
    interval, at least `least`; and marks that cover only part of a class, `part` of it at least,
    if they come `ratio` times as often there as elsewhere, by the nearer ends of both intervals.

    Whether the model uses it: its accuracy on images of the class that lack the property, against
    those that have it, and how often it takes other images for the class with and without it.
    Where Fisher's exact test of the former or van Elteren's of the latter, within the others' own
    classes, shows it (5 %, corrected for the shortcuts), ``used`` is true, and flagged are the
    counter-examples that the model gets wrong or nearly so (p(label) < 0.5), and the images of
    other classes that have the property and are taken for the class. ``score`` is p(label) of a
    counter-example, 1 - p(class) of a misleading carrier, and 1 of all others.

    Not proof: snow is bright and may be known by better things, hence "may". A model does not see
    names and columns; they say that a class has a source of its own, which pixels often show.
    """

    least: float = 0.8
    part: float = 0.1
    ratio: float = 10.0
    alpha: float = 0.01
    least_images: int = 20
    n_folds: int = 5
    per_source: int = 2

    kind: ClassVar[str] = "shortcut"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Find the shortcuts, then the images that contradict them."""
        n = len(evidence)
        score, flagged, reason = np.ones(n), np.zeros(n, dtype=bool), [""] * n
        info: dict[str, Any] = {"shortcuts": [], "properties": 0}
        if np.unique(evidence.labels[evidence.labelled]).size > 1:
            known = _Labelled.of(evidence, self.n_folds, evidence.rng(self.kind))
            every = properties(evidence)
            info["properties"] = len(every)
            found = self._best(self._find(evidence, known, every))
            shortcuts = [_asked(evidence, known, one, len(found)) for one in found]
            info["shortcuts"] = [one.told for one in shortcuts]
            for one in shortcuts:
                _mark(evidence, known, one, score, flagged, reason)
        return Findings.build(self.kind, evidence, score, flagged, reason=reason, info=info)

    def _find(self, evidence: Evidence, known: _Labelled, every: list[Property]) -> list[_Shortcut]:
        """All pairs of class and property that are strong enough."""
        from scipy.special import ndtri

        k = len(known.classes)
        sizes = np.bincount(known.labels, minlength=k)
        judged = np.flatnonzero((sizes >= self.least_images) & (len(known.rows) - sizes >= 20))
        if not len(judged):
            return []
        asked: list[tuple[Property, int | None]] = [(one, None) for one in every]
        if evidence.thumbnails is not None:
            found = templates(evidence.thumbnails[known.rows], known.labels, known.folds % 2, k)
            for template in found:
                values = np.full(len(evidence), np.nan)
                values[known.rows] = template.likeness
                name = f"likeness to the class's usual {template.where}"
                asked.append((Property(name, "pixels", values), template.label))
        z = float(-ndtri(self.alpha / 2 / (len(every) * len(judged) + len(judged))))
        growth = np.array([design_effect(known.units[known.labels == c]) for c in range(k)])
        shortcuts = []
        for one, only in asked:
            values = one.values[known.rows]
            ranges = Ranges.of(values, known.labels, known.folds, k)
            own, others = ranges.shares(z, growth, design_effect(known.units))
            sure = balanced_accuracy(own, others).low
            own, others = ranges.shares(Z95, growth, design_effect(known.units))
            accuracy = balanced_accuracy(own, others)
            for c in judged if only is None else [only]:
                strong = accuracy.low[c] >= self.least
                has = one.mark and ranges.low[c] > 0
                often = own.low[c] >= max(self.part, self.ratio * others.high[c])
                if sure[c] > 0.5 and (strong or (has and often)):
                    shortcuts.append(
                        _told(evidence, known, one, ranges, int(c), own, others, accuracy)
                    )
        return shortcuts

    def _best(self, shortcuts: list[_Shortcut]) -> list[_Shortcut]:
        """The strongest `per_source` of each class and source, strongest first."""
        taken: dict[tuple[int, str], int] = {}
        seen: set[tuple[int, bytes]] = set()
        kept = []
        for one in sorted(shortcuts, key=lambda one: (-round(one.low, 9), one.label, one.name)):
            place, images = (one.label, one.told["source"]), np.packbits(one.carries).tobytes()
            if (one.label, images) in seen:
                continue
            seen.add((one.label, images))
            taken[place] = taken.get(place, 0) + 1
            if taken[place] <= self.per_source:
                kept.append(one)
        return kept


def _told(
    evidence: Evidence, known: _Labelled, one: Property, ranges: Ranges, c: int,
    own: Bounds, others: Bounds, accuracy: Bounds,
) -> _Shortcut:  # fmt: skip
    values = one.values[known.rows]
    name = evidence.class_names[known.classes[c]]
    low, high = float(ranges.low[c]), float(ranges.high[c])
    area = separate(values, known.labels == c, np.zeros(len(values), dtype=int), known.units)
    if one.mark:
        direction = "has" if low > 0 else "lacks"
        what = one.name if low > 0 else f"no {one.name}"
    elif np.isfinite(low) and np.isfinite(high):
        direction, what = "between", f"{one.name} from {low:.4g} to {high:.4g}"
    elif np.isfinite(low):
        direction, what = "at least", f"{one.name} of {low:.4g} or more"
    else:
        direction, what = "below", f"{one.name} below {high:.4g}"
    told = {
        "class": name, "property": one.name, "source": one.source, "direction": direction,
        "cut": [edge if np.isfinite(edge) else None for edge in (low, high)],
        "what": what,
        "share_of_class": float(own.value[c]), "share_of_others": float(others.value[c]),
        "balanced_accuracy": float(accuracy.value[c]),
        "balanced_accuracy_interval": [float(accuracy.low[c]), float(accuracy.high[c])],
        "auc": area.auc, "auc_interval": [area.low, area.high],
        "says": f"{name} may be known by {what} alone: {own.value[c]:.0%} of it "
        f"and {others.value[c]:.1%} of the others",
    }  # fmt: skip
    return _Shortcut(c, one.name, ranges.holds(values, c), float(accuracy.low[c]), told)


def _asked(evidence: Evidence, known: _Labelled, one: _Shortcut, n_shortcuts: int) -> _Shortcut:
    """The same, with what the model makes of it."""
    from scipy.stats import fisher_exact

    assert evidence.pred_probs is not None
    taken = evidence.pred_probs[known.rows].argmax(axis=1) == known.classes[one.label]
    mine = known.labels == one.label
    told: dict[str, Any] = {}
    for name, part in (("accuracy", mine), ("taken_for_it", ~mine)):
        for side, rows in (("with", part & one.carries), ("without", part & ~one.carries)):
            hits, total = int(taken[rows].sum()), int(rows.sum())
            told[f"{name}_{side}"] = hits / total if total else None
            told[f"{name}_{side}_interval"] = list(wilson(hits, total))
            told[f"{name}_{side}_count"] = total
    table = [
        [
            int((taken[mine] & one.carries[mine]).sum()),
            int((~taken[mine] & one.carries[mine]).sum()),
        ],
        [int((taken[mine] & ~one.carries[mine]).sum()), int((~taken & mine & ~one.carries).sum())],
    ]
    chances = [float(fisher_exact(table, alternative="greater").pvalue)]
    if (taken & ~mine & one.carries).sum() >= LEAST_TAKEN:
        # Within their own classes: a class that is like this one may have the property for itself.
        more = separate(
            taken[~mine].astype(float), one.carries[~mine], known.labels[~mine], known.units[~mine]
        )
        chances.append(more.one_sided)
    used = min(chances) < 0.05 / (2 * n_shortcuts)
    ids = evidence.sample_ids[known.rows]
    told["used"] = bool(used)
    told["examples"] = {
        "with": ids[mine & one.carries][:5].tolist(),
        "without": ids[mine & ~one.carries][:5].tolist(),
        "others_with": ids[~mine & one.carries][:5].tolist(),
    }
    return replace(one, told={**one.told, **told})


def _mark(
    evidence: Evidence, known: _Labelled, one: _Shortcut,
    score: NDArray[np.float64], flagged: Bools, reason: list[str],
) -> None:  # fmt: skip
    """Score the images that contradict a shortcut; a stronger one has been there before."""
    assert evidence.pred_probs is not None
    if not one.told["used"]:
        return
    probs: Floats = evidence.pred_probs[known.rows]
    label, told = known.classes[one.label], one.told
    mine = known.labels == one.label
    best = probs.argmax(axis=1)
    for i in np.flatnonzero(mine & ~one.carries):
        row = known.rows[i]
        score[row] = min(score[row], float(np.clip(probs[i, label], 0, 1)))
        if flagged[row] or (best[i] == label and probs[i, label] >= 0.5):
            continue
        flagged[row] = True
        reason[row] = (
            f"{told['class']} without what gives it away ({told['what']}: "
            f"{told['share_of_class']:.0%} of the class, {told['share_of_others']:.1%} of the "
            f"others); p({told['class']})={probs[i, label]:.2f}"
        )
    for i in np.flatnonzero(~mine & one.carries & (best == label)):
        row = known.rows[i]
        score[row] = min(score[row], float(np.clip(1 - probs[i, label], 0, 1)))
        if not flagged[row]:
            flagged[row] = True
            reason[row] = (
                f"has what gives {told['class']} away ({told['what']}), is not one, and is taken "
                f"for one: p({told['class']})={probs[i, label]:.2f}"
            )
