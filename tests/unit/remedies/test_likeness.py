from __future__ import annotations

import numpy as np
import pytest

from curate.findings import Evidence
from curate.remedies.likeness import Likeness


def on_a_circle(degrees: np.ndarray) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def reference(kin: np.ndarray | None = None) -> Likeness:
    """Twelve images of class 0 at 0 to 11 degrees, twelve of class 1 at 60 to 71."""
    degrees = np.r_[np.arange(12.0), 60 + np.arange(12.0)]
    evidence = Evidence(
        sample_ids=np.array([f"{i:02d}" for i in range(24)]),
        labels=np.repeat([0, 1], 12),
        splits=np.full(24, "train"),
        class_names=("a", "b", "none of it"),
        embeddings=on_a_circle(degrees),
    )
    return Likeness.of(evidence, np.arange(24), np.arange(24) if kin is None else kin)


@pytest.mark.parametrize(
    ("degrees", "label", "looks"),
    [
        (5.0, 0, True),
        (5.0, 1, False),  # its neighbours are of the other class
        (65.0, 1, True),
        (30.0, 0, False),  # nearest to class 0, and far from all of it
        (11.5, 0, True),
        (95.0, 1, False),
        (65.0, 2, False),  # a class without images looks like nothing
    ],
)
def test_neighbours_and_their_distance_decide(degrees: float, label: int, looks: bool) -> None:
    found = reference().looks_like(
        on_a_circle(np.array([degrees])), np.array([label]), np.array([0])
    )
    assert found.tolist() == [looks]


def test_the_usual_distance_is_that_of_the_class() -> None:
    # The image at 0 degrees is the farthest: from the ten nearest of the other eleven.
    farthest = np.mean(1 - np.cos(np.deg2rad(np.arange(1.0, 11.0))))
    usual = reference().usual
    assert 0.5 * farthest < usual[0] <= farthest + 1e-6
    assert usual[0] == pytest.approx(usual[1], abs=1e-5)
    assert usual[2] == -np.inf


def test_kin_do_not_vote() -> None:
    # Images of class 0 and the image in question are of one person: only class 1 is left to vote.
    kin = np.r_[np.zeros(12, dtype=int), 1 + np.arange(12)]
    found = reference(kin).looks_like(on_a_circle(np.array([5.0])), np.array([0]), np.array([0]))
    assert found.tolist() == [False]


def test_lengths_do_not_matter() -> None:
    long = 7 * on_a_circle(np.array([5.0]))
    assert reference().looks_like(long, np.array([0]), np.array([0])).tolist() == [True]
