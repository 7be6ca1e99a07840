"""Splits that differ: what a model meets in val or test is not what it learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.contrasts import Rows, differing, oddest, sentence, shares, told_of
from curate.detectors.properties import Property, pixel_statistics, properties
from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Floats, Ints
from curate.numerics.domain import INFLATION, Domains
from curate.numerics.folds import assign_folds
from curate.numerics.kin import kin
from curate.numerics.two_sample import separate

PAIRS = (("train", "val"), ("train", "test"), ("val", "test"))
FAMILIES = 5
"""Sorts of tests: embeddings, embeddings by class, pixel statistics together, each property, and
the shares of the classes. Each may be wrong in a fifth of `alpha`."""


@register
@dataclass(frozen=True)
class SplitShift:
    """Splits that a classifier can tell apart, and the held-out images that give them away.

    Idea: a classifier two-sample test (Lopez-Paz and Oquab 2017). A shrunk linear discriminant of
    the embeddings scores each image by the others' splits, out of fold, groups and copies kept
    together (`curate.numerics.domain`); if within classes the scores of one split exceed those of
    the other more often than chance, the splits differ. AUC 0.5: not to be told apart; 1: always.
    The same is asked of each class, of the pixel statistics together, and of every single
    property (brightness, size, format, the user's columns), so that the finding has a name; the
    shares of the classes are compared by a chi-square test corrected for groups (Rao and Scott
    1981). All tests of a run together are wrong at most `alpha` of the time (Bonferroni), which
    re-splitting real data at random bears out.

    Where val or test differ from train, an image's score is the chance that it is a train image,
    were there as many of both, by logistic regression on its out-of-fold score; flagged are, by
    each test that shows it, the up to `most` held-out images whose score lies beyond that of 99 %
    of train's, if the split has at least twice as many such images as chance brings.
    Where nothing differs, all score 1.

    Not told apart from a difference: groups that nobody named. Images of one film or person lie
    whole in one split, and know each other again; `groups_given` in the info says whether any were.

    Not a leak (see `split_leak`), and not a drop in accuracy: a split can differ in ways that the
    model does not mind. Splits of fewer than `least` images are not judged.
    """

    alpha: float = 0.01
    least: int = 20
    n_folds: int = 5
    sample: int = 20_000
    most: int = 50

    kind: ClassVar[str] = "split_shift"
    needs: ClassVar[tuple[str, ...]] = ("embeddings",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 2

    def detect(self, evidence: Evidence) -> Findings:
        """Compare train with val, train with test, and val with test."""
        n = len(evidence)
        score, flagged, reason = np.ones(n), np.zeros(n, dtype=bool), [""] * n
        info: dict[str, Any] = {"alpha": self.alpha, "pairs": [], "not_judged": []}
        sizes = {str(s): int((evidence.splits == s).sum()) for s in ("train", "val", "test")}
        small = [name for name, size in sizes.items() if size < self.least]
        info["not_judged"] = [f"{name}: {sizes[name]} images" for name in small]
        pairs = [pair for pair in PAIRS if not set(pair) & set(small)]
        if pairs:
            rows = self._rows(evidence)
            spaces = self._spaces(evidence, rows)
            every = [one for one in properties(evidence) if one.source != "name"]
            for pair in pairs:
                told, images = self._compare(
                    evidence, rows, pair, self.alpha / FAMILIES / len(pairs), spaces, every
                )
                info["pairs"].append(told)
                if pair[0] != "train":
                    continue
                for row, (chance, beyond, why) in images.items():
                    score[row], flagged[row] = chance, beyond
                    reason[row] = why if beyond else ""
        named = evidence.groups is not None and bool((evidence.groups != "").any())
        info["groups_given"] = named
        info["differs"] = [p["splits"] for p in info["pairs"] if p["differs"]]
        return Findings.build(self.kind, evidence, score, flagged, reason=reason, info=info)

    def _rows(self, evidence: Evidence) -> Rows:
        order = np.argsort(evidence.sample_ids.astype(str), kind="stable")
        splits = evidence.splits.astype(str)
        number = np.unique(splits, return_inverse=True)[1].ravel()
        units = kin(evidence, number)[order]
        strata = np.unique(evidence.labels[order], return_inverse=True)[1].ravel()
        rng = evidence.rng(self.kind)
        cells = strata * 3 + number[order]
        folds, _ = assign_folds(cells, units, self.n_folds, rng)
        used = np.zeros(len(order), dtype=bool)
        for s in np.unique(number):
            mine = np.flatnonzero(number[order] == s)
            used[rng.permutation(mine)[: self.sample // 2]] = True
        return Rows(order, splits[order], strata, units, folds, used)

    def _spaces(self, evidence: Evidence, rows: Rows) -> list[tuple[str, Domains]]:
        from scipy.special import ndtri
        from scipy.stats import rankdata

        assert evidence.embeddings is not None
        n = len(rows.order)
        X = evidence.embeddings[rows.order]
        spaces = [("embedding", X)]
        if statistics := pixel_statistics(evidence):
            values = np.column_stack([one.values[rows.order] for one in statistics])
            spaces.append(("pixel statistics", ndtri((rankdata(values, axis=0) - 0.5) / n)))
        return [(name, Domains.of(X, rows.strata, rows.folds, rows.used)) for name, X in spaces]

    def _compare(
        self, evidence: Evidence, rows: Rows, pair: tuple[str, str], alpha: float,
        spaces: list[tuple[str, Domains]], every: list[Property],
    ) -> tuple[dict[str, Any], dict[int, tuple[float, bool, str]]]:  # fmt: skip
        """What is known of one pair, and of the images of its second split."""
        first, second = rows.splits == pair[0], rows.splits == pair[1]
        both = np.flatnonzero(first | second)
        told: dict[str, Any] = {"splits": list(pair)}
        some = both[rows.used[both]]
        singles = differing(rows, some, second[some], every, pair, alpha)
        images: dict[int, tuple[float, bool, str]] = {}
        for name, space in spaces:
            common, own = space.scores(first, second)
            found = separate(
                common[both], second[both], rows.strata[both], rows.units[both], INFLATION
            )
            told[name.replace(" ", "_")] = {
                **told_of(found), "p_value": found.one_sided, "differs": found.one_sided < alpha,
            }  # fmt: skip
            held_out = pair[0] == "train"
            if found.one_sided < alpha and held_out:
                self._give_away(rows, common, first, second, name, pair, every, images)
            if name != "embedding":
                continue
            told["classes"] = _classes(evidence, rows, own, second, both, alpha)
            for special in told["classes"] if held_out else []:
                label = evidence.class_names.index(special["class"])
                mine = evidence.labels[rows.order] == label
                words = f"embedding within {special['class']}"
                self._give_away(rows, own, first & mine, second & mine, words, pair, every, images)
        told["properties"] = singles
        told["shares"] = shares(evidence, rows, first, second, alpha)
        told["differs"] = bool(
            any(told[name.replace(" ", "_")]["differs"] for name, _ in spaces)
            or told["classes"] or singles or told["shares"]["differs"]
        )  # fmt: skip
        told["says"] = sentence(told, pair)
        return told, images

    def _give_away(
        self, rows: Rows, scores: Floats, first: Bools, second: Bools, name: str,
        pair: tuple[str, str], every: list[Property], images: dict[int, tuple[float, bool, str]],
    ) -> None:  # fmt: skip
        """Put the held-out images most unlike train into `images`, where the worse score stays."""
        from sklearn.linear_model import LogisticRegression

        train, held = np.flatnonzero(first), np.flatnonzero(second)
        rows_of_both = np.concatenate([train, held])
        model = LogisticRegression(class_weight="balanced")
        model.fit(scores[rows_of_both, None], second[rows_of_both])
        chance = model.predict_proba(scores[held, None])[:, 0]
        known = np.sort(scores[train])
        beyond = scores[held] > np.quantile(known, 0.99)
        worth = beyond.mean() >= 0.02
        worst = np.argsort(-scores[held], kind="stable")[: self.most]
        picked = np.zeros(len(held), dtype=bool)
        picked[worst] = True
        above = (len(known) - np.searchsorted(known, scores[held])) / len(known)
        for i, row in enumerate(held):
            place = int(rows.order[row])
            least, flag, why = images.get(place, (1.0, False, ""))
            if worth and beyond[i] and picked[i] and not flag:
                flag = True
                why = (
                    f"{pair[1]} differs from train, and this image shows it: by its {name} it is "
                    f"less like train than all but {above[i]:.1%} of train"
                ) + oddest(place, rows.order[train], every)
            images[place] = (min(least, float(chance[i])), flag, why)


def _classes(
    evidence: Evidence, rows: Rows, own: Floats, second: Bools, both: Ints, alpha: float
) -> list[dict[str, Any]]:
    """Classes whose images can be told apart by a difference of their own."""
    numbers = evidence.labels[rows.order]
    chosen = [
        label
        for label in np.unique(numbers[both])
        if label >= 0
        and min(np.bincount(second[both][numbers[both] == label].astype(int), minlength=2)) >= 10
    ]
    found = []
    for label in chosen:
        mine = both[numbers[both] == label]
        one = separate(own[mine], second[mine], rows.strata[mine], rows.units[mine], INFLATION)
        if one.one_sided < alpha / len(chosen):
            name = evidence.class_names[label]
            found.append({"class": name, **told_of(one), "p_value": one.one_sided})
    return sorted(found, key=lambda one: (-one["auc"], one["class"]))
