from __future__ import annotations

import numpy as np

from curate.numerics.balanced import balanced_sample, in_turns


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_classes_take_turns_until_they_have_no_more() -> None:
    labels = np.array([0] * 10 + [1] * 3 + [2] * 10)
    chosen = balanced_sample(labels, 12, rng())
    assert np.bincount(labels[chosen]).tolist() == [5, 3, 4]
    assert len(set(chosen.tolist())) == 12


def test_the_first_of_a_larger_sample_are_the_smaller_one() -> None:
    labels = np.arange(50) % 4
    assert (
        balanced_sample(labels, 40, rng())[:12].tolist()
        == balanced_sample(labels, 12, rng()).tolist()
    )


def test_within_a_class_everyone_gives_one_image_before_anyone_gives_two() -> None:
    labels = np.zeros(12, dtype=int)
    groups = np.array(["ada"] * 8 + ["bob"] * 2 + ["", ""])
    chosen = balanced_sample(labels, 4, rng(), groups)
    assert sorted(groups[chosen]) == ["", "", "ada", "bob"]


def test_nothing_to_draw_from() -> None:
    assert balanced_sample(np.zeros(0, dtype=int), 5, rng()).tolist() == []


def test_the_images_of_a_class_go_to_the_turns_one_by_one() -> None:
    labels = np.tile([0, 1, 2], 8)
    turns = in_turns(labels, 4, 6)
    assert sorted(np.concatenate(turns).tolist()) == list(range(24))
    assert all(np.bincount(labels[turn]).tolist() == [2, 2, 2] for turn in turns)
    few = in_turns(labels[:5], 4, 6)
    assert all(sorted(turn.tolist()) == list(range(5)) for turn in few)
    most = in_turns(labels, 2, 20)
    assert all(len(set(turn.tolist())) == 20 for turn in most)
    assert set(np.concatenate(most).tolist()) == set(range(24))
