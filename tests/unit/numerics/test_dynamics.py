"""Training dynamics of two or three images over a few epochs, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curate.numerics import dynamics


def test_aum_is_the_mean_margin_of_the_logits() -> None:
    own = np.array([[2.0, 0.0], [4.0, 1.0]])
    other = np.array([[1.0, 3.0], [0.0, 2.0]])
    np.testing.assert_allclose(dynamics.aum(own, other), [2.5, -2.0])


def test_forgetting_counts_falls_and_takes_never_right_for_the_most() -> None:
    correct = np.array(
        [[True, False, False], [False, False, True], [True, False, True], [False, False, True]]
    )
    assert dynamics.forgetting(correct).tolist() == [2, 4, 0]


def test_error_length_is_that_of_probabilities_less_one_hot() -> None:
    probs = np.array([[0.6, 0.3, 0.1], [0.0, 1.0, 0.0]])
    expected = [np.sqrt(0.16 + 0.09 + 0.01), 0.0]
    np.testing.assert_allclose(dynamics.error_length(probs, np.array([0, 1])), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_error_length_of_two_is_exact_up_to_three_classes(n_classes: int) -> None:
    logits = np.random.default_rng(0).normal(size=(20, n_classes)) * 2
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.arange(20) % n_classes
    rows = np.arange(20)
    others = logits.copy()
    others[rows, labels] = -np.inf
    found = dynamics.error_length_of_two(
        probs[None, rows, labels], logits[None, rows, labels], others.max(axis=1)[None]
    )
    np.testing.assert_allclose(found[0], dynamics.error_length(probs, labels))


def test_error_length_of_two_takes_a_probability_that_underflowed() -> None:
    found = dynamics.error_length_of_two(np.zeros((1, 1)), np.array([[0.0]]), np.array([[2000.0]]))
    np.testing.assert_allclose(found, [[np.sqrt(2)]])


def test_el2n_takes_the_first_epochs_alone() -> None:
    lengths = np.array([[1.0], [0.5], [0.0]])
    assert dynamics.el2n(lengths, 2).tolist() == [0.75]
    assert dynamics.el2n(lengths).tolist() == [0.5]


def test_cartography_is_mean_and_population_deviation() -> None:
    p = np.array([[0.2, 0.5], [0.8, 0.5]])
    np.testing.assert_allclose(dynamics.confidence(p), [0.5, 0.5])
    np.testing.assert_allclose(dynamics.variability(p), [0.3, 0.0])


def test_table_has_a_row_an_image_and_takes_no_epoch() -> None:
    own, other = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    p = 1 / (1 + np.exp(other - own))
    found = dynamics.table(own, other, own > other, p)
    assert found["aum"].tolist() == [1, -1]
    assert found["forgetting"].tolist() == [0, 1]
    np.testing.assert_allclose(found["el2n"], np.sqrt(2) * (1 - p[0]))
    np.testing.assert_allclose(found["confidence"], p[0])
    empty = np.zeros((0, 2))
    assert dynamics.table(empty, empty, empty > 0, empty).isna().to_numpy().all()


def test_an_image_with_fewer_epochs_counts_by_its_own() -> None:
    nan = np.nan
    own = np.array([[1.0, 3.0, nan], [2.0, nan, nan], [3.0, nan, nan]])
    other = np.array([[2.0, 1.0, nan], [1.0, nan, nan], [1.0, nan, nan]])
    p = np.array([[0.2, 0.9, nan], [0.7, nan, nan], [0.9, nan, nan]])
    found = dynamics.table(own, other, own > other, p)
    np.testing.assert_allclose(found["aum"], [2 / 3, 2, nan])
    # Image 1 was right when last seen: that it came no more is no forgetting.
    np.testing.assert_allclose(found["forgetting"], [0, 0, nan])
    np.testing.assert_allclose(found["confidence"], [0.6, 0.9, nan])
    np.testing.assert_allclose(found["variability"], [np.sqrt((0.16 + 0.01 + 0.09) / 3), 0, nan])
    alone = dynamics.table(own[:1, 1:2], other[:1, 1:2], (own > other)[:1, 1:2], p[:1, 1:2])
    assert found["el2n"][1] == alone["el2n"][0]


def test_arrays_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        dynamics.aum(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="one shape"):
        dynamics.forgetting(np.zeros(3, dtype=bool))
