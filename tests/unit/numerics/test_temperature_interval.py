from __future__ import annotations

import numpy as np

from curate.numerics.temperature import fit_temperature
from curate.numerics.temperature_interval import temperature_interval


def drawn(rng: np.random.Generator, n: int, true: float, copies: int = 1):
    """Logits whose labels follow them at a temperature, each row so many times."""
    logits = rng.normal(scale=3, size=(n, 4))
    probs = np.exp(logits / true)
    probs /= probs.sum(axis=1, keepdims=True)
    labels = (probs.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=3)
    return np.repeat(logits, copies, axis=0), np.repeat(labels, copies)


def covered(copies: int, together: bool) -> float:
    hits, true = [], 1.7
    for seed in range(150):
        logits, labels = drawn(np.random.default_rng(seed), 150, true, copies)
        units = np.arange(len(labels)) // (copies if together else 1)
        found = temperature_interval(logits, labels, fit_temperature(logits, labels), units)
        assert found is not None
        hits.append(found[0] <= true <= found[1])
    return float(np.mean(hits))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    assert 0.9 <= covered(1, True) <= 0.99


def test_copies_are_no_independent_witnesses() -> None:
    assert covered(5, True) >= 0.9
    assert covered(5, False) < 0.75


def test_what_cannot_be_told_is_none_and_a_useless_score_has_no_upper_end() -> None:
    assert temperature_interval(np.zeros((5, 3)), np.zeros(5, int), 1.0, np.arange(5)) is None
    assert temperature_interval(np.eye(3), np.arange(3), 1.0, np.zeros(3, int)) is None
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    found = temperature_interval(logits, labels, fit_temperature(logits, labels), np.arange(60))
    assert found is not None and found[1] == float("inf")
