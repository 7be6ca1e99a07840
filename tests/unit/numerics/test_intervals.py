from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.intervals import Z95, wilson, wilson_bounds


@pytest.mark.parametrize("hits", [0, 1])
def test_no_share_lies_outside_its_own_interval(hits: int) -> None:
    for n in range(1, 3000):
        low, high = wilson(hits * n, n)
        assert low <= hits <= high


def test_elementwise_and_for_sizes_that_are_not_whole() -> None:
    low, high = wilson_bounds(np.array([0.8, 0.0, 0.5]), np.array([10.0, 0.0, 2.5]), Z95)
    assert (low[0], high[0]) == wilson(8, 10)
    assert (low[1], high[1]) == (0.0, 1.0)
    assert low[2] == pytest.approx(1 - high[2])
    wider = wilson_bounds(0.8, 10, 3.0)
    assert wider[0] < low[0] and wider[1] > high[0]
