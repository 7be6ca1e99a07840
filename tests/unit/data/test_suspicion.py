"""Hundreds of made-up names of each kind: those that hold groups, and those that must not fire."""

import hashlib
import unicodedata
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.data.patterns import read_patterns
from curate.data.suspicion import Suspicion, suspect

CLASSES = ("cat", "dog", "horse")
Names = Callable[[str, int, np.random.Generator], Iterator[tuple[str, str]]]
"""Class, its number -> (path below the class folder, the true group) of its images."""


def digest(*parts: object) -> str:
    return hashlib.md5("/".join(map(str, parts)).encode()).hexdigest()


def look(
    names: Names, classes: tuple[str, ...] = CLASSES, seed: int = 0
) -> tuple[Suspicion | None, list[str], list[str]]:
    """Suspicion, paths and true groups; splits are made at random by image."""
    rng = np.random.default_rng(seed)
    rows = [(c, name, group) for at, c in enumerate(classes) for name, group in names(c, at, rng)]
    splits = rng.choice(["train", "val", "test"], size=len(rows), p=[0.7, 0.15, 0.15]).tolist()
    paths = [f"{s}/{label}/{name}" for s, (label, name, _) in zip(splits, rows, strict=True)]
    found = suspect(paths, [label for label, _, _ in rows], splits)
    return found, paths, [group for _, _, group in rows]


