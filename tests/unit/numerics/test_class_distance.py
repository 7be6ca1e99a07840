from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.class_distance import LEAST_SPREAD, class_stance


def at(degrees: np.ndarray) -> np.ndarray:
    """Points on a circle: their cosine distances are known."""
    turned = np.radians(degrees)
    return np.column_stack([np.cos(turned), np.sin(turned)]).astype(np.float32)


def test_by_hand_with_the_nearest_of_each_class() -> None:
    # A share of 0.5 of three or two others is the nearest; distances of 10, 10 and 20 degrees.
    degrees = np.array([0.0, 10.0, 30.0, 90.0, 91.0, 92.0])
    labels = np.array([0, 0, 0, 1, 1, 1])
    names = np.array(list("abcdef"))
    found = class_stance(at(degrees), labels, names, 2, share=0.5, least=3)
    inside = np.log(1 - np.cos(np.radians([10, 10, 20])))
    assert found[2, 0] == pytest.approx((inside[2] - inside[0]) / LEAST_SPREAD, rel=1e-3)
    outside = np.log(1 - np.cos(np.radians(60)))
    assert found[3, 0] == pytest.approx((outside - inside[0]) / LEAST_SPREAD, rel=1e-3)


def test_a_class_too_small_is_infinitely_far() -> None:
    labels = np.array([0, 0, 0, 1, -1])
    found = class_stance(at(np.arange(5.0)), labels, np.array(list("abcde")), 3, 0.5, 2)
    assert np.isfinite(found[:, 0]).all()
    assert np.isinf(found[:, 1:]).all()


def test_a_few_alike_in_a_class_do_not_bring_each_other_near() -> None:
    rng = np.random.default_rng(0)
    points = np.eye(1, 20) + rng.normal(scale=0.1, size=(100, 20))
    points[:10] = -np.eye(1, 20)
    names = np.array([f"{i:03d}" for i in range(100)])
    found = class_stance(points.astype(np.float32), np.zeros(100, int), names, 1, 0.2, 10)
    assert found[:10, 0].min() > 3 > found[10:, 0].max()
