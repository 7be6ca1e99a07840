from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.linear import ClosedForms, constant
from curate.numerics.moments import fold_moments, row_space, total


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(4), rng.integers(0, 4, 296)])
    mix = rng.normal(size=(6, 6))
    X = (rng.normal(size=(300, 6)) @ mix + np.eye(4, 6)[labels] * 2 + 100).astype(np.float32)
    return X, labels, rng.permutation(np.arange(300) % 5)


def moments_of(X, labels, n_classes=4):
    n = len(X)
    return fold_moments(X, np.arange(n), labels, np.zeros(n, int), n_classes, 1)[0]


def test_a_fold_taken_from_the_whole_leaves_the_moments_of_the_others(data) -> None:
    X, labels, folds = data
    shares = fold_moments(X, np.arange(300), labels, folds, 4, 5)
    whole = total(shares)
    for fold in range(5):
        rest = whole - shares[fold]
        rows = folds != fold
        y, Z = labels[rows], X[rows].astype(float)
        np.testing.assert_array_equal(rest.counts, np.bincount(y, minlength=4))
        np.testing.assert_allclose(rest.center, Z.mean(0), rtol=1e-12)
        np.testing.assert_allclose(rest.variance, Z.var(0), rtol=1e-9)
        about = Z - rest.origin
        np.testing.assert_allclose(rest.second, about.T @ about, rtol=1e-9, atol=1e-8)
        for c in range(4):
            np.testing.assert_allclose(rest.sums[c], about[y == c].sum(0), atol=1e-9)


def test_moments_are_the_same_from_a_memory_map_in_blocks(data, tmp_path) -> None:
    X, labels, folds = data
    many, y, f = np.tile(X, (20, 1)), np.tile(labels, 20), np.tile(folds, 20)
    np.save(tmp_path / "X.npy", many)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r", allow_pickle=False)
    whole = total(fold_moments(mapped, np.arange(6000), y, f, 4, 5))
    about = many.astype(float) - whole.origin
    np.testing.assert_allclose(whole.second, about.T @ about, rtol=1e-9, atol=1e-7)


def test_lda_is_that_of_the_formula_and_unshrunk_that_of_scikit_learn(data) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    X, labels, _ = data
    within = np.zeros((6, 6))
    for c in range(4):
        within += np.cov(X[labels == c].T.astype(float), bias=True) * (labels == c).mean()
    penalty = 0.5
    level = np.trace(within) / 6
    S = (within + penalty * level * np.eye(6)) / (1 + penalty)
    means = np.stack([X[labels == c].mean(0, dtype=float) for c in range(4)])
    prior = np.log(np.bincount(labels) / 300)
    W = np.linalg.solve(S, means.T).T
    direct = X @ W.T - 0.5 * np.einsum("ij,ij->i", W, means) + prior
    lda, _ = ClosedForms.of(moments_of(X, labels), np.ones(6)).solve(penalty)
    found = lda.logits(X, np.arange(300))
    np.testing.assert_allclose(found - found[:, :1], direct - direct[:, :1], rtol=1e-3, atol=1e-3)
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-6).fit(X.astype(float), labels)
    lda, _ = ClosedForms.of(moments_of(X, labels), X.std(0)).solve(1e-6)
    found = lda.logits(X, np.arange(300))
    np.testing.assert_array_equal(found.argmax(1), peer.predict(X.astype(float)))


def test_ridge_is_that_of_scikit_learn(data) -> None:
    from sklearn.linear_model import Ridge

    X, labels, _ = data
    moments = moments_of(X, labels)
    forms = ClosedForms.of(moments, np.ones(6))
    _, ridge = forms.solve(0.7)
    alpha = 0.7 * np.trace(forms.within) / 6 * 300
    peer = Ridge(alpha=alpha).fit(X.astype(float), np.eye(4)[labels])
    np.testing.assert_allclose(
        ridge.logits(X, np.arange(300)), peer.predict(X.astype(float)), atol=1e-4
    )


def test_a_scale_is_the_same_as_dividing_the_features(data) -> None:
    X, labels, _ = data
    scale = np.array([1.0, 2, 3, 4, 5, 6])
    here = ClosedForms.of(moments_of(X, labels), scale).solve(0.3)
    divided = (X / scale).astype(np.float32)
    there = ClosedForms.of(moments_of(divided, labels), np.ones(6)).solve(0.3)
    rows = np.arange(300)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(
            one.logits(X, rows), other.logits(divided, rows), rtol=1e-3, atol=1e-3
        )


def test_a_class_without_images_gets_the_least_logit(data) -> None:
    X, labels, _ = data
    moments = moments_of(X, labels, n_classes=6)
    for linear in ClosedForms.of(moments, np.ones(6)).solve(0.3):
        logits = linear.logits(X, np.arange(300))
        assert np.isfinite(logits).all()
        np.testing.assert_array_equal(logits[:, 4], logits[:, :4].min(axis=1))
        np.testing.assert_array_equal(logits[:, 5], logits[:, 4])


def test_classes_that_are_points_and_equal_images_do_not_break_it() -> None:
    X = np.repeat(np.eye(3, 5, dtype=np.float32), 4, axis=0)
    labels = np.repeat(np.arange(3), 4)
    for linear in ClosedForms.of(moments_of(X, labels, 3), np.ones(5)).solve(0.01):
        np.testing.assert_array_equal(linear.logits(X, np.arange(12)).argmax(1), labels)
    for linear in ClosedForms.of(moments_of(np.ones_like(X), labels, 3), np.ones(5)).solve(0.01):
        np.testing.assert_allclose(np.ptp(linear.logits(X, np.arange(12)), axis=1), 0, atol=1e-5)


def test_the_constant_says_the_shares() -> None:
    labels = np.array([0, 0, 0, 2])
    logits = constant(moments_of(np.zeros((4, 2), np.float32), labels, 3)).logits(
        np.ones((1, 2)), np.arange(1)
    )
    np.testing.assert_allclose(np.exp(logits[0, 0] - logits[0, 2]), 3, rtol=1e-6)
    assert logits[0, 1] == logits[0, 2]


def test_the_row_space_keeps_every_inner_product_with_training_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 50)).astype(np.float32)
    rows = np.arange(20)
    center, scale = X[rows].mean(0), np.full(50, 2.0)
    Z = row_space(X, rows, center, scale)
    assert Z.shape[1] == 19
    scaled = (X - center) / 2
    np.testing.assert_allclose(Z @ Z[rows].T, scaled @ scaled[rows].T, atol=1e-4)
