"""Pairs and clusters of classes that the model mixes up, why, and the images that lie between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.class_pairs import MixedPairs, clusters, mixed_pairs
from curate.numerics.intervals import wilson, wilson_bounds
from curate.numerics.metrics import confusion_matrix
from curate.numerics.separability import auc, auc_interval, even_chances, told_apart
from curate.numerics.triptych import triptych

AMBIGUOUS, FIXABLE, UNKNOWN = "ambiguous", "fixable", "not known"


@register
@dataclass(frozen=True)
class Confusable:
    """Confusable class pairs, ambiguous or fixable, and the images between the two.

    Idea: a pair is confusable when the rate of its mix-ups, out of fold, is above `tolerable` by
    more than chance among all pairs allows (`curate.numerics.class_pairs.mixed_pairs`). Pairs
    are ordered by how little they can be told apart, ``overlap = 2 (1 - AUC)`` of
    log p_b - log p_a between the two classes' images, at the low end of its interval: unlike a
    count of mistakes it does not depend on how large the classes are.

    *ambiguous*: the AUC is below `separable` with its whole interval, or most mix-ups lie between
    (with the interval above one half): neighbours mixed, probabilities split. *fixable*: a line in
    the embedding does tell them apart (AUC above `blurred` with its whole interval, by the
    model or by a classifier of the two classes alone with even weights), and there is a cause:
    the mix-ups are one-sided (Fisher's exact test, corrected for the pairs kept), where the class
    that loses may have at most half of the other's training images; or most of them look
    mislabelled. Else *not known*.

    An image lies between its label y and a class r when both witnesses are split. With t the
    chance of r against y, calibrated on the pair at even odds, and q the share of r among the
    y and r neighbours, each class weighted by 1 / its size,
    ``b = 2 (p_y + p_r) min(t, 1-t, q, 1-q)``. ``score = 1 - b``, or 1 - b / 2 where
    the pair is not confusable; flagged where the pair is and b >= `between`: odds of 2 to 1 at
    most by either witness. The odds are from Platt (1999), the rest is own work; the peer
    is the count of mistakes (cleanlab's `find_overlapping_classes`).

    Not a label error: those have a witness on one side. Not what people see either: "ambiguous"
    says that this embedding and model cannot tell, which people may yet. Turned images as the
    cause of a mix-up are left to `orientation`.
    """

    tolerable: float = 0.01
    min_count: int = 3
    between: float = 2 / 3
    separable: float = 0.8
    blurred: float = 0.7
    k: int = 20
    max_pairs: int = 50
    examples: int = 3

    kind: ClassVar[str] = "confusable"
    needs: ClassVar[tuple[str, ...]] = ("pred_probs", "neighbors", "embeddings")
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 2

    def detect(self, evidence: Evidence) -> Findings:
        """Find the pairs, then score every labelled image."""
        assert evidence.pred_probs is not None
        n, names = len(evidence), evidence.class_names
        between, chance = np.zeros(n), np.zeros(n)
        partner, flagged = np.full(n, -1), np.zeros(n, dtype=bool)
        pairs: list[dict[str, Any]] = []
        info: dict[str, Any] = {"pairs": pairs, "clusters": []}
        rows = np.flatnonzero(evidence.labelled)
        if len(rows) and len(names) > 1:
            labels = evidence.labels[rows]
            guess = evidence.pred_probs[rows].argmax(axis=1)
            confusion = confusion_matrix(labels, guess, len(names))
            between[rows] = self._unpaired(evidence, rows) / 2
            mixed = mixed_pairs(confusion, self.tolerable, self.min_count)
            members = _by_class(evidence)
            order = self._order(evidence, mixed, members)
            for place, i in enumerate(order):
                a, b = int(mixed.a[i]), int(mixed.b[i])
                mine = np.concatenate([members[a], members[b]])
                amount, t = self._between(evidence, mine, a, b)
                better = (amount >= self.between) & (amount > np.where(flagged, between, 0)[mine])
                chosen = mine[better]
                between[chosen], chance[chosen] = amount[better], t[better]
                partner[chosen] = np.where(evidence.labels[chosen] == a, b, a)
                flagged[chosen] = True
                shown = place < self.max_pairs
                pairs.append(self._pair(evidence, mixed, i, mine, amount, t, shown))
            groups = clusters(mixed.a[order], mixed.b[order])
            info = {
                "pairs": pairs[: self.max_pairs],
                "pairs_found": len(pairs),
                "pairs_tested": mixed.tested,
                "clusters": [[names[c] for c in group] for group in groups],
                "flagged_share": float(flagged[rows].mean()),
            }
        found = {frozenset((pair["class_a"], pair["class_b"])): pair for pair in pairs}
        suggestion, reason = [""] * n, [""] * n
        for row in np.flatnonzero(flagged).tolist():
            own, other = names[evidence.labels[row]], names[partner[row]]
            pair = found[frozenset((own, other))]
            suggestion[row] = other
            reason[row] = self._reason(evidence, row, int(partner[row]), chance[row], pair)
        score = np.clip(1 - between, 0, 1)
        return Findings.build(
            self.kind, evidence, score, flagged, suggestion=suggestion, reason=reason, info=info
        )

    def _order(self, evidence: Evidence, mixed: MixedPairs, members: list[Ints]) -> list[int]:
        """The pairs from the one least told apart."""
        least = []
        for a, b in zip(mixed.a.tolist(), mixed.b.tolist(), strict=True):
            mine = np.concatenate([members[a], members[b]])
            area = auc(_log_odds(evidence, mine, a, b), evidence.labels[mine] == b)
            least.append(auc_interval(area, len(members[b]), len(members[a]), mixed.z)[1])
        order: list[int] = np.lexsort((mixed.p_value, np.array(least))).tolist()
        return order

    def _unpaired(self, evidence: Evidence, rows: Ints) -> Floats:
        """(m,) how far images lie between label and rival by their own probabilities alone."""
        assert evidence.pred_probs is not None
        both = np.empty(len(rows))
        for start in range(0, len(rows), 4096):
            part = rows[start : start + 4096]
            probs = np.array(evidence.pred_probs[part], dtype=np.float64)
            at = np.arange(len(part)), evidence.labels[part]
            own = probs[at]
            probs[at] = -np.inf
            both[start : start + 4096] = 2 * np.minimum(own, probs.max(axis=1))
        return np.clip(both, 0, 1)

    def _between(self, evidence: Evidence, mine: Ints, a: int, b: int) -> tuple[Floats, Floats]:
        """How far each image of the two classes lies between them, and the even chance of b."""
        assert evidence.pred_probs is not None
        assert evidence.neighbors is not None
        is_b = evidence.labels[mine] == b
        sizes = np.array([(~is_b).sum(), is_b.sum()], dtype=float)
        t = even_chances(_log_odds(evidence, mine, a, b), is_b)
        near = evidence.labels[evidence.neighbors.indices[mine, : self.k]]
        counts = np.column_stack([(near == a).sum(axis=1), (near == b).sum(axis=1)]).astype(float)
        any_near = counts.sum(axis=1) > 0
        # One neighbour more, shared out as the classes are, keeps one of a small class from
        # outweighing all others.
        shares = (counts + sizes / sizes.sum()) / np.maximum(sizes, 1)
        q = shares[:, 1] / shares.sum(axis=1)
        # The less split of the two witnesses counts: an image is between only if both say so.
        split = 2 * np.minimum(np.minimum(t, 1 - t), np.minimum(q, 1 - q)) * any_near
        probs = evidence.pred_probs[mine]
        amount: Floats = np.clip((probs[:, a] + probs[:, b]).astype(float) * split, 0, 1)
        return amount, t

    def _pair(
        self, evidence: Evidence, mixed: MixedPairs, i: int, mine: Ints, amount: Floats,
        t: Floats, shown: bool,
    ) -> dict[str, Any]:  # fmt: skip
        assert evidence.pred_probs is not None
        names, a, b = evidence.class_names, int(mixed.a[i]), int(mixed.b[i])
        labels = evidence.labels[mine]
        is_b = labels == b
        n_a, n_b = int((~is_b).sum()), int(is_b.sum())
        n_ab, n_ba = int(mixed.a_as_b[i]), int(mixed.b_as_a[i])
        area = auc(_log_odds(evidence, mine, a, b), is_b)
        wrong = evidence.pred_probs[mine].argmax(axis=1) == np.where(is_b, a, b)
        sizes = np.array([n_a, n_b])
        low, high = wilson_bounds(np.array([n_ab, n_ba]) / np.maximum(sizes, 1), sizes, mixed.z)
        apart = self._apart(evidence, mine, is_b, area) if shown else area
        apart_interval = auc_interval(apart, n_b, n_a, mixed.z)
        area_interval = auc_interval(area, n_b, n_a, mixed.z)
        split_low, split_high = wilson(int((wrong & (amount >= self.between)).sum()), wrong.sum())
        in_train = evidence.splits[mine] == "train"
        train = [int((in_train & ~is_b).sum()), int((in_train & is_b).sum())]
        own = np.where(is_b, t, 1 - t)
        causes = self._causes((n_ab, n_a, n_ba, n_b), train, wrong & (own <= 0.1), wrong, mixed)
        if apart_interval[1] < self.separable or split_low > 0.5:
            verdict = AMBIGUOUS
        elif apart_interval[0] > self.blurred and causes:
            verdict = FIXABLE
        else:
            verdict = UNKNOWN
        worst = np.lexsort((evidence.sample_ids[mine], -amount))[: self.examples]
        return {
            "class_a": names[a],
            "class_b": names[b],
            "verdict": verdict,
            "causes": [names[c] + why if c >= 0 else why for c, why in _named(causes, a, b)],
            "count": n_ab + n_ba,
            "support": n_a + n_b,
            "a_as_b": n_ab,
            "b_as_a": n_ba,
            "train_a": train[0],
            "train_b": train[1],
            "rate": (n_ab / n_a + n_ba / n_b) / 2,
            "rate_interval": [float(low.mean()), float(high.mean())],
            "p_value": float(mixed.p_value[i]),
            "overlap": min(1.0, 2 * (1 - area)),
            "overlap_interval": [min(1.0, 2 * (1 - end)) for end in reversed(area_interval)],
            "separability": apart,
            "separability_interval": list(apart_interval),
            "mixups_between": float((amount >= self.between)[wrong].mean()),
            "mixups_between_interval": [float(split_low), float(split_high)],
            "images_between": int((amount >= self.between).sum()),
            "examples": [
                triptych(evidence, int(mine[j]), a if is_b[j] else b)
                for j in worst
                if shown and amount[j] > 0
            ],
        }

    def _apart(self, evidence: Evidence, mine: Ints, is_b: Bools, area: float) -> float:
        """The AUC of the model, or of a classifier of the two alone where that is better.

        Of at most 200 images a class, evenly chosen, which settles an AUC to .02.
        """
        assert evidence.embeddings is not None
        some = np.concatenate(
            [
                side[np.linspace(0, len(side) - 1, min(len(side), 200)).astype(int)]
                for side in (np.flatnonzero(~is_b), np.flatnonzero(is_b))
            ]
        )
        folds = np.arange(len(some)) % 5
        if evidence.folds is not None:
            given = evidence.folds[mine[some]]
            folds = np.where(given >= 0, given, folds)
        alone = told_apart(evidence.embeddings[mine[some]], is_b[some], folds)
        return max(area, auc(alone, is_b[some]))

    def _causes(
        self, counts: tuple[int, int, int, int], train: list[int], strange: Bools, wrong: Bools,
        mixed: MixedPairs,
    ) -> list[tuple[str, str]]:  # fmt: skip
        """What makes a pair fixable: the side that loses ("a", "b" or ""), and why."""
        from scipy.stats import fisher_exact

        n_ab, n_a, n_ba, n_b = counts
        found = []
        test = fisher_exact([[n_ab, n_a - n_ab], [n_ba, n_b - n_ba]])
        if float(test.pvalue) * len(mixed.a) < 0.05:
            a_loses = n_ab / n_a > n_ba / n_b
            few, many = train if a_loses else reversed(train)
            side = "a" if a_loses else "b"
            if 2 * few <= many:
                found.append((side, f" is under-represented: {few} training images against {many}"))
            else:
                rates = sorted([n_ab / n_a, n_ba / n_b])
                found.append((side, f" loses {rates[1]:.0%}, the other {rates[0]:.0%}: one-sided"))
        if 2 * int(strange.sum()) > int(wrong.sum()):
            found.append(("", f"{strange.sum()} of {wrong.sum()} mix-ups look mislabelled"))
        return found

    def _reason(
        self, evidence: Evidence, row: int, other: int, chance: float, pair: dict[str, Any]
    ) -> str:
        assert evidence.pred_probs is not None
        assert evidence.neighbors is not None
        names, label = evidence.class_names, int(evidence.labels[row])
        near = evidence.labels[evidence.neighbors.indices[row, : self.k]]
        probs = evidence.pred_probs[row]
        return (
            f"between {names[label]} (p={probs[label]:.2f}) and {names[other]} "
            f"(p={probs[other]:.2f}): {int((near == label).sum())} and "
            f"{int((near == other).sum())} of {len(near)} neighbours; {pair['count']} of their "
            f"{pair['support']} images are mixed up, {pair['verdict']}"
        )


def _named(causes: list[tuple[str, str]], a: int, b: int) -> list[tuple[int, str]]:
    numbers = {"a": a, "b": b, "": -1}
    return [(numbers[side], why) for side, why in causes]


def _by_class(evidence: Evidence) -> list[Ints]:
    """The rows of each class, in one order whatever the order of the rows."""
    rows = np.lexsort((evidence.sample_ids, evidence.labels))
    rows = rows[evidence.labels[rows] >= 0]
    sizes = np.bincount(evidence.labels[rows], minlength=len(evidence.class_names))
    return np.split(rows, np.cumsum(sizes)[:-1])


def _log_odds(evidence: Evidence, mine: Ints, a: int, b: int) -> Floats:
    """(m,) log p_b - log p_a."""
    assert evidence.pred_probs is not None
    probs = np.maximum(evidence.pred_probs[mine].astype(np.float64), 1e-9)
    odds: Floats = np.log(probs[:, b]) - np.log(probs[:, a])
    return odds
