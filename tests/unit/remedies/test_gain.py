from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact
from simulated import HARMS, MIRROR, share, simulated

from curate.remedies.dosing import Dose
from curate.remedies.expectation import Parts, excess_of, spread_of
from curate.remedies.gain import Gain, gains
from curate.remedies.probing import TRAIN, Probes

DOSES = {name: [Dose((1.0,), 0.5)] for name in HARMS}


def measured(*given) -> dict[str, Gain]:
    evidence, copies, prevalence = given
    return gains(evidence, Probes.of(evidence), copies, DOSES, prevalence)


def recommended(found: dict[str, Gain]) -> list[str]:
    worth = [name for name, gain in found.items() if gain.corrected[0] > 0]
    return sorted(worth, key=lambda name: -found[name].expected.estimate)


@pytest.mark.parametrize(
    "how", [{}, {"group": 4}, {"labelled_val": False}], ids=["images", "groups", "no labels in val"]
)
def test_where_nothing_is_planted_hardly_anything_is_recommended(how: dict[str, object]) -> None:
    draws = 20  # sixty in all: the bound is that of sixty
    wrong = sum(bool(recommended(measured(*simulated(seed, **how)))) for seed in range(draws))
    assert wrong <= binom.ppf(0.975, draws, 0.05)


@pytest.mark.parametrize("planted", [0.3, 1.0])
@pytest.mark.parametrize("labelled_val", [True, False])
def test_what_is_planted_comes_first(planted: float, labelled_val: bool) -> None:
    hits = 0
    for seed in range(5):
        found = measured(*simulated(100 + seed, planted, labelled_val=labelled_val))
        hits += recommended(found)[:1] == [MIRROR]
        gain = found[MIRROR]
        assert gain.changed[1].estimate > gain.changed[0].estimate + 0.3
    assert hits >= 4


def test_a_shift_that_no_detector_sees_shows_on_val_as_it_is() -> None:
    evidence, copies, _ = simulated(3, planted=1.0)
    gain = measured(evidence, copies, {})[MIRROR]
    assert gain.corrected[0] > 0 and gain.on == "val" and gain.symptom is None
    assert gain.as_is[1].estimate > gain.as_is[0].estimate + 0.2


def test_labels_of_test_are_never_asked() -> None:
    evidence, copies, prevalence = simulated(1, planted=0.3, n_val=120)
    splits = evidence.splits.copy()
    splits[-60:] = "test"
    evidence = replace(evidence, splits=splits)
    other = np.where(splits == "test", (evidence.labels + 1) % 4, evidence.labels)
    assert measured(evidence, copies, prevalence) == measured(
        replace(evidence, labels=other), copies, prevalence
    )


def test_the_same_input_gives_the_same_numbers_and_a_candidate_more_a_wider_interval() -> None:
    given = simulated(2, planted=0.3)
    first, again = measured(*given), measured(*given)
    assert first == again
    evidence, copies, prevalence = given
    alone = gains(evidence, Probes.of(evidence), copies, {MIRROR: DOSES[MIRROR]}, prevalence)
    assert alone[MIRROR].expected == first[MIRROR].expected
    assert alone[MIRROR].corrected[0] > first[MIRROR].corrected[0]
    assert alone[MIRROR].p_value < first[MIRROR].p_value


def test_images_of_excluded_classes_are_not_judged_changed() -> None:
    evidence, copies, prevalence = simulated(4, planted=0.3, labelled_val=False)
    doses = {MIRROR: [Dose((1.0,), 0.5, ("a", "c"))]}
    gain = gains(evidence, Probes.of(evidence), copies, doses, prevalence)[MIRROR]
    assert gain.symptom == "upside_down" and gain.on == TRAIN
    kept = np.isin(evidence.labels, [1, 3]) & (evidence.splits == "train")
    assert gain.changed[0].n == kept.sum()
    assert gain.as_is[0].n == (evidence.splits == "train").sum()


