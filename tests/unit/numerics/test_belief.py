"""Beliefs worked out by hand, and slopes against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curate.numerics.belief import Belief, Witnesses, normal_scores, softmax


def made(n: int = 40, n_classes: int = 3) -> tuple[Witnesses, np.ndarray, Belief]:
    rng = np.random.default_rng(0)
    probs, votes = rng.dirichlet(np.ones(n_classes), (2, n))
    draws = np.log(rng.dirichlet(np.ones(n_classes), n))
    witnesses = Witnesses(np.log(probs), np.log(votes), votes, rng.normal(size=n))
    belief = Belief(
        np.array([0.9, 0.4, 0.2]),
        np.array([0.3, 0.5, 0.1]),
        np.array([-1.0, 0.5]),
        rng.normal(scale=0.2, size=(2, n_classes)),
    )
    return witnesses, draws, belief


def test_plain_and_hard_images_are_believed_by_their_own_weights() -> None:
    seen = Witnesses(np.log([[0.2, 0.8]]), np.zeros((1, 2)), np.zeros((1, 2)), np.array([2.0]))
    belief = Belief(np.array([1.0, 0.0, 0.0]), np.zeros(3), np.array([-2.0, 1.0]), np.zeros((2, 2)))
    parts = belief.of(seen, np.zeros((1, 2)))
    np.testing.assert_allclose(parts.plain, [[0.2, 0.8]])
    np.testing.assert_allclose(parts.hard, [[0.5, 0.5]])
    assert parts.doubt[0] == pytest.approx(0.5)  # -2 + 1 x 2 deviations: even odds
    np.testing.assert_allclose(parts.both(), [[0.35, 0.65]])


def test_a_class_has_a_scale_and_a_bias_of_its_own() -> None:
    seen = Witnesses(np.log([[0.5, 0.5]]), np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(1))
    classes = np.array([[1.0, 0.0], [0.0, np.log(2)]])
    belief = Belief(np.array([1.0, 0, 0]), np.zeros(3), np.zeros(2), classes)
    # The first class: 0.5 squared. The second: 0.5 twice.
    np.testing.assert_allclose(belief.of(seen, np.zeros((1, 2))).plain, [[0.2, 0.8]])


def test_the_shares_are_bayes_rule() -> None:
    witnesses, draws, belief = made()
    parts = belief.of(witnesses, draws)
    chance = np.full(draws.shape, 0.3)
    plain, hard, likelihood = parts.shares(chance)
    np.testing.assert_allclose(likelihood, 0.3)
    np.testing.assert_allclose((plain + hard).sum(axis=1), 1)
    np.testing.assert_allclose(hard.sum(axis=1), parts.doubt)


def test_the_slopes_are_those_of_the_likelihood() -> None:
    witnesses, draws, belief = made()
    chance = np.random.default_rng(1).random(draws.shape)

    def height(flat: np.ndarray) -> np.ndarray:
        moved = Belief(flat[:3], flat[3:6], flat[6:8], flat[8:].reshape(2, 3))
        return np.log(moved.of(witnesses, draws).shares(chance)[2])

    parts = belief.of(witnesses, draws)
    plain, hard, _ = parts.shares(chance)
    slopes, known = belief.gradients(witnesses, draws, parts, (plain, hard))
    flat = np.concatenate([belief.plain, belief.hard, belief.doubt, belief.classes.ravel()])
    assert slopes.shape == (len(draws), len(flat)) and known.shape == flat.shape
    for i, step in enumerate(1e-6 * np.eye(len(flat))):
        expected = (height(flat + step) - height(flat - step)) / 2e-6
        np.testing.assert_allclose(slopes[:, i], expected, atol=1e-6)


def test_every_step_climbs_and_ends_where_the_slope_is_the_priors_pull() -> None:
    witnesses, draws, belief = made(400)
    chance = np.random.default_rng(1).random(draws.shape)
    before = -np.inf
    for _ in range(300):
        parts = belief.of(witnesses, draws)
        plain, hard, likelihood = parts.shares(chance)
        height = np.log(likelihood).sum() + belief.log_prior()
        assert height >= before - 1e-6
        before = height
        belief = belief.improved(witnesses, draws, parts, (plain, hard))
    slopes, _ = belief.gradients(witnesses, draws, parts, (plain, hard))
    pull = belief.classes.ravel() / 0.5**2
    np.testing.assert_allclose(slopes.sum(axis=0)[8:], pull, atol=1e-2)


def test_no_weight_falls_below_zero() -> None:
    witnesses, draws, belief = made(400)
    against = replace(witnesses, log_votes=-8 * witnesses.log_probs)
    chance = np.exp(witnesses.log_probs)
    for _ in range(30):
        parts = belief.of(against, draws)
        plain, hard, _ = parts.shares(chance)
        belief = belief.improved(against, draws, parts, (plain, hard))
        assert (belief.plain >= 0).all() and (belief.hard >= 0).all()
    assert belief.plain[1] == 0


def test_normal_scores_are_symmetric_and_equal_for_equals() -> None:
    scores = normal_scores(np.array([3.0, 1.0, 2.0]))
    np.testing.assert_allclose(scores, [0.8694, -0.8694, 0], atol=1e-3)
    assert (normal_scores(np.ones(5)) == 0).all()


def test_softmax_is_never_quite_zero() -> None:
    found = softmax(np.array([[0.0, -1e4]]))
    assert found[0, 1] > 0
    assert found.sum() == pytest.approx(1)
