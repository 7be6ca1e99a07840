"""Tails of the binomial and Poisson distributions, against sums of exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from curate.numerics.tails import binomial_lower, binomial_upper, poisson_lower


def slowly(k: int, n: int, p: Fraction) -> float:
    return float(sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)))


@pytest.mark.parametrize(("n", "p"), [(1, "1/2"), (7, "1/10"), (40, "3/4"), (200, "1/100")])
def test_binomial_tails_are_exact(n: int, p: str) -> None:
    chance = Fraction(p)
    for k in range(n + 2):
        expected = slowly(k, n, chance)
        assert binomial_upper(k, n, float(chance)) == pytest.approx(expected, rel=1e-9)
        assert binomial_lower(k - 1, n, float(chance)) == pytest.approx(1 - expected, abs=1e-12)


def test_the_edges() -> None:
    assert binomial_upper(0, 5, 0.3) == 1.0
    assert binomial_upper(6, 5, 0.3) == 0.0
    assert binomial_upper(5, 5, 1.0) == 1.0
    assert binomial_upper(1, 5, 0.0) == 0.0
    assert binomial_upper(0, 0, 0.5) == 1.0
    assert poisson_lower(-1, 3.0) == 0.0
    assert poisson_lower(0, 0.0) == 1.0


def test_large_counts_neither_overflow_nor_vanish_too_early() -> None:
    assert binomial_upper(500_000, 1_000_000, 0.5) == pytest.approx(0.5, abs=1e-3)
    assert 0 < binomial_upper(600, 1000, 0.5) < 1e-9
    assert binomial_upper(1_000_000, 1_000_000, 0.5) == 0.0
    assert poisson_lower(100_000, 100_000.0) == pytest.approx(0.5, abs=1e-2)


def test_poisson_by_hand() -> None:
    # e^-2 (1 + 2 + 2)
    assert poisson_lower(2, 2.0) == pytest.approx(5 * math.exp(-2))


@pytest.mark.parametrize("bad", [lambda: binomial_upper(1, 2, 1.5), lambda: poisson_lower(1, -1.0)])
def test_what_is_no_distribution_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="Expected"):
        bad()  # type: ignore[operator]
