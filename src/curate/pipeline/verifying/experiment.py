"""The trainings of a verification, one after the other, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.comparison.arms import BASELINE, Arms
from curate.comparison.parts import Part
from curate.comparison.verdict import WHOLE, Judgement, Verification, judge
from curate.data.units import fold_units
from curate.findings import Floats, Ints
from curate.numerics.planning import Components, Plan, duration, plan
from curate.pipeline.train_curriculum import listed_images
from curate.pipeline.train_folds import held_out_by, write_fold
from curate.pipeline.verifying.asked import CHOICES, Asked
from curate.pipeline.verifying.fits import Fit, fitted, predicted, quietly
from curate.pipeline.verifying.searching import FOLDS, Chosen, rates, searched
from curate.progress import Progress, log
from curate.recipe.curriculum import Curriculum, read_curriculum

if TYPE_CHECKING:
    from curate.training.options import Options

ARMS, INNER, FITS = "arms", "search", "fits"
"""Folders of what each arm follows, the same for the search, and the trainings."""


class BudgetTooSmall(Exception):
    """The time does not suffice for anything that could be told; the text says what would."""


@dataclass(frozen=True)
class Ran:
    """The trainings that judge.

    Attributes:
        probs: per arm, for each seed (n, n_classes).
        seconds: of each round, one training of every arm.
        plan: of the seeds, where there is a budget.
    """

    probs: Mapping[str, list[Floats]]
    seconds: list[float]
    plan: Plan | None


class Experiment:
    """A verification at work in its directory.

    Args:
        home: the directory.
        export: the copy of the export in it.
        val: the labelled images that judge.
        parts: of them, to be judged apart.
        asked: the experiment.
        options: of the trainings; learning rate and seed are set for each.
        progress: for the bars.
    """

    def __init__(
        self, home: Path, export: Curriculum, val: pd.DataFrame, parts: Sequence[Part],
        asked: Asked, options: Options, progress: Progress,
    ) -> None:  # fmt: skip
        self.home, self.export, self.val, self.parts = home, export, val, tuple(parts)
        self.asked, self.options, self._progress = asked, options, progress
        self.first_seed = export.seed if options.seed is None else options.seed
        self._spent: list[float] = []

    @cached_property
    def names(self) -> list[str]:
        """The arms, the baseline first."""
        there = {path.name for path in (self.home / ARMS).iterdir() if path.is_dir()}
        return [BASELINE, *(name for name in CHOICES if name in there)]

    def search(self) -> Chosen:
        """Find the learning rate of each arm, on images of train alone.

        Raises:
            BudgetTooSmall: by the first trial there is no time for two seeds.
        """
        tried = rates(self.options.lr, self.asked.trials)
        if len(tried) > 1 and self._fewest() < 2:
            log.warning("no search of the learning rate: a class has one image to train on")
            tried = (self.options.lr,)
        inner = {name: self._inner(name) for name in self.names} if len(tried) > 1 else {}
        units = {name: units_of(one) for name, one in inner.items()}

        def trial(name: str, lr: float) -> NDArray[np.bool_]:
            found = self._fit(
                f"search-{name}-{lr:g}", self.home / INNER / name, lr, self.first_seed,
                inner[name]["filepath"].tolist(),
            )  # fmt: skip
            self._check_budget(len(tried))
            guessed = found.probs.argmax(axis=1)
            return np.asarray(guessed == inner[name]["target"].to_numpy(dtype=np.int64))

        chosen = searched(self.names, tried, trial, units)
        if len(tried) > 1:
            log.info(
                "learning rate %g, of %s tried for each arm on a fifth of train", chosen.common,
                ", ".join(f"{lr:g}" for lr in tried),
            )  # fmt: skip
        return chosen

    def run(self, chosen: Chosen) -> Ran:
        """Train every arm with one seed after the other, as many as are asked for and paid for."""
        searched_for = sum(self._spent)
        probs: dict[str, list[Floats]] = {name: [] for name in self.names}
        seconds: list[float] = []
        planned: Plan | None = None
        while len(seconds) < (self.asked.seeds if planned is None else planned.seeds):
            seconds.append(self._round(chosen, len(seconds), probs))
            if self.asked.budget is not None:
                planned = self._planned(self.asked.budget - searched_for, seconds, probs)
        return Ran(probs, seconds, planned)

    def verdict(self, probs: Mapping[str, list[Floats]]) -> Verification:
        """What the trainings so far say."""
        return judged(
            probs, self.val, self.seeds(probs), self.export.classes, self.parts, self.asked
        )

    def seeds(self, probs: Mapping[str, list[Floats]]) -> list[int]:
        """Of the trainings."""
        return [self.first_seed + i for i in range(len(probs[BASELINE]))]

    def on_test(self, ran: Ran, chosen: Chosen, test: pd.DataFrame) -> dict[str, list[Floats]]:
        """The predictions of all models for the images of test."""
        found: dict[str, list[Floats]] = {name: [] for name in self.names}
        total = len(self.names) * len(ran.seconds)
        with self._progress("predicting test", total=total, unit="model") as bar:
            for name in self.names:
                for seed in self.seeds(ran.probs):
                    found[name].append(
                        predicted(
                            self.home / FITS / f"{name}-{seed}", self.home / ARMS / name,
                            self._options(chosen.lr[name], seed), test["filepath"].tolist(),
                            self.export.classes,
                        )
                    )  # fmt: skip
                    bar.update()
        return found

    def _round(self, chosen: Chosen, number: int, probs: dict[str, list[Floats]]) -> float:
        seed, seconds = self.first_seed + number, 0.0
        told = []
        with self._progress(f"seed {seed}", total=len(self.names), unit="training") as bar:
            for name in self.names:
                found = self._fit(
                    f"{name}-{seed}", self.home / ARMS / name, chosen.lr[name], seed,
                    self.val["filepath"].tolist(),
                )  # fmt: skip
                if number == 0 and self.asked.trials == 1:
                    self._check_budget(0)
                probs[name].append(found.probs)
                seconds += found.seconds
                right = found.probs.argmax(axis=1) == self.val["target"].to_numpy()
                told.append(f"{name} {right.mean():.3f}")
                bar.update()
        log.info("seed %d on val: %s, %s", seed, ", ".join(told), duration(seconds))
        return seconds

    def _fit(self, name: str, curriculum: Path, lr: float, seed: int, paths: list[str]) -> Fit:
        options = self._options(lr, seed)
        found = fitted(self.home / FITS / name, curriculum, options, paths, self.export.classes)
        self._spent.append(found.seconds)
        return found

    def _options(self, lr: float, seed: int) -> Options:
        return replace(self.options, lr=lr, seed=seed)

    def _inner(self, name: str) -> pd.DataFrame:
        """The images of an arm that its search holds out; the others are written to follow."""
        home = self.home / ARMS / name
        folds = min(FOLDS, self._fewest())
        with quietly():
            held_out = held_out_by(home, folds) == 0
        folder = self.home / INNER / name
        if not folder.is_dir():
            write_fold(home, ~held_out, folder)
        found: pd.DataFrame = read_curriculum(home).table.iloc[np.flatnonzero(held_out)]
        return found.reset_index(drop=True)

    def _fewest(self) -> int:
        """Training images of the smallest class that has any, in the arm where it has fewest."""
        counts = []
        for name in self.names:
            found = read_curriculum(self.home / ARMS / name)
            own = np.bincount(found.table["target"].to_numpy(dtype=np.int64))
            counts.append(int(own[own > 0].min()))
        return min(counts)

    def _check_budget(self, trials: int) -> None:
        """Stop where, at the pace of the slowest training so far, two seeds will not fit."""
        budget = self.asked.budget
        if budget is None:
            return
        slowest, arms = max(self._spent), len(self.names)
        needed = slowest * arms * (trials + 2)
        if needed <= budget:
            return
        less = ""
        if trials and slowest * arms * 2 <= budget:
            less = "; or leave out the search of the learning rate: --trials 1"
        raise BudgetTooSmall(
            f"the budget of {duration(budget)} is too small to tell anything: one training takes "
            f"{duration(slowest)}, and two seeds of {arms} arms with {trials} trials each of the "
            f"learning rate {duration(needed)}; give that or more{less}. Fewer arms (--arm), fewer "
            "--epochs, a smaller --img-size or --freeze backbone cost less"
        )

    def _planned(
        self, budget: float, seconds: list[float], probs: Mapping[str, list[Floats]]
    ) -> Plan:
        hardest = None
        if len(seconds) > 1:
            whole = [j for j in self.verdict(probs).judgements if j.part.source == WHOLE]
            hardest = max((j for j in whole if j.crossed.known), key=_unseen, default=None)
        if hardest is None:
            return plan(budget, seconds, self.asked.seeds, least=self.asked.least)
        return plan(
            budget, seconds, self.asked.seeds, hardest.crossed, self.asked.least, hardest.level
        )


def judged(
    probs: Mapping[str, list[Floats]], rows: pd.DataFrame, seeds: Sequence[int],
    classes: Sequence[str], parts: Sequence[Part], asked: Asked,
) -> Verification:  # fmt: skip
    """The verdicts on the images of one split.

    Args:
        probs: per arm, for each seed (n, n_classes).
        rows: the images.
        seeds: of the trainings.
        classes: their names.
        parts: to judge beside all images.
        asked: the experiment.
    """
    labels = rows["target"].to_numpy(dtype=np.int64)
    right = {
        name: np.stack([one.argmax(axis=1) == labels for one in own]) for name, own in probs.items()
    }
    return judge(Arms.build(right, seeds, labels, classes, units_of(rows)), parts, asked.least)


def units_of(rows: pd.DataFrame) -> Ints:
    """(n,) images of one group, or of the same bytes, count as one draw."""
    digests = rows["content_digest"] if "content_digest" in rows else rows["filepath"]
    groups = rows["group"] if "group" in rows else pd.Series("", index=rows.index)
    return fold_units(digests.tolist(), groups.fillna("").tolist())


def trained_on(home: Path) -> int:
    """Images of an arm."""
    return len(listed_images(home, "train"))


def _unseen(judgement: Judgement) -> float:
    found = judgement.crossed
    return Components.of(found).detectable(found.n_seeds, found.n_clusters, judgement.level)
