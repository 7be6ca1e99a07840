"""What an augmentation is expected to bring, without a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Evidence, Floats, Ints, stage_rng
from curate.numerics.paired import LEVEL, holm, paired_p_value
from curate.recipe.transforms import TRANSFORMS
from curate.remedies.augmented import Augmented, Measured
from curate.remedies.dosing import Dose
from curate.remedies.expectation import Excess, Parts, Spread, excess_of, spread_of
from curate.remedies.probing import TRAIN, Probes, evaluated, out_of_fold_train
from curate.remedies.refitting import Refit, Refitting
from curate.remedies.weakness import share_of, units_of

if TYPE_CHECKING:
    from curate.remedies.prevalence import Prevalence


@dataclass(frozen=True)
class Gain:
    """What one dose of one transform is expected to bring.

    Attributes:
        dose: the one of the doses asked about whose gain is surest.
        on: what the images are, "val" or "train, out-of-fold".
        symptom: what held-out images show more often than train images, and this is weighed by;
            None where the images are taken as they are.
        excess: by how much more often, as a share of the images; None without a symptom.
        expected: gain in accuracy, with its own 95 % interval.
        corrected: the interval that allows for all that was asked (Holm).
        p_value: corrected likewise; below .025 where `corrected` lies above 0.
        as_is: accuracy on the images as they are, before and after the refit.
        changed: accuracy on changed copies of the images (of classes that are not excluded), before
            and after.
        probability: the share of train images (of classes that are not excluded) that was seen
            changed when this was measured; below the dose's where few images were copied.
        loses: classes whose accuracy on images as they are surely falls (Holm over the classes).
        asked: in how many ways this was asked (doses, symptoms, splits that may show them).
    """

    dose: Dose
    on: str
    symptom: str | None
    excess: Measured | None
    expected: Measured
    corrected: tuple[float, float]
    p_value: float
    as_is: tuple[Measured, Measured]
    changed: tuple[Measured, Measured]
    probability: float
    loses: tuple[str, ...]
    asked: int


@dataclass(frozen=True)
class _Way:
    """One answer to the question of one transform's gain."""

    gain: Gain
    spread: Spread

    def with_spread(self, spread: Spread) -> _Way:
        """The same with another estimate."""
        expected = Measured(spread.estimate, spread.interval(LEVEL), self.gain.expected.n)
        return _Way(replace(self.gain, expected=expected), spread)


def gains(
    evidence: Evidence,
    probes: Probes,
    copies: Mapping[str, Sequence[Augmented]],
    doses: Mapping[str, Sequence[Dose]],
    prevalence: Mapping[str, Prevalence],
) -> dict[str, Gain]:
    """Measure the gain of every transform that has a dose.

    Idea: the probe is refitted as if train images were changed with the dose's probability, beside
    a control that sees the same images as they are (see `Refitting`), and both judge the same
    held-out images, in pairs. A transform is asked about

    - on the images of val as they are (without labels there, on those of train, out-of-fold): if
      they are of the kind that it answers, or if it teaches something else, it shows here;
    - for each symptom that it answers and that held-out images show more often than train images
      do, as the mixture ``excess * gain on changed copies + gain on the rest as they are`` of train
      images, out-of-fold. The excess needs no labels, so that those of test count too, and images
      that a detector flags by mistake are no excess, since it flags train images likewise. Where
      it is val that shows it, the two measurements are of one gain and are averaged by their
      variances, if val by itself shows a gain (at 2.5 %, as if nothing else had been asked) and the
      two differ by no more than chance. Else the mixture does not count: copies are then not what
      val's images show, such as half turns where those are mirrored.

    Intervals: of the gain, Student's t from whole groups with the imagined differences of
    `curate.numerics.paired`; of the excess, those of two binomials; both carried through the
    mixture by drawing (a parametric bootstrap: drawing the images themselves says "never" of all
    that the sample happens not to show, which is too bold in the far tail that many candidates ask
    for). The surest answer of a transform counts, its p value times the number of ways in which it
    was asked, and `holm` over the transforms then keeps the chance of any false recommendation at
    half of 5 %, since only gains are recommended.

    Not the gain of a training run: a probe on frozen embeddings learns less from copies than a
    network does, and the interval is about new images, not about new training runs. What copies
    only regularise shows little here, since the penalty of either arm is the best for it. Gains of
    several transforms do not add up. The choice of the penalty sees labels of the train images
    that judge, one of seven values in either arm alike.

    Args:
        evidence: labels, splits, folds, embeddings, groups.
        probes: of the run.
        copies: per transform, an entry a level, of train images and of those of val.
        doses: per transform, what to measure; without one it is not measured. A name that is none
            of `TRANSFORMS` answers no symptom and is judged on the images as they are.
        prevalence: per symptom.
    """
    ways: dict[str, list[_Way]] = {}
    asked: dict[str, int] = {}
    scene = _Scene(evidence, probes)
    for name, some in doses.items():
        known = TRANSFORMS.get(name)  # None for a step of another library
        if not some or (known is not None and known.batch):
            continue
        symptoms = {
            symptom: (shares.split, excess_of(shares.train, shares.held_out))
            for symptom in (known.shown_by if known is not None else ())
            if (shares := prevalence.get(symptom)) and shares.held_out.n and shares.train.n
        }
        # A symptom is that of the held-out split which shows it most.
        asked[name] = len(some) * (1 + len(symptoms) * scene.n_held_out)
        rng = stage_rng(evidence.seed, f"gain of {name}")
        ways[name] = [way for dose in some for way in scene.ways(copies[name], dose, symptoms, rng)]
    # Where all look like a loss, what is said is that of the images as they are, the first way.
    best = {
        name: min(found, key=lambda way: min(way.spread.p_value, 0.5))
        for name, found in ways.items()
    }
    p_values = {name: min(best[name].spread.p_value * asked[name], 1.0) for name in best}
    adjusted = dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True))
    return {
        name: replace(
            way.gain,
            corrected=way.spread.interval(LEVEL * way.spread.p_value / adjusted[name]),
            p_value=adjusted[name],
            asked=asked[name],
        )
        for name, way in best.items()
    }