def test_a_class_that_pays_is_named() -> None:
    evidence, copies, _ = simulated(5, n_val=600)
    [given] = copies["rotate"]
    X = np.array(evidence.embeddings)
    of_c = evidence.labels == 2
    # Changed images of the other classes look like c as it is.
    alike = np.where(of_c[:, None], X, X[of_c].mean(axis=0)).astype(np.float32)
    spoiled = {"rotate": [replace(given, embeddings=alike)]}
    gain = gains(evidence, Probes.of(evidence), spoiled, {"rotate": [Dose((1.0,), 0.5)]}, {})
    assert gain["rotate"].loses == ("c",)


def test_a_step_of_another_library_is_judged_on_the_images_as_they_are() -> None:
    evidence, copies, prevalence = simulated(3, planted=1.0)
    foreign = "albumentations:Transpose"
    given = {foreign: copies[MIRROR]}
    found = gains(evidence, Probes.of(evidence), given, {foreign: DOSES[MIRROR]}, prevalence)
    assert found[foreign].symptom is None and found[foreign].asked == 1
    assert found[foreign].corrected[0] > 0


def test_settings_of_the_trainer_and_transforms_without_a_dose_are_not_measured() -> None:
    evidence, copies, prevalence = simulated()
    doses = {"mixup": [Dose((0.2,), 0.5)], "rotate": [], "noise": DOSES["noise"]}
    assert list(gains(evidence, Probes.of(evidence), copies, doses, prevalence)) == ["noise"]


def test_few_images_more_are_judged_as_by_fishers_exact_test() -> None:
    excess = excess_of(share(np.arange(800) < 0), share(np.arange(180) < 3))
    low, high = excess.draws(np.random.default_rng(0))
    exact = fisher_exact([[3, 177], [0, 800]], alternative="greater").pvalue
    assert (low <= 0).mean() == pytest.approx(exact, rel=0.25)
    assert high.mean() > excess.estimate > low.mean()


def test_a_mixture_weighs_the_gains_by_the_excess() -> None:
    # 100 images: 4 lost as they are; of copies of the 80 that may be changed, half are won.
    as_is = np.r_[-np.ones(4), np.zeros(96)]
    can = np.arange(100) < 80
    changed = np.tile([1.0, 0.0], 40)
    parts = Parts(np.arange(100), as_is, can, np.arange(80), changed)
    excess = excess_of(share(np.arange(1000) < 0), share(np.arange(1000) < 200))
    found = spread_of(parts, excess, np.random.default_rng(0))
    assert found.estimate == pytest.approx(-0.04 + 0.2 * (0.8 * 0.5 + 0.04))
    low, high = found.interval(0.05)
    assert low < found.estimate < high
    assert spread_of(parts, None, np.random.default_rng(0)).estimate == pytest.approx(-0.04)


@pytest.mark.parametrize(("won", "sure"), [(3, False), (5, False), (9, True), (20, True)])
def test_a_handful_of_images_is_no_proof(won: int, sure: bool) -> None:
    as_is = np.r_[np.ones(won), np.zeros(200 - won)]
    none = np.zeros(0)
    parts = Parts(np.arange(200), as_is, np.ones(200, bool), none.astype(int), none)
    p_value = spread_of(parts, None, np.random.default_rng(0)).p_value
    assert (p_value < 0.005) == sure
    assert p_value > 0.3 * 0.5**won


def test_one_unit_alone_says_nothing() -> None:
    parts = Parts(np.zeros(50, int), np.ones(50), np.ones(50, bool), np.zeros(0, int), np.zeros(0))
    found = spread_of(parts, None, np.random.default_rng(0))
    assert found.p_value == 1 and found.interval(0.05) == (-1, 1)


def test_copies_that_are_not_what_val_shows_do_not_count() -> None:
    found = [measured(*simulated(200 + seed, planted=0.6)) for seed in range(4)]
    # The detector flags mirrored images; half turns answer the same symptom, and are none of them.
    assert all(gained["half_turn"].symptom is None for gained in found)
    assert all(gained["half_turn"].corrected[0] <= 0 for gained in found)
    assert all(gained[MIRROR].corrected[0] > 0 for gained in found)
