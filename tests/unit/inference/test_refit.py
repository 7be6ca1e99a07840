from __future__ import annotations

import numpy as np
import pytest

from curate.inference.probe import out_of_fold
from curate.inference.refit import refit
from curate.numerics.choice import LDA, LOGISTIC, RIDGE


def points(n: int, d: int, k: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    centres = np.eye(k, d) * 2 + 5
    spread = np.linspace(0.3, 1.5, d)
    return (centres[labels] + spread * rng.normal(size=(n, d))).astype(np.float32), labels


@pytest.mark.parametrize("d", [6, 200])
@pytest.mark.parametrize("method", [None, LDA, RIDGE, LOGISTIC])
@pytest.mark.parametrize("k", [2, 3])
def test_new_images_are_predicted_as_the_runs_own_test_images(d: int, method, k: int) -> None:
    """With more and with fewer images than features, whichever classifier the run had chosen."""
    X, labels = points(150, d, k)
    is_train = np.arange(150) < 90
    rng = np.random.default_rng(0)
    probe = out_of_fold(X, labels, is_train, np.arange(150), k, 4, rng)
    info = dict(probe.info)
    if method is None:
        found = refit(X, labels, probe.folds, k, info).pred_probs(X[~is_train])
        np.testing.assert_allclose(found, probe.pred_probs[~is_train], atol=2e-4)
        return
    info |= {"method": method, "regularisation": 0.1, "temperature": 1.0}
    for scaling in ("as embedded", "standardised"):
        made = refit(X, labels, probe.folds, k, {**info, "scaling": scaling})
        found = made.pred_probs(X[~is_train])
        assert (found.argmax(axis=1) == labels[~is_train]).mean() > 0.6
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_a_class_without_train_images_stays_unlikely() -> None:
    X, labels = points(90, 5, 3)
    is_train = (np.arange(90) < 60) & (labels != 2)
    rng = np.random.default_rng(0)
    probe = out_of_fold(X, labels, is_train, np.arange(90), 3, 3, rng)
    made = refit(X, labels, probe.folds, 3, probe.info)
    rest = ~is_train
    np.testing.assert_allclose(made.pred_probs(X[rest]), probe.pred_probs[rest], atol=2e-4)
    assert made.pred_probs(X[rest])[:, 2].max() < 0.01
