from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from curate.comparison.scores import Predicted, Task
from curate.comparison.voting import HARD, SOFT, hard_vote, soft_vote, vote
from curate.comparison.weighting import best_single, simplex_weights, vote_weights


def test_a_hard_vote_and_its_ties() -> None:
    a = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    b = np.array([[0.3, 0.7, 0.0], [0.1, 0.8, 0.1], [0.2, 0.8, 0.0]])
    c = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert hard_vote([a, b, c]).argmax(axis=1).tolist() == [1, 2, 1]
    two = hard_vote([a, b])
    # One vote each in the first two rows: 0.55 against 0.45 on average, 0.5 against 0.45.
    assert two.argmax(axis=1).tolist() == [1, 0, 1]
    np.testing.assert_allclose(two.sum(axis=1), 1)
    assert two[2, 1] == pytest.approx((2 + 0.4) / 2.5)


def test_no_lead_is_overturned_by_a_tie_break() -> None:
    sure = np.array([[0.0, 1.0]])
    barely = np.array([[0.51, 0.49]])
    assert hard_vote([barely, barely, sure]).argmax() == 0


def test_a_soft_vote_is_a_weighted_mean() -> None:
    a, b = np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])
    np.testing.assert_allclose(soft_vote([a, b], np.array([0.25, 0.75])), [[0.375, 0.625]])


def test_simplex_weights_are_those_of_a_general_optimiser() -> None:
    rng = np.random.default_rng(0)
    chances = rng.beta([4, 3, 1], [1, 1, 2], size=(300, 3))

    def loss(x: np.ndarray) -> float:
        weights = np.abs(x) / np.abs(x).sum()
        return float(-np.log(chances @ weights).mean())

    best = min(
        (minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000})
         for start in ([1, 1, 1], [3, 1, 0.1], [1, 3, 0.1])),
        key=lambda found: found.fun,
    )  # fmt: skip
    weights = simplex_weights(chances)
    assert weights.sum() == pytest.approx(1) and weights.min() >= 0
    assert loss(weights) <= best.fun + 2e-4


def test_weights_are_used_only_where_images_support_them() -> None:
    rng = np.random.default_rng(1)
    labels, clusters = rng.integers(0, 3, 400), np.arange(400)
    good, poor = rng.beta(8, 1, 400), rng.beta(1, 3, 400)
    clear = vote_weights(np.column_stack([good, poor]), labels, clusters, rng)
    assert clear.supported and clear.used[0] > 0.9
    assert (clear.over_folds[0] > 0.9).all()
    alike = rng.beta(4, 2, (400, 3))
    equal = vote_weights(alike, labels, clusters, rng)
    assert not equal.supported
    np.testing.assert_allclose(equal.used, 1 / 3)
    few = vote_weights(alike[:3], labels[:3], clusters[:3], rng)
    np.testing.assert_allclose(few.used, 1 / 3)


def test_weights_of_equals_are_seldom_supported() -> None:
    supported = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        chances = rng.beta(4, 2, (150, 3))
        supported += vote_weights(chances, rng.integers(0, 3, 150), np.arange(150), rng).supported
    assert supported <= 3


def test_the_best_single_has_most_right_then_least_loss() -> None:
    right = [np.array([True, False]), np.array([True, True]), np.array([True, True])]
    of_label = np.array([[0.9, 0.6, 0.8], [0.1, 0.6, 0.8]])
    assert best_single(right, of_label) == 2


def three_models(n: int, seed: int) -> tuple[Task, list[Predicted]]:
    """Equally good models whose mistakes are their own, and a poor one."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    models = []
    for name, strength in (("x", 2.0), ("y", 2.2), ("poor", 0.2)):
        logits = rng.normal(size=(n, 4))
        logits[np.arange(n), labels] += strength
        chances = np.exp(logits)
        models.append(Predicted(name, chances / chances.sum(axis=1, keepdims=True)))
    return Task(labels, ("a", "b", "c", "d"), np.arange(n)), models


@pytest.mark.parametrize("how", [HARD, SOFT])
def test_best_single_and_weights_come_from_the_other_split(how: str) -> None:
    task, models = three_models(400, 0)
    val, on_val = three_models(400, 1)
    found = vote(how, task, models, ("val", val, on_val), "test", np.random.default_rng(0))
    assert not found.crossed and found.chosen_on == "val"
    best = best_single(
        [m.right(val) for m in on_val], np.column_stack([m.of_label(val) for m in on_val])
    )
    assert found.chosen == (models[best].name,)
    np.testing.assert_array_equal(found.best.probs, models[best].probs)
    if how == SOFT:
        assert found.weights is not None and found.weights.used[2] < 0.2
        mixed = soft_vote([m.probs for m in models], found.weights.used)
        np.testing.assert_allclose(found.predicted.probs, mixed)
    else:
        assert found.weights is None


@pytest.mark.parametrize("how", [HARD, SOFT])
def test_without_another_split_each_image_is_chosen_for_by_others(how: str) -> None:
    task, models = three_models(300, 2)
    found = vote(how, task, models, None, "test", np.random.default_rng(0))
    assert found.crossed and set(found.chosen) <= {"x", "y"}
    rows = [m.probs for m in models[:2]]
    assert all(any((one == row[i]).all() for row in rows) for i, one in enumerate(found.best.probs))
    tiny, few = three_models(3, 3)
    assert vote(how, tiny, few, None, "test", np.random.default_rng(0)).crossed


def test_the_best_of_many_equals_gains_nothing_by_being_chosen() -> None:
    """Chosen on the images measured it would look better than it is; across folds it does not."""
    lead = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 60)
        task = Task(labels, ("a", "b"), np.arange(60))
        models = []
        for i in range(8):
            right = rng.random(60) < 0.7
            chosen = np.where(right, labels, 1 - labels)
            models.append(Predicted(f"m{i}", np.eye(2)[chosen] * 0.8 + 0.1))
        found = vote(HARD, task, models, None, "test", rng)
        lead.append(found.best.right(task).mean() - 0.7)
    assert abs(np.mean(lead)) < 0.03
