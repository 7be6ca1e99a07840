import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.data.straddling import ADVICE, straddling


def rows(*counts: tuple[str, str, int]) -> tuple[list[str], list[str]]:
    """(group, split, images) -> groups and splits."""
    groups = [group for group, _, n in counts for _ in range(n)]
    splits = [split for _, split, n in counts for _ in range(n)]
    return groups, splits


def test_counts_shares_and_examples():
    found = straddling(
        *rows(
            ("person_07", "train", 5), ("person_07", "test", 2),
            ("person_02", "train", 1), ("person_02", "val", 1), ("person_02", "test", 1),
            ("person_03", "train", 4),
            ("person_04", "test", 1),
            ("", "train", 9), ("", "test", 4),
        )
    )  # fmt: skip
    assert (found.n_groups, found.n_shared, found.n_straddling) == (4, 3, 2)
    assert found.images == {"train": 6, "val": 1, "test": 3}
    assert found.with_mate == {"val": 1.0, "test": 3 / 8}
    assert found.examples == (
        "'person_07': 5 train, 2 test",
        "'person_02': 1 train, 1 val, 1 test",
    )
    assert found.sentence == (
        "2 of 4 groups straddle splits: 100 % of the val images and 38 % of the test images have a "
        "group mate in train ('person_07': 5 train, 2 test; 'person_02': 1 train, 1 val, 1 test). "
        f"Scores on them are too high. {ADVICE}"
    )


def test_nothing_straddles():
    found = straddling(*rows(("a", "train", 3), ("b", "test", 2), ("", "train", 1)))
    assert (found.n_groups, found.n_shared, found.n_straddling) == (2, 2, 0)
    assert found.images == {"train": 0, "test": 0}
    assert found.with_mate == {"test": 0.0}
    assert found.sentence == "Groups: 2, none with images in two splits."


def test_five_examples_the_largest_first():
    counts = [(f"g{n}", split, n) for n in range(1, 8) for split in ("train", "val")]
    found = straddling(*rows(*counts))
    assert [example[:4] for example in found.examples] == ["'g7'", "'g6'", "'g5'", "'g4'", "'g3'"]
    assert "'g3': 3 train, 3 val; ...)" in found.sentence


def test_groups_across_val_and_test_only():
    found = straddling(*rows(("a", "val", 1), ("a", "test", 1), ("b", "train", 1)))
    assert found.with_mate == {"val": 0.0, "test": 0.0}
    assert found.sentence == (
        "1 of 2 groups straddle splits: none with train ('a': 1 val, 1 test). "
        f"Scores on one split are no independent check of the other. {ADVICE}"
    )


def test_the_only_group():
    found = straddling(*rows(("a", "train", 1), ("a", "test", 1)))
    assert found.sentence.startswith("1 of 1 groups straddle splits: 100 % of the test images")


@pytest.mark.parametrize(
    ("mates", "said"), [(1, "under 1 %"), (500, "50 %"), (999, "over 99 %"), (1000, "100 %")]
)
def test_no_share_is_rounded_to_none_or_all(mates, said):
    found = straddling(
        *rows(("a", "train", 1), ("a", "test", mates), ("b", "test", 1000 - mates), ("c", "val", 1))
    )
    assert f": {said} of the test images" in found.sentence


def test_images_without_a_split_straddle_nothing():
    found = straddling(*rows(("a", "train", 1), ("a", "", 1)))
    assert (found.n_groups, found.n_shared, found.n_straddling) == (1, 1, 0)
    assert found.images == {"train": 0}


@pytest.mark.parametrize("given_rows", [[], [("", "train", 3)], [("", "", 3)]])
def test_no_groups(given_rows):
    found = straddling(*rows(*given_rows))
    assert (found.n_groups, found.n_shared, found.n_straddling) == (0, 0, 0)
    assert found.examples == ()


@given(
    st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["train", "test"]))),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(pairs, random):
    before = straddling([g for g, _ in pairs], [s for _, s in pairs])
    random.shuffle(pairs)
    assert straddling([g for g, _ in pairs], [s for _, s in pairs]) == before
    across = {g for g, s in pairs if g and (g, "train") in pairs and (g, "test") in pairs}
    assert before.n_straddling == len(across)
