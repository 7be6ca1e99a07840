from __future__ import annotations

import numpy as np
import pytest

from curate.comparison.arms import BASELINE, BOTH, CONTROL, CURRICULUM, POLICY, Arms
from curate.comparison.parts import Part
from curate.comparison.verdict import (
    HELPS,
    HURTS,
    NO_DIFFERENCE,
    NOT_KNOWN,
    Verification,
    judge,
    order_or_data,
)
from curate.comparison.verdict_text import report, said
from curate.errors import ComparisonError

CLASSES = ("a", "b", "c")
N = 600
LABELS = np.arange(N) % 3
SLICE = np.arange(200)


def experiment(
    rng: np.random.Generator, n_seeds: int, ease: dict[str, np.ndarray | float], n: int = N
) -> Arms:
    """Arms that differ by what is added to the ease of the images."""
    images = rng.normal(1.2, 1.0, n)
    values = {
        name: images + added + rng.normal(0, 0.05, (n_seeds, 1)) + rng.normal(0, 0.7, (n_seeds, n))
        for name, added in ease.items()
    }
    right = {name: given > 0 for name, given in values.items()}
    return Arms.build(right, range(n_seeds), np.arange(n) % 3, CLASSES)


def word(found: Verification, arm: str, source: str = "all images") -> str:
    (judgement,) = found.of(arm, source=source)
    return judgement.word


def test_helps_hurts_and_nothing_to_see() -> None:
    on_slice = np.zeros(N)
    on_slice[SLICE] = 2.0
    arms = experiment(
        np.random.default_rng(0),
        5,
        {BASELINE: 0.0, POLICY: on_slice, CURRICULUM: 0.0, BOTH: -0.8, CONTROL: 0.0},
    )
    found = judge(arms, [Part("slice", "upside-down", SLICE)])
    assert word(found, POLICY) == HELPS
    assert word(found, POLICY, "slice") == HELPS
    assert word(found, CURRICULUM) == NO_DIFFERENCE
    assert word(found, BOTH) == HURTS
    assert found.hurts(BOTH)
    assert not found.hurts(POLICY)
    lines = report(found)
    assert any(line.startswith("policy against baseline, upside-down: helps, +") for line in lines)
    assert any("would need about" in line and "more runs of each arm" in line for line in lines)
    assert any(line.startswith("more ") and "would narrow it most" in line for line in lines)


def test_experiments_in_which_nothing_differs() -> None:
    said_something = 0
    for number in range(60):
        rng = np.random.default_rng(number)
        names = (BASELINE, POLICY, CURRICULUM, BOTH, CONTROL)
        arms = experiment(rng, 2 + number % 3, dict.fromkeys(names, 0.0), 150)
        found = judge(arms, [Part("slice", "some", np.arange(50))])
        said_something += any(j.word in (HELPS, HURTS) for j in found.judgements)
    assert said_something <= 3


def test_one_seed_is_not_known_however_large_the_difference() -> None:
    arms = Arms.build({BASELINE: np.zeros((1, N)), POLICY: np.ones((1, N))}, [0], LABELS, CLASSES)
    (judgement,) = judge(arms).of(POLICY)
    assert judgement.word == NOT_KNOWN
    assert judgement.as_json()["interval"] is None
    assert "two or more are needed" in said(judgement)


def test_one_group_is_not_known() -> None:
    rng = np.random.default_rng(0)
    values = {BASELINE: rng.random((3, N)) < 0.5, POLICY: rng.random((3, N)) < 0.9}
    arms = Arms.build(values, range(3), LABELS, CLASSES, np.array(["one"] * N))
    (judgement,) = judge(arms).of(POLICY)
    assert judgement.word == NOT_KNOWN
    assert "two groups are needed" in said(judgement)


def test_images_chosen_by_the_baselines_mistakes_get_no_verdict() -> None:
    arms = experiment(np.random.default_rng(1), 3, {BASELINE: 0.0, POLICY: 0.0})
    wrong = np.flatnonzero(arms.values[BASELINE].mean(axis=0) < 0.5)
    found = judge(arms, [Part("slice", "its mistakes", wrong, by_mistakes=True)])
    (judgement,) = found.of(POLICY, source="slice")
    assert judgement.crossed.estimate > 0  # regression towards the mean
    assert judgement.word == NOT_KNOWN
    assert judgement.as_json()["p_value"] is None
    assert "mistakes of the baseline chose" in said(judgement)
    assert judgement.n_comparisons == 2  # all images and the worst class


