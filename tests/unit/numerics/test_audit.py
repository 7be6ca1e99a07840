from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.audit import UNKNOWN, Estimate, Stratum, precision, recall
from curate.numerics.intervals import wilson


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_precision_is_of_the_flagged_alone() -> None:
    parts = [Stratum(True, 100, 20, 15), Stratum(False, 900, 30, 3)]
    assert precision(parts) == Estimate(0.75, *wilson(15, 20))
    assert precision([Stratum(True, 20, 20, 15)]) == Estimate(0.75, 0.75, 0.75)
    assert precision(parts[1:]) == UNKNOWN


def test_recall_counts_each_part_for_its_size() -> None:
    parts = [Stratum(True, 100, 50, 40), Stratum(False, 100, 20, 4), Stratum(False, 1000, 50, 1)]
    found = recall(parts, rng())
    assert found.value == pytest.approx(80 / (80 + 20 + 20))
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < found.value < found.high < 0.9
    assert recall(parts, rng()) == found


def test_nothing_seen_among_few_of_many_is_not_nothing() -> None:
    few = recall([Stratum(True, 50, 50, 50), Stratum(False, 5000, 10, 0)], rng())
    many = recall([Stratum(True, 50, 50, 50), Stratum(False, 5000, 4000, 0)], rng())
    assert few.value == many.value == 1.0
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.2
    assert many.low > 0.9


def test_what_nobody_looked_at_is_not_known() -> None:
    assert recall([Stratum(True, 10, 5, 5), Stratum(False, 10, 0, 0)], rng()) == UNKNOWN
    assert recall([Stratum(True, 10, 5, 0), Stratum(False, 10, 5, 0)], rng()) == UNKNOWN
    assert recall([Stratum(True, 4, 4, 4), Stratum(False, 0, 0, 0)], rng()).value == 1.0


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    draws, hits = rng(), 0
    sizes, shares, judged = (100, 150, 2000), (0.8, 0.2, 0.01), (40, 30, 60)
    truth = 80 / (80 + 30 + 20)
    for _ in range(300):
        parts = []
        for size, share, n in zip(sizes, shares, judged, strict=True):
            good = round(size * share)
            parts.append(
                Stratum(size == 100, size, n, int(draws.hypergeometric(good, size - good, n)))
            )
        found = recall(parts, draws)
        hits += found.low <= truth <= found.high
    assert 0.9 <= hits / 300 <= 1.0