class _Scene:
    """The images on which gains are measured, and what the run's probes say of them."""

    def __init__(self, evidence: Evidence, probes: Probes) -> None:
        self.evidence, self.refitting = evidence, Refitting(probes)
        self.rows, self.on = evaluated(evidence)
        self.train = out_of_fold_train(evidence)
        self.units = units_of(evidence)
        self.n_held_out = len({"val", "test"} & set(evidence.splits.tolist()))

    def ways(
        self,
        copies: Sequence[Augmented],
        dose: Dose,
        symptoms: Mapping[str, tuple[str, Excess]],
        rng: np.random.Generator,
    ) -> list[_Way]:
        """The answers for one dose."""
        names = self.evidence.class_names
        excluded = [names.index(name) for name in dose.excluded]
        some = [copy for copy in copies if copy.level in dose.levels]
        refit = self.refitting.refit(some, dose.probability, excluded)
        own = self._way(self.rows, self.on, some, dose, excluded, refit, None, None, rng)
        ways = [own]
        for symptom, (split, excess) in symptoms.items():
            # What is no more frequent than in train is no reason to change train.
            if excess.estimate <= 0:
                continue
            mixed = self._way(self.train, TRAIN, some, dose, excluded, refit, symptom, excess, rng)
            if split == "val" == self.on:
                # Two measurements of one gain, unless copies are not what val shows.
                if own.spread.p_value > LEVEL / 2 or not mixed.spread.agrees(own.spread):
                    continue
                mixed = mixed.with_spread(mixed.spread.averaged(own.spread, rng))
            ways.append(mixed)
        return ways

    def _way(
        self, rows: Ints, on: str, copies: Sequence[Augmented], dose: Dose, excluded: list[int],
        refit: Refit, symptom: str | None, excess: Excess | None, rng: np.random.Generator,
    ) -> _Way:  # fmt: skip
        evidence = self.evidence
        assert evidence.embeddings is not None
        before, after = self._right(refit, evidence.embeddings[rows], rows)
        can = ~np.isin(evidence.labels[rows], excluded)
        which, changed_before, changed_after = self._changed(rows, copies, excluded, refit)
        parts = Parts(
            self.units[rows], after - before, can, self.units[which], changed_after - changed_before
        )
        spread = spread_of(parts, excess, rng)
        measured = Measured(spread.estimate, spread.interval(LEVEL), len(rows))
        gain = Gain(
            dose=dose,
            on=on,
            symptom=symptom,
            excess=None if excess is None else excess.measured,
            expected=measured,
            corrected=measured.interval,
            p_value=spread.p_value,
            as_is=(share_of(before, self.units[rows]), share_of(after, self.units[rows])),
            changed=(
                share_of(changed_before, self.units[which]),
                share_of(changed_after, self.units[which]),
            ),
            probability=refit.probability,
            loses=self._losing(rows, before, after),
            asked=1,
        )
        return _Way(gain, spread)

    def _losing(self, rows: Ints, before: Floats, after: Floats) -> tuple[str, ...]:
        labels, units = self.evidence.labels[rows], self.units[rows].astype(str)
        p_values = np.ones(len(self.evidence.class_names))
        for label in np.unique(labels[after < before]).tolist():
            mine = labels == label
            if after[mine].sum() < before[mine].sum():
                p_values[label] = paired_p_value(before[mine], after[mine], units[mine])
        names = self.evidence.class_names
        return tuple(names[label] for label in np.flatnonzero(holm(p_values) < LEVEL))

    def _changed(
        self, rows: Ints, copies: Sequence[Augmented], excluded: list[int], refit: Refit
    ) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
        """Images whose copies count, and how often they are right over the levels, both arms."""
        n = len(self.evidence)
        wanted: Bools = np.zeros(n, dtype=bool)
        wanted[rows] = ~np.isin(self.evidence.labels[rows], excluded)
        sums, times = np.zeros((2, n)), np.zeros(n)
        for copy in copies:
            mine = np.flatnonzero(wanted[copy.rows])
            which = copy.rows[mine]
            sums[:, which] += self._right(refit, copy.embeddings[mine], which)
            times[which] += 1
        found = np.flatnonzero(times)
        before, after = sums[:, found] / times[found]
        return found, before, after

    def _right(
        self, refit: Refit, embeddings: Floats, rows: Ints
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(m,) whether the control is right, and whether what was taught is."""
        labels = self.evidence.labels[rows]
        before = refit.control.predictions(embeddings, rows) == labels
        after = refit.taught.predictions(embeddings, rows) == labels
        return before.astype(np.float64), after.astype(np.float64)
