from __future__ import annotations

import numpy as np

from curate.pipeline.verifying.searching import choose, rates, searched

N = 200
UNITS = {name: np.arange(N) for name in ("baseline", "policy", "both")}


def right(*shares: float) -> np.ndarray:
    """(r, N) of which the first images are right: rates differ in as few images as can be."""
    return np.stack([np.arange(N) < round(share * N) for share in shares])


def test_rates_are_half_decades_apart() -> None:
    assert rates(0.01, 3) == (0.00316, 0.01, 0.0316)
    assert rates(0.01, 1) == (0.01,)
    assert rates(0.01, 2) == (0.01, 0.0316)


def test_the_luck_of_single_trials_does_not_part_the_arms() -> None:
    found = choose(
        rates(1.0, 3),
        {"baseline": right(0.6, 0.7, 0.5), "policy": right(0.71, 0.7, 0.5),
         "both": right(0.6, 0.7, 0.715)},
        UNITS,
    )  # fmt: skip
    assert found.lr == {"baseline": 1.0, "policy": 1.0, "both": 1.0}
    assert not found.at_edge
    assert found.accuracy["policy"] == (0.71, 0.7, 0.5)


def test_an_arm_that_surely_wants_another_rate_has_it() -> None:
    found = choose(
        rates(1.0, 3),
        {"baseline": right(0.6, 0.8, 0.5), "policy": right(0.85, 0.6, 0.5),
         "both": right(0.6, 0.8, 0.5)},
        UNITS,
    )  # fmt: skip
    assert found.lr == {"baseline": 1.0, "policy": 0.316, "both": 1.0}


def test_groups_count_as_one_draw() -> None:
    values = {"baseline": right(0.6, 0.8), "policy": right(0.85, 0.6)}
    two = {name: np.arange(N) // 100 for name in values}
    assert choose((1.0, 2.0), values, two).lr == {"baseline": 1.0, "policy": 1.0}


def test_the_edge_is_told_and_ties_go_to_the_middle() -> None:
    assert choose((1.0, 2.0, 3.0), {"baseline": right(0.7, 0.6, 0.5)}, UNITS).at_edge
    assert choose((1.0, 2.0, 3.0), {"baseline": right(0.7, 0.7, 0.7)}, UNITS).common == 2.0


def test_one_rate_is_not_tried() -> None:
    def never(name: str, lr: float) -> np.ndarray:
        raise AssertionError

    assert searched(["baseline", "policy"], (0.1,), never, {}).lr == {
        "baseline": 0.1, "policy": 0.1,
    }  # fmt: skip
