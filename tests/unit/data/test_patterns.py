import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.data.patterns import read_patterns
from curate.errors import DataError

MASK_LABEL = r"(?P<label>mask|incorrect_mask|normal)\d*\."
MASK_GROUP = r"(?P<group>\d+)_(?P<gender>[a-z]+)_(?P<race>\w+?)_(?P<age>\d+)/"


def test_persons_as_folders_and_classes_as_files():
    paths = [
        "000001_female_Asian_45/mask1.jpg",
        "000001_female_Asian_45/incorrect_mask.jpg",
        "000001_female_Asian_45/normal.jpg",
        "train/images/006952_male_Middle_Eastern_18/mask5.png",
    ]
    read = read_patterns(MASK_LABEL, MASK_GROUP).read(paths)
    assert read.labels == ["mask", "incorrect_mask", "normal", "mask"]
    assert read.groups == ["000001", "000001", "000001", "006952"]
    assert read.splits is None
    assert read.metadata.to_dict("list") == {
        "gender": ["female", "female", "female", "male"],
        "race": ["Asian", "Asian", "Asian", "Middle_Eastern"],
        "age": ["45", "45", "45", "18"],
    }
    assert read.unmatched_label.tolist() == read.unmatched_group.tolist() == []


@pytest.mark.parametrize("order", ["mask|incorrect_mask", "incorrect_mask|mask"])
def test_the_leftmost_match_wins_in_whatever_order_it_is_written(order):
    read = read_patterns(rf"(?P<label>{order})\.", None).read(
        ["a/incorrect_mask.jpg", "a/mask.jpg"]
    )
    assert read.labels == ["incorrect_mask", "mask"]


def test_alternatives_that_begin_at_the_same_place_do_have_an_order():
    pattern = r"(?P<label>mask|mask_worn_wrong)"
    assert read_patterns(pattern, None).read(["mask_worn_wrong.jpg"]).labels == ["mask"]


def test_a_class_of_parts_is_joined_in_the_order_of_the_pattern():
    pattern = r"_(?P<label_gender>male|female)_.*/(?P<label_state>mask|normal)"
    read = read_patterns(pattern, None).read(["1_female_x/mask1.jpg", "2_male_x/normal.jpg"])
    assert read.labels == ["female_mask", "male_normal"]
    assert read.metadata.shape == (2, 0)


def test_a_class_that_lacks_a_part_was_not_found():
    pattern = r"(?P<label_state>mask|normal)(?:_(?P<label_gender>male|female))?"
    read = read_patterns(pattern, None).read(["mask_male.jpg", "mask.jpg"])
    assert read.labels == ["mask_male", None]
    assert read.unmatched_label.tolist() == [1]


@pytest.mark.parametrize("path", ["/1.jpg", "  /1.jpg", "none"])
def test_an_empty_class_was_not_found(path):
    read = read_patterns(r"(?P<label>[a-z ]*)/", None).read(["cat/1.jpg", path])
    assert read.labels == ["cat", None]
    assert read.unmatched_label.tolist() == [1]


def test_without_a_label_pattern_there_are_no_labels():
    read = read_patterns(None, r"(?P<group>p\d)").read(["p1_a", "x"])
    assert read.labels is None
    assert read.groups == ["p1", ""]
    assert read.unmatched_label.tolist() == []
    assert read.unmatched_group.tolist() == [1]


def test_without_a_group_pattern_no_row_is_unmatched():
    read = read_patterns(r"(?P<label>cat)", None).read(["cat", "dog"])
    assert read.groups == ["", ""]
    assert read.unmatched_group.tolist() == []


def test_no_pattern_reads_nothing():
    read = read_patterns(None, None).read(["a", "b"])
    assert (read.labels, read.groups, read.splits) == (None, ["", ""], None)
    assert read.metadata.shape == (2, 0)


def test_no_path_is_read():
    read = read_patterns(MASK_LABEL, MASK_GROUP).read([])
    assert (read.labels, read.groups) == ([], [])
    assert list(read.metadata) == ["gender", "race", "age"]


def test_a_lone_group_without_a_name_is_the_group():
    assert read_patterns(None, r"person_(\d+)").read(["a/person_07_b.jpg"]).groups == ["07"]