def groups(count: int, low: int, high: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """(group, member from 1) of `count` groups of `low` to `high` images."""
    for group in range(1, count + 1):
        for member in range(1, int(rng.integers(low, high + 1)) + 1):
            yield group, member


HOLDING: dict[str, Names] = {}
PLAIN: dict[str, Names] = {}


def holding(names: Names) -> Names:
    HOLDING[names.__name__] = names
    return names


def plain(names: Names) -> Names:
    PLAIN[names.__name__] = names
    return names


@holding
def name_dash_number(label, at, rng):
    for g, m in groups(60, 1, 6, rng):
        yield f"{digest(label, g)[:10]}x-{m}.jpg", f"{label}{g}"


@holding
def sketches_of_a_photo(label, at, rng):
    for g, m in groups(80, 2, 8, rng):
        photo = 7919 * g % 20000
        yield f"n0{len(label)}{ord(label[0]) + g % 4}406_{photo}-{m}.png", f"{label}{g}"


@holding
def number_and_parentheses(label, at, rng):
    for g, m in groups(50, 1, 5, rng):
        yield f"{label.upper()}_{g:02d} ({m}).jpg", f"{label}{g}"


@holding
def persons_with_letters(label, at, rng):
    offset = 100 * at
    for g, m in groups(40, 2, 6, rng):
        yield f"person_{offset + g:03d}_{'abcdef'[m - 1]}.jpg", f"{offset + g}"


@holding
def persons_in_every_class(label, at, rng):
    for g, m in groups(60, 1, 3, rng):
        yield f"person_{g:02d}_{label}_{m}.jpg", f"{g}"


@holding
def persons_with_random_ends(label, at, rng):
    for g, m in groups(40, 3, 6, rng):
        yield f"{label}_subject{g:02d}_{digest(label, g, m)[:8]}.jpg", f"{label}{g}"


@holding
def numbers_with_words(label, at, rng):
    offset = 1000 * at
    words = ("front", "left_side", "right_side", "back_with_hat", "top")
    for g, m in groups(50, 2, 5, rng):
        yield f"IMG{offset + g:05d}_{words[m - 1]}.jpg", f"{offset + g}"


@holding
def names_of_people(label, at, rng):
    for g, m in groups(60, 1, 9, rng):
        name = "".join("abcdefghijklmnop"[int(c, 16)] for c in digest(label, g)[:7])
        yield f"{name.title()}_Smith_{m:04d}.jpg", f"{label}{g}"


@holding
def names_of_people_with_views(label, at, rng):
    for g, m in groups(60, 2, 3, rng):
        name = "".join("abcdefghijklmnop"[int(c, 16)] for c in digest(label, g)[:7])
        yield f"{name}-{('left', 'right', 'front')[m - 1]}.jpg", f"{label}{g}"


@holding
def folders_of_persons(label, at, rng):
    for g, m in groups(30, 2, 9, rng):
        yield f"{label}_{digest(label, g)[:6]}/{m:03d}.jpg", f"{label}{g}"


@holding
def folders_of_numbered_persons(label, at, rng):
    for g, m in groups(30, 2, 9, rng):
        yield f"{g}/{m}.jpg", f"{label}{g}"


@holding
def folders_of_persons_with_days(label, at, rng):
    for g, m in groups(30, 4, 9, rng):
        yield f"person_{label}_{g}/day_{1 + m % 3}/{m}.jpg", f"{label}{g}"


@holding
def copies_by_roboflow(label, at, rng):
    for g, m in groups(80, 1, 3, rng):
        yield f"{label}-{g:03d}_jpg.rf.{digest(label, g, m)}.jpg", f"{label}{g}"


@holding
def frames_of_videos(label, at, rng):
    offset = 100 * at
    for g, m in groups(8, 20, 90, rng):
        yield f"video{offset + g}_frame_{m:04d}.jpg", f"{offset + g}"


@holding
def few_frames_of_long_videos(label, at, rng):
    offset = 100 * at
    for g, _ in groups(20, 8, 12, rng):
        yield f"clip_{offset + g}_{rng.integers(90_000):05d}.jpg", f"{offset + g}"


@holding
def folders_of_frames(label, at, rng):
    for g, m in groups(6, 100, 200, rng):
        yield f"{label}_clip{g}/frame{m:03d}.png", f"{label}{g}"


@holding
def without_separators(label, at, rng):
    offset = 100 * at
    for g, m in groups(30, 3, 9, rng):
        yield f"video{offset + g}frame{m}.jpg", f"{offset + g}"


@holding
def letters_without_separators(label, at, rng):
    offset = 1000 * at
    for g, m in groups(60, 1, 5, rng):
        yield f"DSC{offset + g:04d}{'abcde'[m - 1]}.JPG", f"{offset + g}"


@holding
def unicode_names(label, at, rng):
    for g, m in groups(40, 2, 6, rng):
        yield f"{'张李王赵陈'[g % 5]}{chr(0x4E00 + 97 * g + len(label))}{m}.jpg", f"{label}{g}"


@holding
def accents(label, at, rng):
    for g, m in groups(40, 2, 6, rng):
        name = unicodedata.normalize("NFD", f"Zoé Müller {label}{g}")
        yield f"{name} ({m}).jpg", f"{label}{g}"


@holding
def half_of_another_source(label, at, rng):
    for g, m in groups(60, 1, 4, rng):
        yield f"makss{len(label)}{g:03d}_{m:02d}.jpg", f"{label}{g}"
    for number in range(200):
        yield f"{number + 200 * at:05d}_Mask_Mouth_Chin.jpg", f"{label}-{number}"


@plain
def class_and_counter(label, at, rng):
    for number in range(300):
        yield f"{label}_{number:03d}.jpg", ""


@plain
def class_and_counter_in_parentheses(label, at, rng):
    for number in range(300):
        yield f"{label} ({number}).jpg", ""


@plain
def class_dot_counter(label, at, rng):
    for number in range(300):
        yield f"{label}.{number}.jpg", ""


@plain
def class_and_counter_without_separator(label, at, rng):
    for number in range(300):
        yield f"{label}{number}.jpg", ""


@plain
def one_counter_for_all(label, at, rng):
    for number in range(300):
        yield f"img_{300 * at + number:05d}.jpg", ""


@plain
def counters_that_start_again_in_each_class(label, at, rng):
    for number in range(300):
        yield f"{number:04d}.png", ""


@plain
def counters_with_the_class_behind(label, at, rng):
    for number in range(300):
        yield f"{number:04d}_{label}.png", ""


@plain
def counters_with_the_class_behind_a_word(label, at, rng):
    for number in range(300):
        yield f"img{number:04d}_{label}.png", ""


@plain
def sketch_and_counter(label, at, rng):
    for number in range(50):
        yield f"sketch_{number}.JPEG", ""


@plain
def wordnet_and_number(label, at, rng):
    for number in rng.choice(20_000, 300, replace=False):
        yield f"n0{1440764 + at}_{number}.JPEG", ""


@plain
def several_wordnets_a_class(label, at, rng):
    for number in rng.choice(20_000, 300, replace=False):
        yield f"n0{2085620 + 1000 * at + 7 * (number % 12)}_{number}.JPEG", ""


@plain
def hashes(label, at, rng):
    for number in range(400):
        yield f"{digest(label, number)}.jpg", ""


@plain
def short_hashes(label, at, rng):
    for number in range(400):
        yield f"{digest(label, number)[:6]}.jpg", ""


@plain
def hexadecimal_counters(label, at, rng):
    for number in range(1000):
        yield f"{1000 * at + number:04x}.jpg", ""


@plain
def uuids(label, at, rng):
    for number in range(400):
        yield f"{uuid.UUID(digest(label, number))}.jpg", ""


@plain
def mixed_letters_and_digits(label, at, rng):
    letters = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"))
    for _ in range(400):
        yield f"{''.join(rng.choice(letters, 11))}.jpg", ""


@plain
def folders_of_hashes(label, at, rng):
    for number in range(400):
        name = digest(label, number)
        yield f"{name[:2]}/{name}.jpg", ""


@plain
def folders_of_a_thousand(label, at, rng):
    for number in range(1000):
        yield f"{number // 100:03d}/{number:05d}.jpg", ""


@plain
def few_subfolders(label, at, rng):
    for number in range(300):
        yield f"{('day', 'night')[number % 2]}/{number:05d}.jpg", ""


@plain
def days(label, at, rng):
    for number in range(300):
        yield f"{2015 + number // 100}-{1 + number % 12:02d}-{1 + number % 28:02d}.jpg", ""


@plain
def days_and_times(label, at, rng):
    for _ in range(300):
        h, m, s, day = rng.integers([24, 60, 60, 20])
        yield f"IMG_201905{day + 1:02d}_{h:02d}{m:02d}{s:02d}.jpg", ""


@plain
def screenshots(label, at, rng):
    for _ in range(300):
        h, m, s, day = rng.integers([24, 60, 60, 20])
        yield f"Screenshot 2021-05-{day + 1:02d} at {h:02d}.{m:02d}.{s:02d}.png", ""


@plain
def days_with_counters(label, at, rng):
    for number in range(300):
        yield f"IMG-201905{1 + number // 15:02d}-WA{number % 15:04d}.jpg", ""


@plain
def seconds_since_1970(label, at, rng):
    for _ in range(300):
        yield f"{1_600_000_000 + rng.integers(10_000_000)}.jpg", ""


@plain
def ages_and_times(label, at, rng):
    for _ in range(400):
        age, sex, race, time_of_day = rng.integers([100, 2, 5, 10**9])
        yield f"{age + 1}_{sex}_{race}_20170109{time_of_day:09d}.jpg", ""


@plain
def slices_of_one_counter(label, at, rng):
    for number in range(300):
        site = "".join("abcdefghij"[int(digit)] for digit in f"{(300 * at + number) // 30:04d}")
        yield f"site-{site}_{number:04d}.jpg", ""


@plain
def one_copy_each_by_roboflow(label, at, rng):
    for number in range(300):
        yield f"{label}-{number}_jpg.rf.{digest(label, number)}.jpg", ""


@plain
def a_constant_end(label, at, rng):
    for number in range(300):
        yield f"{300 * at + number:05d}_Mask_00.jpg", ""


@plain
def titles(label, at, rng):
    colours, things = ("red", "green", "blue", "old", "new"), ("toy", "photo", "picture", "art")
    for number in range(300):
        yield f"{colours[number % 5]}-{things[number % 4]}-{digest(label, number)[:5]}.jpg", ""


@plain
def a_year_of_the_dataset(label, at, rng):
    for number in rng.choice(500_000, 300, replace=False):
        yield f"COCO_train2014_{number:012d}.jpg", ""


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("names", HOLDING.values(), ids=HOLDING)
def test_names_that_hold_groups(names, seed):
    found, paths, truth = look(names, seed=seed)
    assert found is not None
    read = read_patterns(None, found.pattern).read(paths).groups
    # Images of one true group are found to be of one group, and of no other.
    shared = {g for g in truth if truth.count(g) > 1}
    pairs = {(t, r) for t, r in zip(truth, read, strict=True) if t in shared}
    assert len(pairs) == len({t for t, _ in pairs}) == len({r for _, r in pairs})
    assert found.n_groups == len(shared)
    assert found.n_images == sum(t in shared for t in truth)
    assert found.share == found.n_images / len(paths)
    assert found.straddling.n_straddling > 0.3 * found.n_groups
    assert found.straddling.with_mate["test"] > 0.2


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("names", PLAIN.values(), ids=PLAIN)
def test_names_that_hold_none(names, seed):
    found, _, _ = look(names, seed=seed)
    assert found is None, found.sentence


@pytest.mark.parametrize("names", PLAIN.values(), ids=PLAIN)
def test_names_that_hold_none_in_many_classes(names):
    found, _, _ = look(names, tuple(f"{animal}{x}" for animal in CLASSES for x in "abcd"))
    assert found is None, found.sentence


def test_what_is_said():
    letters = {1: "abc", 2: "ab", 3: "ab", 4: "ab", 5: "abc", 6: "a"}
    names = {
        label: [f"{label}/person_{at}{g}_{c}.jpg" for g, cs in letters.items() for c in cs]
        for at, label in enumerate(("mask", "none"))
    }
    rows = [(label, path) for label, paths in names.items() for path in paths]
    splits = ["test" if path.endswith("_b.jpg") else "train" for _, path in rows]
    found = suspect([path for _, path in rows], [label for label, _ in rows], splits)
    assert found is not None
    assert (found.n_groups, found.n_images, found.share) == (10, 24, 24 / 26)
    assert found.examples == (
        "'person_01': person_01_a.jpg, person_01_b.jpg, ...",
        "'person_05': person_05_a.jpg, person_05_b.jpg, ...",
        "'person_11': person_11_a.jpg, person_11_b.jpg, ...",
    )
    assert (found.straddling.n_groups, found.straddling.n_straddling) == (10, 10)
    assert found.sentence.startswith(
        "File names look as if they held 10 groups of 24 images ('person_01': person_01_a.jpg, "
    )
    assert f"--group-pattern '{found.pattern}'. Then 10 of 10 groups straddle" in found.sentence


def test_nothing_is_said_of_splits_that_keep_groups_whole():
    paths = [f"cat/person_{g:02d}_{c}.jpg" for g in range(20) for c in "abc"]
    splits = [("train", "test")[g % 2] for g in range(20) for _ in "abc"]
    found = suspect(paths, ["cat"] * 60, splits)
    assert found is not None
    assert found.sentence.endswith(
        f"--group-pattern '{found.pattern}'. None of them has images in two splits."
    )


def test_numbers_that_start_again_in_each_class_have_the_class_in_the_key():
    paths = [f"{label}/{g}_{m}.jpg" for label in CLASSES for g in range(30) for m in range(1, 5)]
    found = suspect(paths, [path.split("/")[0] for path in paths], ["train"] * len(paths))
    assert found is not None
    assert found.n_groups == 90
    assert read_patterns(None, found.pattern).read(["train/cat/3_1.jpg"]).groups == ["cat/3"]


def test_numbers_that_start_again_in_each_split_say_nothing():
    """train/cat/3_1.jpg and test/cat/3_1.jpg cannot be one picture under one name."""
    paths = [f"cat/{g}_{m}.jpg" for g in range(30) for m in range(1, 5)]
    splits = ["train"] * len(paths) + ["test"] * len(paths)
    assert suspect(paths * 2, ["cat"] * 2 * len(paths), splits) is None


def test_persons_as_folders_with_classes_as_files():
    files = ["mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal"]
    rows = [(f"{g:06d}_male_White_{20 + g % 50}", file) for g in range(60) for file in files]
    found = suspect(
        [f"images/{person}/{file}.jpg" for person, file in rows],
        [file.rstrip("12345") for _, file in rows],
        ["train"] * len(rows),
    )
    assert found is not None
    assert found.pattern == r"(?P<group>[^/]+)/[^/]+$"
    assert (found.n_groups, found.share) == (60, 1.0)


def test_class_folders_are_no_groups_under_another_name_of_the_class():
    ids = {"tench": "n01440764", "goldfish": "n01443537", "shark": "n01484850"}
    rows = [(name, f"train/{ids[name]}/{n}.jpg") for name in ids for n in range(20)]
    labels = [label for label, _ in rows]
    assert suspect([path for _, path in rows], labels, ["train"] * len(rows)) is None


def test_unlabelled_images_may_hold_groups_too():
    paths = [f"test/person_{g:02d}_{c}.jpg" for g in range(20) for c in "abc"]
    found = suspect(paths, [None] * 60, ["test"] * 60)
    assert found is not None
    assert found.n_groups == 20


def test_no_names():
    assert suspect([], [], []) is None


@given(
    st.lists(
        st.tuples(
            st.text("aä/._- (1)29日", max_size=12), st.sampled_from(["a", "1", None]),
            st.sampled_from(["train", "test", ""]),
        )
    )
)  # fmt: skip
def test_any_names_can_be_looked_at(rows):
    found = suspect(*([row[i] for row in rows] for i in range(3)))
    assert found is None or found.n_groups >= 5
