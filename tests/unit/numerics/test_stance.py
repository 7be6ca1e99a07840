"""Shifts of embeddings under a turn, on made-up embeddings in which the turn is a direction."""

import numpy as np
import pytest

from curate.numerics.stance import Turned, learn_stances, logistic

N, D = 200, 12


def made(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Content far and wide, a shift of 3 along the last axis; labels, folds and all copies."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)).astype(np.float32)
    copies = X + 0.1 * rng.normal(size=(N, D)).astype(np.float32)
    copies[:, -1] += 3
    return X, copies, np.arange(N) % 2, np.arange(N) // 2 % 5


def test_a_turned_embedding_is_told_by_itself_and_better_by_its_difference():
    X, copies, labels, folds = made()
    X[7], copies[7] = copies[7].copy(), X[7].copy()  # row 7 is turned already
    sample = np.arange(50, 120)
    stances = learn_stances(X, labels, 2, folds, [Turned(sample, copies[sample])])
    ratios = stances.ratios(1)[:, 0]
    assert np.argsort(ratios)[::-1][:5].tolist().count(7) == 1
    assert np.mean(stances.ratio_of_copies(0) > 0) > 0.9
    rows = np.arange(N)
    score = stances.score(rows, copies - X, (1.0,))
    assert np.flatnonzero(score < 0).tolist() == [7]
    assert stances.score(rows, X - copies, (1.0,)) == pytest.approx(-score)
    assert stances.score(rows, copies - X, (-2.0,)) == pytest.approx(-2 * score, rel=1e-4)


def test_a_row_is_scored_without_its_fold():
    X, copies, labels, folds = made()
    sample = np.flatnonzero(folds == 3)
    stances = learn_stances(X, labels, 2, folds, [Turned(sample, copies[sample])])
    ratios = stances.ratios(1)[:, 0]
    assert (ratios[folds == 3] == 0).all()
    assert (ratios[folds != 3] != 0).all()


def test_images_that_are_alike_share_a_shift():
    X, copies, labels, folds = made()
    side = np.where(np.arange(N) % 4 < 2, 1, -1)  # in either class half of the images
    X[:, 0] += 6 * side
    copies[:, 0] += 6 * side
    copies[:, -1] = X[:, -1] + 3 * side
    sample = np.arange(0, N, 2)
    stances = learn_stances(X, labels, 2, folds, [Turned(sample, copies[sample])])
    assert (stances.score(np.arange(N), copies - X, (1.0,)) > 0).all()


def test_the_unlabelled_learn_from_all():
    X, copies, labels, folds = made()
    labels = np.where(np.arange(N) < 10, 2, labels)
    sample = np.arange(50, 120)
    stances = learn_stances(X, labels, 2, folds, [Turned(sample, copies[sample])])
    rows = np.arange(10)
    assert (stances.score(rows, (copies - X)[rows], (1.0,)) > 0).all()


def test_a_state_without_copies_says_nothing():
    X, copies, labels, folds = made()
    nothing = Turned(np.arange(0), copies[:0])
    stances = learn_stances(X, labels, 2, folds, [Turned(np.arange(9), copies[:9]), nothing])
    assert (stances.ratios(2)[:, 1] == 0).all()
    assert len(stances.ratio_of_copies(1)) == 0


def test_logistic_finds_slope_and_offset():
    rng = np.random.default_rng(0)
    score = 3 * rng.normal(size=20_000)
    turned = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * score - 1)))
    slope, offset = logistic(score, turned.astype(float), np.ones(20_000))
    assert slope == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(-1, abs=0.06)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e4])
def test_logistic_is_finite_where_scores_separate_or_say_nothing(size):
    score = size * np.repeat([-1.0, 1.0], 50)
    found = logistic(score, np.repeat([0.0, 1.0], 50), np.ones(100))
    assert np.isfinite(found).all()
    assert found[0] > 0