def test_one_expression_may_be_enough():
    pattern = r"(?P<split>\w+)/(?P<group>\d+)/(?P<label>[a-z]+)(?P<shot>\d+)?"
    read = read_patterns(pattern, None).read(
        ["Train/7/cat1.jpg", "valid/7/dog.jpg", "testing/8/cat2"]
    )
    assert read.splits == ["train", "val", "test"]
    assert read.groups == ["7", "7", "8"]
    assert read.labels == ["cat", "dog", "cat"]
    assert read.metadata["shot"].tolist() == ["1", "", "2"]


def test_a_path_without_a_split_says_nothing():
    read = read_patterns(r"(?:(?P<split>train|test)/)?(?P<label>[a-z]+)_", None).read(
        ["train/cat_1", "cat_1"]
    )
    assert read.splits == ["train", ""]


def test_a_split_of_another_name_is_refused():
    patterns = read_patterns(r"(?P<split>\w+)/(?P<label>\w+)/", None)
    with pytest.raises(DataError, match=r"found 'holdout' \(in 'holdout/cat/1.jpg'\). Narrow"):
        patterns.read(["train/cat/1.jpg", "holdout/cat/1.jpg"])


def test_both_forms_of_an_accent_are_one():
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    read = read_patterns(f"(?P<label>{decomposed})", None).read([composed, decomposed])
    assert read.labels == [composed, composed]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<label>cat", r"missing \), unterminated subpattern at character 1"),
        (r"(?P<label>cat)[", r"unterminated character set at character 15: '\['"),
        (r"(?P<label>a){99999999999999999999}", "the repetition number is too large"),
        (r"(?P<label>a)(?P<label>b)", "redefinition of group name 'label'"),
    ],
)
def test_what_does_not_compile_is_refused(pattern, message):
    with pytest.raises(DataError, match=message):
        read_patterns(pattern, None)


@pytest.mark.parametrize(
    ("label", "group", "message"),
    [
        (r"(cat|dog)", None, r"named group 'label'.*without named groups"),
        ("cat", None, r"without named groups. Write \(\?P<label>"),
        (r"(?P<class>cat)", None, r"with the named groups 'class'"),
        (r"(?P<labels>cat)", None, r"with the named groups 'labels'"),
        (None, r"(\d+)_(\d+)", r"named group 'group'.*without named groups"),
        (None, r"(?P<person>\d+)", r"with the named groups 'person'. Write \(\?P<group>"),
        (r"(?P<label>a)(?P<age>\d)", r"(?P<group>b)(?P<age>\d)", "found 'age' in both"),
        (r"(?P<label>a)(?P<group>\d)", r"(?P<group>b)", "found 'group' in both"),
    ],
)
def test_what_lacks_its_group_is_refused(label, group, message):
    with pytest.raises(DataError, match=message):
        read_patterns(label, group)


def test_nothing_found_is_explained_with_the_pattern_and_the_first_paths():
    paths = [f"cats/{number}.jpg" for number in range(7)]
    text = read_patterns(r"(?P<label>dog)", None).explain(paths)
    assert text == (
        "Expected --label-pattern '(?P<label>dog)' to find a class by (?P<label>...) in every path"
        ", found none in 7 of 7: 'cats/0.jpg', 'cats/1.jpg', 'cats/2.jpg', 'cats/3.jpg', "
        "'cats/4.jpg' and 2 more. It is searched in the path below DATA as written here. "
        "Correct the pattern."
    )


def test_each_pattern_is_explained_by_itself():
    patterns = read_patterns(r"(?P<label>cat)", r"p(\d)")
    assert patterns.explain(["cat_p1"]) == ""
    text = patterns.explain(["cat_p1", "cat", "p1", "x"])
    assert "--label-pattern '(?P<label>cat)'" in text
    assert "found none in 2 of 4: 'p1', 'x'" in text
    assert r"--group-pattern 'p(\d)'" in text
    assert "found none in 2 of 4: 'cat', 'x'" in text


NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs"), blacklist_characters="/"), min_size=1
).filter(lambda name: name.strip() == name)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES)))
def test_any_folder_names_come_back(rows):
    paths = ["/".join(row) + "/1.jpg" for row in rows]
    read = read_patterns(r"^(?P<group>[^/]+)/(?P<label>[^/]+)/(?P<place>[^/]+)/[^/]+$", None).read(
        paths
    )
    normal = [[unicodedata.normalize("NFC", part) for part in row] for row in rows]
    assert read.groups == [row[0] for row in normal]
    assert read.labels == [row[1] for row in normal]
    assert read.metadata["place"].tolist() == [row[2] for row in normal]
