import pandas as pd
import pytest

from curate.data.roles import LABEL_NAMES, PATH_NAMES, find_roles, named, split_word, usual
from curate.data.source import Source


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("my-val_2", "val"), ("TEST", "test"), ("trainLabels", "train"),
        ("dev_set", "val"), ("train_test", ""), ("trainval", ""), ("mytrain", ""), ("", ""),
        ("val_validation", "val"),
    ],
)  # fmt: skip
def test_the_split_that_a_name_holds(name, split):
    assert split_word(name) == split


def test_usual_names_in_their_order_of_preference():
    columns = ["id", "Target Names", "CLASSES", "file-path", "notes", "categories", "labelled"]
    assert usual(columns, PATH_NAMES) == ["file-path", "id"]
    assert usual(columns, LABEL_NAMES) == ["CLASSES", "categories", "Target Names"]


def test_a_name_exactly_or_alike():
    assert named(["Person ID", "person_id"], "person_id") == "person_id"
    assert named(["a", "Person ID"], "person-id") == "Person ID"
    assert named(["persons"], "person") is None and named(["a"], None) is None


def test_every_column_has_a_role_or_is_left():
    table = pd.DataFrame({
        "n": ["1"], "Image": [" a.png"], "fold": ["Dev"], "class": ["cat"], "target": ["4"],
        "who": ["7.0"],
    })  # fmt: skip
    roles = find_roles(table, Source("x", group_column="who"), "m.csv")
    assert (roles.paths, roles.labels, roles.splits, roles.groups) == (
        [" a.png"], ["cat"], ["val"], ["7"],
    )  # fmt: skip
    assert (roles.label_column, roles.numbers) == ("class", ("target",))
    assert (roles.rest, roles.notes) == (("n", "target"), [])


def test_what_no_column_says_is_none():
    roles = find_roles(pd.DataFrame({"path": ["a.png"]}), Source("x"), "m.csv")
    assert (roles.labels, roles.splits, roles.groups) == ([None], None, None)
    assert (roles.label_column, roles.numbers, roles.rest) == (None, (), ())


@pytest.mark.parametrize("number", [3, 3.0, "3", "3.0"])
def test_numbers_name_classes_as_whole_ones(number):
    table = pd.DataFrame({"path": ["a.png"], "label": [number]})
    assert find_roles(table, Source("x"), "m.csv").labels == ["3"]
