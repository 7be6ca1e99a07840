"""The parts of the belief in each cause, on numbers small enough to work out."""

from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.difficulty import (
    at_least,
    density_posterior,
    doubt_to_belief,
    low_quality,
    not_learnt,
    one_sided_z,
    posterior,
    strongest_other,
    usualness,
    weigh,
)


def test_doubt_to_belief_is_the_bound_of_sellke_bayarri_and_berger() -> None:
    found = doubt_to_belief(np.array([0.05, 0.01, 0.5, 1.0]))
    np.testing.assert_allclose(found, [0.4072, 0.1252, 1, 1], atol=1e-4)


def test_usualness_is_a_rank_in_the_class_asked_about() -> None:
    # Class 0 lies at 1..19 and 100 from itself, class 1 at 201..220; class 2 has no images.
    own = np.r_[np.arange(1.0, 20), 100, np.arange(201.0, 221)]
    labels = np.repeat([0, 1], 20)
    asked = np.array([[1.0, 100, 100], [100, 300, 100], [500, 220, 100]])
    found = usualness(own, labels, asked, np.array([0, 0, 1]))
    np.testing.assert_allclose(found[0], [1, 1, 0])
    # Of class 0 it is one of the 20 itself, to class 1 it is the 21st.
    np.testing.assert_allclose(found[1, 0], -np.e / 20 * np.log(1 / 20))
    np.testing.assert_allclose(found[1, 1], -np.e / 21 * np.log(1 / 21))
    np.testing.assert_allclose(found[2, 0], -np.e / 21 * np.log(1 / 21))


def test_at_least_counts_equals_and_the_value_itself_where_it_is_new() -> None:
    members = np.array([1.0, 2, 2, 3])
    found = at_least(members, np.array([2.0, 4, 4]), np.array([False, False, True]))
    np.testing.assert_allclose(found, [3 / 4, 0, 1 / 5])


def test_density_posterior_falls_with_a_power_of_the_distance() -> None:
    found = density_posterior(np.array([[0.1, 0.2], [0.0, 0.0]]), 2.0)
    np.testing.assert_allclose(found, [[0.8, 0.2], [0.5, 0.5]])


def test_posterior_is_the_geometric_mean_of_both_witnesses() -> None:
    found = posterior(np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]]))
    np.testing.assert_allclose(found, [[0.75, 0.25]])


def test_the_strongest_other_is_never_the_label() -> None:
    belief = np.array([[0.6, 0.1, 0.3], [0.0, 0.0, 0.0]])
    assert strongest_other(belief, np.array([0, 0])).tolist() == [2, 1]


def test_not_learnt_only_lowers_and_says_nothing_where_nothing_was_recorded() -> None:
    found = not_learnt(np.array([-3.0, np.nan, 0.0, 3.0]))
    # Places .5/3, 1.5/3 and 2.5/3 of three: the middle one is neutral, the worst is not raised.
    np.testing.assert_allclose(found, [1, 1, 1, (1 / 6) / (5 / 6)])


def test_one_sided_z_measures_each_side_by_its_own_spread() -> None:
    values = np.r_[np.linspace(-1, 0, 51)[:-1], 0, np.linspace(0, 100, 51)[1:]]
    low, high = one_sided_z(values, low=True), one_sided_z(values, low=False)
    np.testing.assert_allclose(low[0], 1 / 0.68, rtol=0.01)
    np.testing.assert_allclose(high[-1], 1 / 0.68, rtol=0.01)
    assert low[-1] == 0
    assert one_sided_z(np.ones(5), low=True).tolist() == [0] * 5


def test_low_quality_needs_a_far_tail() -> None:
    found = low_quality(np.array([[0.0, 0.0], [2.5, 0.0], [0.0, 5.0]]))
    assert found[0] == 0
    assert found[1] < 0.2
    assert found[2] > 0.95
    assert low_quality(np.zeros((3, 0))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("belief", "fits", "bad", "expected"),
    [
        ([0.1, 0.9, 0.0], 1, 0, {"mislabelled": 0.8, "ambiguous": 0.2}),
        ([0.4, 0.6, 0.0], 1, 0, {"mislabelled": 0.2, "ambiguous": 0.8}),
        ([0.2, 0.4, 0.4], 1, 0, {"mislabelled": 0.2, "ambiguous": 0.8}),
        ([0.9, 0.1, 0.0], 1, 0, {"boundary": 0.8, "ambiguous": 0.2}),
        ([0.9, 0.1, 0.0], 0, 0, {"boundary": 0.8, "ambiguous": 0.2}),
        ([0.0, 0.1, 0.0], 1, 0, {"mislabelled": 0.1, "rare": 0.9}),
        ([0.1, 0.9, 0.0], 0.25, 0, {"mislabelled": 0.2, "rare": 0.6, "ambiguous": 0.2}),
        ([0.1, 0.9, 0.0], 1, 0.9, {"low_quality": 0.9, "mislabelled": 0.08, "ambiguous": 0.02}),
    ],
)
def test_weigh_shares_out_all_belief(
    belief: list[float], fits: float, bad: float, expected: dict[str, float]
) -> None:
    causes = weigh(
        np.array([0]), np.array([belief]), np.array([1]), np.array([fits], dtype=float),
        np.array([np.nan]), np.array([bad], dtype=float),
    )  # fmt: skip
    for name, share in causes._asdict().items():
        assert share[0] == pytest.approx(expected.get(name, 0)), name


def test_weigh_gives_what_training_takes_from_a_wrong_label_to_the_rest() -> None:
    belief = np.tile([0.1, 0.9], (3, 1))
    causes = weigh(
        np.zeros(3, dtype=int), belief, np.ones(3, dtype=int), np.ones(3),
        np.array([0.0, 1, 2]), np.zeros(3),
    )  # fmt: skip
    np.testing.assert_allclose(causes.mislabelled, [0.8, 0.8, 0.8 * 0.2 / (0.8 * 0.2 + 0.2)])
    np.testing.assert_allclose(sum(causes), 1)