def test_the_worst_class_is_that_of_all_arms() -> None:
    shares = {BASELINE: (0.6, 0.9, 0.62), POLICY: (0.9, 0.9, 0.62)}
    rng = np.random.default_rng(2)
    values = {
        name: rng.random((4, N)) < np.array(by_class)[LABELS] for name, by_class in shares.items()
    }
    part = Arms.build(values, range(4), LABELS, CLASSES).worst_class()
    assert part is not None
    assert part.name == "worst class c"
    assert (LABELS[part.rows] == 2).all()
    assert Arms.build(values, range(4), np.zeros(N, int), CLASSES).worst_class() is None


def test_an_arm_that_ruins_a_class_is_seen_in_it() -> None:
    ruined = np.where(LABELS == 1, -1.5, 0.5)
    arms = experiment(np.random.default_rng(3), 4, {BASELINE: 0.0, POLICY: ruined})
    found = judge(arms)
    assert word(found, POLICY, "worst class") == HURTS
    assert found.hurts(POLICY)


def test_half_of_the_error_is_for_all_images() -> None:
    names = (BASELINE, POLICY, CURRICULUM, BOTH, CONTROL)
    arms = experiment(np.random.default_rng(4), 3, dict.fromkeys(names, 0.0))
    found = judge(arms, [Part("slice", "some", SLICE)])
    # Four arms on three parts, and the curriculum against its control on all images.
    assert len(found.judgements) == 13
    whole = [j for j in found.judgements if j.part.source == "all images" and j.against == BASELINE]
    assert [j.level for j in whole] == pytest.approx([0.05 / 8] * 4)
    assert sum(j.level for j in found.judgements) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("curriculum", "control", "least", "expected"),
    [
        (1.0, 0.0, None, "the order helps"),
        (0.0, 1.0, None, "the order hurts"),
        (1.0, 1.0, None, "the gain may be the data and not the order"),
        (1.0, 1.0, 0.1, "the gain is the data, not the order"),
        (0.0, 0.0, None, "the order shows no effect"),
        (0.0, 0.0, 0.1, "the order makes no difference"),
    ],
)
def test_order_or_data(curriculum: float, control: float, least: float, expected: str) -> None:
    arms = experiment(
        np.random.default_rng(5), 6, {BASELINE: 0.0, CURRICULUM: curriculum, CONTROL: control}, 1500
    )
    text = order_or_data(judge(arms, least=least))
    assert text is not None
    assert text.startswith(expected)


def test_without_a_control_nothing_is_said_of_the_order() -> None:
    arms = experiment(np.random.default_rng(6), 3, {BASELINE: 0.0, CURRICULUM: 0.0})
    assert order_or_data(judge(arms)) is None


def test_a_stated_least_difference_is_what_more_runs_are_for() -> None:
    arms = experiment(np.random.default_rng(7), 3, {BASELINE: 0.0, POLICY: 0.0})
    (far,) = judge(arms, least=0.05).of(POLICY)
    (near,) = judge(arms, least=0.02).of(POLICY)
    assert far.more is not None
    assert near.more is not None
    assert near.target == 0.02
    needed = (near.more.seeds, far.more.seeds)
    assert needed[0] is None or (needed[1] is not None and needed[0] >= needed[1])
    with pytest.raises(ComparisonError, match="least difference"):
        judge(arms, least=0.0)


def test_what_cannot_be_judged_is_refused() -> None:
    right = np.ones((2, N))
    with pytest.raises(ComparisonError, match="'baseline'"):
        Arms.build({POLICY: right}, [0, 1], LABELS, CLASSES)
    with pytest.raises(ComparisonError, match="different seeds"):
        Arms.build({BASELINE: right, POLICY: right}, [1, 1], LABELS, CLASSES)
    with pytest.raises(ComparisonError, match="seeds that it lacks"):
        Arms.build({BASELINE: right, POLICY: right[:1]}, [0, 1], LABELS, CLASSES)
    with pytest.raises(ComparisonError, match="from 0 to 1"):
        Arms.build({BASELINE: right, POLICY: right * np.nan}, [0, 1], LABELS, CLASSES)
    with pytest.raises(ComparisonError, match="without a label"):
        Arms.build({BASELINE: right, POLICY: right}, [0, 1], LABELS - 1, CLASSES)
    with pytest.raises(ComparisonError, match="groups"):
        Arms.build({BASELINE: right, POLICY: right}, [0, 1], LABELS, CLASSES, LABELS[:5])
    arms = Arms.build({BASELINE: right, POLICY: right}, [0, 1], LABELS, CLASSES)
    with pytest.raises(ComparisonError, match="found none"):
        judge(arms, [Part("slice", "nothing", np.array([], dtype=int))])
