from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.paired import holm
from curate.numerics.several import weighted_holm


def test_equal_weights_are_holm() -> None:
    p = [0.01, 0.2, np.nan, 0.04, 0.03]
    assert weighted_holm(p, np.ones(5)) == pytest.approx(holm(p), nan_ok=True)


def test_by_hand() -> None:
    # Shares 1/2, 1/4, 1/4. The first passes at .02 of .025, the next has .05 / 2 then.
    found = weighted_holm([0.02, 0.024, 0.9], [0.5, 0.25, 0.25])
    assert found == pytest.approx([0.04, 0.048, 0.9])
    assert weighted_holm([0.9, 0.024, 0.02], [0.5, 0.25, 0.25]) == pytest.approx([0.9, 0.08, 0.08])


def test_nothing_to_test() -> None:
    assert np.isnan(weighted_holm([np.nan], [1.0])).all()
    assert len(weighted_holm([], [])) == 0
