from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.data.splitting import MIN_UNITS, make_split


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def names(n: int) -> list[str]:
    return [f"image_{number:06d}.jpg" for number in range(n)]


def single(labels: list[str], val: float = 0.15, test: float = 0.15, seed: int = 0):
    """Every image is a unit of its own."""
    return make_split(labels, np.arange(len(labels)), names(len(labels)), val, test, rng(seed))


def table(labels, split) -> dict[str, Counter]:
    return {
        label: Counter(s for s, other in zip(split.tolist(), labels, strict=True) if other == label)
        for label in sorted(set(labels))
    }


def test_every_class_is_divided_as_asked():
    labels = ["cat"] * 200 + ["dog"] * 100
    made = single(labels, val=0.1, test=0.2)
    assert table(labels, made.split) == {
        "cat": {"train": 140, "val": 20, "test": 40},
        "dog": {"train": 70, "val": 10, "test": 20},
    }
    assert made.notes == []


def test_remainders_add_up_to_the_share_of_all():
    """15 % of 10 images is 1 or 2: over 20 such classes 30 of 200, not 20 or 40."""
    labels = [f"class_{number % 20}" for number in range(200)]
    made = single(labels)
    assert Counter(made.split.tolist()) == {"train": 140, "val": 30, "test": 30}
    assert {counts["test"] for counts in table(labels, made.split).values()} == {1, 2}
    assert made.notes == []


def test_nothing_is_held_out_unasked():
    assert single(["a"] * 9, 0, 0).split.tolist() == ["train"] * 9
    assert set(single(["a"] * 9, 0.3, 0).split.tolist()) == {"train", "val"}
    assert set(single(["a"] * 9, 0, 0.3).split.tolist()) == {"train", "test"}


def test_no_images():
    made = single([])
    assert (made.split.tolist(), made.notes) == ([], [])


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (1, {"train": 1}),
        (2, {"train": 2}),
        (3, {"train": 1, "val": 1, "test": 1}),
        (4, {"train": 2, "val": 1, "test": 1}),
        (10, {"train": 8, "val": 1, "test": 1}),
    ],
)
def test_small_classes(images, expected):
    labels = ["small"] * images + ["large"] * 1000
    made = single(labels, 0.1, 0.1)
    assert table(labels, made.split)["small"] == expected


@pytest.mark.parametrize(("val", "test"), [(0.49, 0.5), (0, 0.95), (0.95, 0), (0.1, 0.85)])
@pytest.mark.parametrize("images", [2, 3, 4, 7])
def test_train_keeps_one_of_every_class_however_much_is_asked(images, val, test):
    made = single(["a"] * images + ["b"] * 40, val, test)
    counts = table(["a"] * images + ["b"] * 40, made.split)["a"]
    assert counts["train"] >= 1
    if images >= MIN_UNITS:
        assert (counts["val"] > 0, counts["test"] > 0) == (val > 0, test > 0)


def test_classes_too_small_to_hold_out_from_are_named():
    labels = ["a"] * 100 + ["b", "b", "c"]
    made = single(labels)
    assert made.notes == [
        "2 classes have too few images or groups to be in val: 'b', 'c'.",
        "2 classes have too few images or groups to be in test: 'b', 'c'.",
    ]


