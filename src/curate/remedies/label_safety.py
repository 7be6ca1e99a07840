"""Whether a changed image still is of its class: per class, which others its copies turn into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.findings import Bools, Evidence, Floats, Ints
from curate.numerics.balanced import balanced_sample
from curate.numerics.kin import design_effect
from curate.numerics.pooled_shares import difference, pooled_shares
from curate.remedies.augmented import Augmented, Measured
from curate.remedies.likeness import USUAL, Likeness
from curate.remedies.probing import Probes
from curate.remedies.weakness import share_of, units_of

SWAPS, SAFE, NOT_KNOWN = "swaps", "safe", "not known"

SWAPS_ABOVE = 0.05
"""A class swaps where surely more than this share of its copies turns into one other class: one in
twenty is more than the labels of most training sets are wrong by (0.2 to 10 %, on average 3 %:
Northcutt, Athalye and Mueller 2021), and each such copy is a wrong label made on purpose."""

SAFE_BELOW = 0.10
"""A class is safe where surely less than this share does: with a transform applied to half of the
images, fewer than one label in twenty is then wrong."""

REFERENCE = 50_000
"""Train images that copies are compared with; of more, an even choice, to bound memory."""


@dataclass(frozen=True)
class ClassSafety:
    """What one transform at one level does to one class.

    Attributes:
        level: magnitude.
        class_name: the class.
        taken: share of its images whose copies have turned into `taken_for`, less the share of
            images that were taken for it before and are no more.
        taken_for: the other class; "" where no copy was taken for any.
        kept: of the images that the probe gets right as they are, the share that it still does.
        verdict: "swaps", "safe" or "not known".
    """

    level: float
    class_name: str
    taken: Measured
    taken_for: str
    kept: Measured
    verdict: str


@dataclass(frozen=True)
class Safety:
    """What one transform does to every class, at every level that was judged.

    Attributes:
        transform: its name.
        classes: levels rising, in each the classes in their order.
    """

    transform: str
    classes: tuple[ClassSafety, ...]

    def at(self, level: float) -> tuple[ClassSafety, ...]:
        """The classes at the largest judged level that is at most `level`, or at the smallest."""
        levels = sorted({one.level for one in self.classes})
        below = [known for known in levels if known <= level]
        nearest = below[-1] if below else levels[0]
        return tuple(one for one in self.classes if one.level == nearest)

    def swapped(self, up_to: float) -> tuple[ClassSafety, ...]:
        """One entry a class that surely swaps at some level up to `up_to`: the worst of it."""
        worst: dict[str, ClassSafety] = {}
        for one in self.classes:
            if one.verdict == SWAPS and one.level <= up_to:
                known = worst.setdefault(one.class_name, one)
                if one.taken.estimate > known.taken.estimate:
                    worst[one.class_name] = one
        return tuple(worst.values())

    def unknown(self, up_to: float) -> tuple[ClassSafety, ...]:
        """The classes of which nothing sure can be said at `up_to`."""
        return tuple(one for one in self.at(up_to) if one.verdict == NOT_KNOWN)

    def excluded(self, up_to: float) -> tuple[str, ...]:
        """The classes that are not to be given this transform up to a level, in their order.

        Those that swap, and, since nothing is assumed, those that are not known.
        """
        bad = {one.class_name for one in (*self.swapped(up_to), *self.unknown(up_to))}
        return tuple(one.class_name for one in self.at(up_to) if one.class_name in bad)


class SafetyJudge:
    """Judges transforms by one reference: the train images, and how sure one usually is of them."""

    def __init__(self, evidence: Evidence, probes: Probes) -> None:
        """Learn what images of each class look like.

        Args:
            evidence: with labels, embeddings and groups.
            probes: of the run.
        """
        assert evidence.embeddings is not None
        self._evidence, self._probes, self._units = evidence, probes, units_of(evidence)
        train = np.flatnonzero((evidence.splits == "train") & evidence.labelled)
        rng = evidence.rng("label_safety")
        some = train[balanced_sample(evidence.labels[train], REFERENCE, rng)]
        self._like = Likeness.of(evidence, some, self._units)
        n_classes = len(evidence.class_names)
        probs = probes.pred_probs(np.asarray(evidence.embeddings[some]), some)
        own = evidence.labels[some]
        right = probs.argmax(axis=1) == own
        # How sure one has to be: more so than not, or as one usually is of this class if rightly.
        self._usual = np.full(n_classes, np.inf)
        for label in np.unique(own[right]).tolist():
            usual = float(np.quantile(probs[right & (own == label), label], 1 - USUAL))
            self._usual[label] = min(usual, 0.5)

    def judge(self, copies: Sequence[Augmented]) -> Safety:
        """Judge one transform, see `label_safety`.

        Raises:
            ValueError: there are no copies, or those of several transforms.
        """
        names = {one.transform for one in copies}
        if len(names) != 1:
            raise ValueError(f"Expected copies by one transform, found those of {sorted(names)}")
        found: list[ClassSafety] = []
        for one in sorted(copies, key=lambda copy: copy.level):
            found += self._at_one_level(one)
        return Safety(names.pop(), tuple(found))

    def _at_one_level(self, copies: Augmented) -> list[ClassSafety]:
        evidence = self._evidence
        assert evidence.embeddings is not None
        known = evidence.labels[copies.rows] >= 0
        rows, labels = copies.rows[known], evidence.labels[copies.rows[known]]
        before, right = self._taken(rows, np.asarray(evidence.embeddings[rows]))
        after, still = self._taken(rows, copies.embeddings[known])
        units = self._units[rows]
        n_classes = len(evidence.class_names)
        n, gained, lost = np.zeros(n_classes), np.zeros(n_classes), np.zeros(n_classes)
        into = [""] * n_classes
        for label in range(n_classes):
            mine = labels == label
            came = np.bincount(after[mine & (after != before)] + 1, minlength=n_classes + 1)[1:]
            went = np.bincount(before[mine & (after != before)] + 1, minlength=n_classes + 1)[1:]
            other = int(np.argmax(came - went))
            into[label] = evidence.class_names[other] if came[other] else ""
            # Images of one group count for as much as they are worth.
            counts = np.array([mine.sum(), came[other], went[other]])
            n[label], gained[label], lost[label] = counts / design_effect(units[mine])
        told = []
        for label, (new, old) in enumerate(
            zip(pooled_shares(gained, n), pooled_shares(lost, n), strict=True)
        ):
            gap = difference(new, old)
            could = (labels == label) & right
            taken = Measured(
                max(gap.mean, 0.0), (max(gap.low, 0.0), max(gap.high, 0.0)),
                int((labels == label).sum()),
            )  # fmt: skip
            kept = share_of(still[could].astype(float), units[could])
            name = evidence.class_names[label]
            told.append(ClassSafety(copies.level, name, taken, into[label], kept, _verdict(taken)))
        return told

    def _taken(self, rows: Ints, embeddings: Floats) -> tuple[Ints, Bools]:
        """The class that each image is taken for in place of its own (-1: none); and who is right.

        Asked cheapest first: the neighbours of those alone of which the probe is sure.
        """
        labels = self._evidence.labels[rows]
        probs = self._probes.pred_probs(embeddings, rows)
        best = probs.argmax(axis=1)
        sure = (best != labels) & (probs[np.arange(len(rows)), best] >= self._usual[best])
        taken = np.full(len(rows), -1)
        asked = np.flatnonzero(sure)
        if len(asked):
            real = self._like.looks_like(embeddings[asked], best[asked], rows[asked])
            taken[asked[real]] = best[asked[real]]
        return taken, best == labels


def label_safety(evidence: Evidence, probes: Probes, copies: Sequence[Augmented]) -> Safety:
    """Whether images changed by one transform still are of their class, per class and level.

    Idea: a transform that swaps labels makes real images of another class: a 6 on its head is a 9.
    One that destroys makes images of no class, on which a classifier is just as sure of something,
    since nothing taught it to say "none". Being sure is therefore not enough. A copy counts as
    *taken for j* where all three hold:

    1. the probe, which trained neither on the image nor on its copy, prefers j and thinks it
       likelier than not; among classes that are hard to tell apart, where it seldom is so sure, as
       likely as all but 5 % of the images that it rightly takes for j. A threshold a class, as in
       confident learning (Northcutt, Jiang and Chuang 2021), but not its mean, which most real
       images of less usual shape fall short of;
    2. most of its nearest train images are labelled j;
    3. it lies as near to images of j as 95 % of them lie to each other
       (`curate.remedies.likeness`).

    So each of the three is passed by nearly every real image of j, and rubbish fails the third.

    The same is asked of each image as it is, and what counts is the difference on the same images:
    copies newly taken for j less images that were and no longer are. Where two classes overlap,
    any small change moves images over the border, both ways alike; that is no swap. Of all j, the
    one with the largest difference is judged, so the share is high by what choosing gains where
    it is near 0, which `SWAPS_ABOVE` leaves room for.

    The shares of all classes are estimated together (`curate.numerics.pooled_shares`): with few
    images a class, classes that behave alike teach each other, and if they do not, an interval
    stays wide and the verdict "not known". Verdicts: "swaps" where the 95 % interval lies above
    `SWAPS_ABOVE`, "safe" where it lies below `SAFE_BELOW`, else "not known".

    What it is not: a judgement of whether a copy can still be recognised (`kept` says how often
    it is) or is of use. It sees what the embedding sees: a swap of left and right hands needs an
    embedding in which they differ. A class whose copies would become a class that is not in the
    dataset is safe, as far as its labels go.

    Args:
        evidence: with labels, embeddings, splits and groups.
        probes: of the run.
        copies: of one transform, at one or more levels.

    Raises:
        ValueError: there are no copies, or those of several transforms.
    """
    return SafetyJudge(evidence, probes).judge(copies)


def _verdict(taken: Measured) -> str:
    if not taken.n:
        return NOT_KNOWN
    low, high = taken.interval
    if low > SWAPS_ABOVE:
        return SWAPS
    return SAFE if high < SAFE_BELOW else NOT_KNOWN
