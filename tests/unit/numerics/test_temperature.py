from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.temperature import fit_temperature, log_loss


@pytest.mark.parametrize("scale", [1e-3, 0.2, 5.0, 300.0])
def test_temperature_undoes_over_and_under_confidence(scale: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (probs.cumsum(1) > rng.random((4000, 1))).argmax(1)
    assert fit_temperature(logits * scale, labels) == pytest.approx(scale, rel=0.1)


def test_logits_that_are_always_right_are_not_made_infinitely_sure() -> None:
    """30 images, all right: about one in 31 could be wrong next, so no margin may vanish."""
    labels = np.arange(30) % 3
    logits = np.eye(3)[labels] * np.linspace(1, 5, 30)[:, None]
    temperature = fit_temperature(logits, labels)
    loss = log_loss(logits, labels, temperature)
    assert 0.005 < loss < 0.2


def test_log_loss_by_hand() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    expected = -(np.log(0.25) + np.log(0.8)) / 2
    assert log_loss(logits, np.array([1, 2]), 1.0) == pytest.approx(expected, rel=1e-5)
    assert log_loss(logits * 3, np.array([1, 2]), 3.0) == pytest.approx(expected, rel=1e-5)


def test_logits_that_say_nothing_have_temperature_one() -> None:
    assert fit_temperature(np.zeros((4, 3)), np.array([0, 1, 2, 0])) == 1.0
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0