def test_a_share_that_was_missed_is_said():
    """Four persons of five images: 15 % would be three quarters of a person."""
    made = make_split(["a"] * 20, np.arange(20) // 5, names(20), 0.15, 0.15, rng())
    assert Counter(made.split.tolist()) == {"train": 10, "val": 5, "test": 5}
    assert made.notes == [
        "Whole groups and small classes did not allow the shares that were asked for: "
        "achieved 25.0 % val (asked 15.0 %) / 25.0 % test (asked 15.0 %)."
    ]


def test_one_group_that_holds_everything_cannot_be_divided():
    made = make_split(["a", "b"] * 10, np.zeros(20, int), names(20), 0.2, 0.2, rng())
    assert set(made.split.tolist()) == {"train"}
    assert made.notes[0] == "2 classes have too few images or groups to be in val: 'a', 'b'."
    assert "achieved 0.0 % val" in made.notes[-1]


def test_persons_with_images_of_every_class():
    """100 persons with seven images each: the classes are divided alike, no person is."""
    labels = ["mask"] * 5 + ["incorrect_mask", "normal"]
    units = np.repeat(np.arange(100), 7)
    made = make_split(labels * 100, units, names(700), 0.15, 0.15, rng())
    for counts in table(labels * 100, made.split).values():
        total = counts.total()
        assert (counts["val"] / total, counts["test"] / total) == (0.15, 0.15)
    assert len(set(zip(units.tolist(), made.split.tolist(), strict=True))) == 100


def test_large_units_do_not_all_round_up_alike():
    """100 classes of 11 persons with 5 images: 8.25 wanted, 5 or 10 possible, 10 is nearer."""
    labels = [f"class_{number // 55}" for number in range(5500)]
    made = make_split(labels, np.arange(5500) // 5, names(5500), 0.15, 0.15, rng())
    counts = table(labels, made.split).values()
    assert {c["test"] for c in counts} == {5, 10}
    assert sum(c["test"] for c in counts) == pytest.approx(825, abs=50)
    assert sum(c["val"] for c in counts) == pytest.approx(825, abs=50)


def test_a_unit_too_large_for_the_quota_is_passed_over_for_smaller_ones():
    units = np.repeat(np.arange(11), [500, *[10] * 10])
    for seed in range(5):
        made = make_split(["a"] * 600, units, names(600), 0.05, 0.05, rng(seed))
        assert Counter(made.split.tolist()) == {"train": 540, "val": 30, "test": 30}


def test_other_seeds_make_other_splits():
    labels = ["a"] * 100
    assert single(labels, seed=0).split.tolist() == single(labels, seed=0).split.tolist()
    assert single(labels, seed=0).split.tolist() != single(labels, seed=1).split.tolist()


def test_an_image_is_as_likely_held_out_wherever_its_name_sorts():
    held = np.mean([single(["a"] * 100, seed=s).split != "train" for s in range(300)], axis=0)
    # 0.3 with a standard error of 0.026: none of 100 lies six errors away.
    assert np.abs(held - 0.3).max() < 6 * np.sqrt(0.3 * 0.7 / 300)


@pytest.mark.parametrize("images_a_unit", [1, 4])
def test_adding_images_leaves_the_old_splits_nearly_as_they_were(images_a_unit):
    n = 10_000
    order = rng(1).permutation(n // images_a_unit)
    units = np.repeat(order, images_a_unit)
    labels = [f"class_{unit % 20}" for unit in units]
    keys = [f"{unit:05d}_{number}" for number, unit in enumerate(units)]
    old = np.flatnonzero(units >= len(order) // 100)
    before = make_split(
        [labels[i] for i in old], units[old], [keys[i] for i in old], 0.15, 0.15, rng()
    )
    after = make_split(labels, units, keys, 0.15, 0.15, rng())
    # At most one unit in each of 20 classes at each of two borders.
    assert (before.split != after.split[old]).sum() <= 20 * 2 * images_a_unit


@pytest.mark.parametrize(
    ("labels", "units", "keys"),
    [(["a"], [0, 1], ["x", "y"]), (["a", "b"], [0, 1], ["x"]), (["a", "b"], [0, 1], ["x", "x"])],
)
def test_rows_that_do_not_fit_are_refused(labels, units, keys):
    with pytest.raises(ValueError, match=r"Expected .* found"):
        make_split(labels, np.array(units), keys, 0.1, 0.1, rng())


def test_a_name_that_is_no_utf8_is_a_key():
    made = make_split(["a", "a"], np.arange(2), ["\udce4", "ä"], 0.5, 0, rng())
    assert sorted(made.split.tolist()) == ["train", "val"]


FRACTIONS = st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)).filter(lambda f: sum(f) < 1)
ROWS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 12)), max_size=60)


@given(ROWS, FRACTIONS, st.integers(0, 5))
def test_units_stay_whole_and_train_has_every_class(rows, fractions, seed):
    labels, units = [label for label, _ in rows], np.array([u for _, u in rows], dtype=int)
    split = make_split(labels, units, names(len(rows)), *fractions, rng(seed)).split
    assert len(split) == len(rows)
    assert set(split.tolist()) <= {"train", "val", "test"}
    assert len(set(zip(units.tolist(), split.tolist(), strict=True))) == len(set(units.tolist()))
    assert {label for label, s in zip(labels, split, strict=True) if s == "train"} == set(labels)
    for name, fraction in zip(("val", "test"), fractions, strict=True):
        if fraction == 0:
            assert name not in split


@given(ROWS, FRACTIONS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_numbers_of_units_do_not_matter(rows, fractions, random):
    labels, units = [label for label, _ in rows], np.array([u for _, u in rows], dtype=int)
    keys = names(len(rows))
    made = make_split(labels, units, keys, *fractions, rng())
    order = list(range(len(rows)))
    random.shuffle(order)
    again = make_split(
        [labels[i] for i in order],
        7 - 3 * units[order],
        [keys[i] for i in order],
        *fractions,
        rng(),
    )
    assert again.split.tolist() == made.split[order].tolist()
    assert again.notes == made.notes


@given(
    st.integers(1, 6), st.integers(20, 60), st.floats(0.1, 0.4), st.floats(0.1, 0.4),
    st.integers(0, 99),
)  # fmt: skip
def test_balanced_classes_are_divided_to_within_an_image(classes, images, val, test, seed):
    labels = [f"class_{number % classes}" for number in range(classes * images)]
    split = single(labels, val, test, seed).split
    for counts in table(labels, split).values():
        assert abs(counts["val"] - val * images) <= 1
        assert abs(counts["test"] - test * images) <= 1
    assert abs((split == "val").sum() - val * len(labels)) <= 1
    assert abs((split == "test").sum() - test * len(labels)) <= 1
