import pandas as pd
import pytest

from curate.app.decisions import read_decisions
from curate.app.samples import restored
from curate.errors import ExportError

SAMPLES = pd.DataFrame(
    {
        "sample_id": ["a", "b", "c"],
        "filepath": ["/d/a.png", "/d/b.png", "/d/c.png"],
        "label": ["cat", "dog", None],
    }
)
CLASSES = ["cat", "dog"]


def rows(**seen):
    table = read_decisions(SAMPLES, seen, CLASSES)
    return [tuple(row) for row in table.itertuples(index=False)]


def test_tags_that_decide_are_read_and_others_are_not():
    assert rows(a=(["train", "hard", "outlier"], "cat"), b=(["ok"], "dog")) == [
        ("a", "hard", "", "app:tag"),
        ("b", "ok", "", "app:tag"),
    ]


def test_what_wins_comes_first():
    assert [
        row[1] for row in rows(a=(["ok", "relabel:dog", "easy", "hard", "exclude"], "cat"))
    ] == [
        "exclude",
        "relabel",
        "hard",
        "easy",
        "ok",
    ]


def test_an_edited_label_and_a_first_label_are_relabels():
    assert rows(a=([], "dog"), c=([], "cat")) == [
        ("a", "relabel", "dog", "app:label"),
        ("c", "relabel", "cat", "app:label"),
    ]


@pytest.mark.parametrize("seen", [(["relabel:cat"], "cat"), ([], None), ([], "cat")])
def test_no_decision(seen):
    assert rows(a=seen) == []


def test_tag_and_edit_that_agree_are_one_decision():
    assert len(rows(a=(["relabel:dog"], "dog"))) == 1


@pytest.mark.parametrize(
    "seen", [(["relabel:cat", "relabel:dog"], "dog"), (["relabel:cat"], "dog")]
)
def test_two_labels_for_one_image_name_it_and_the_cure(seen):
    with pytest.raises(ExportError, match=r"/d/a\.png: cat and dog.*Take the wrong"):
        rows(a=seen)


def test_an_unknown_class_names_the_image_and_the_classes():
    with pytest.raises(ExportError, match=r"classes 'cat', 'dog'.*/d/b\.png: bird.*Take the tag"):
        rows(b=(["relabel:bird"], "dog"))


def test_restored_is_the_inverse_of_reading():
    seen = {"a": (["hard", "relabel:dog"], "cat"), "b": (["exclude"], "cat")}
    table = read_decisions(SAMPLES, seen, CLASSES)
    back = restored(table)
    assert back["a"].tags == {"hard", "relabel:dog"}
    assert back["a"].label is None
    assert back["b"].tags == {"exclude"}
    assert back["b"].label == "cat"
