import pandas as pd
import pytest

from curate.app.decisions import observed
from curate.app.marks import actions_of, mark, marks_of, shown_as
from curate.store.journal import Event

SAMPLES = pd.DataFrame(
    {
        "sample_id": ["a", "b", "c"],
        "filepath": ["/d/a.png", "/d/b.png", "/d/c.png"],
        "label": ["cat", "dog", None],
    }
)
CLASSES = ["cat", "dog"]


def said(**seen):
    found, problems = observed(SAMPLES, seen, CLASSES)
    assert not problems
    return {i: {action: tuple(one) for action, one in own.items()} for i, own in found.items()}


def problem(**seen):
    found, problems = observed(SAMPLES, seen, CLASSES)
    assert found == {}
    return " ".join(problems)


def test_tags_that_decide_are_read_and_others_are_not():
    assert said(
        a=(["train", "hard", "outlier"], "cat"), b=(["ok", "turn:rot90"], "dog"), c=([], None)
    ) == {
        "a": {"hard": ("", "app:tag")},
        "b": {"ok": ("", "app:tag"), "turn": ("rot90", "app:tag")},
        "c": {},
    }


def test_an_edited_label_and_a_first_label_are_relabels():
    assert said(a=([], "dog"), c=([], "cat")) == {
        "a": {"relabel": ("dog", "app:label")},
        "c": {"relabel": ("cat", "app:label")},
    }


@pytest.mark.parametrize("seen", [(["relabel:cat"], "cat"), ([], None), ([], "cat")])
def test_no_decision(seen):
    assert said(a=seen) == {"a": {}}


def test_tag_and_edit_that_agree_are_one_decision():
    assert said(a=(["relabel:dog"], "dog")) == {"a": {"relabel": ("dog", "app:label")}}


@pytest.mark.parametrize(
    "seen", [(["relabel:cat", "relabel:dog"], "dog"), (["relabel:cat"], "dog")]
)
def test_two_labels_for_one_image_name_it_and_the_cure(seen):
    said = problem(a=seen)
    assert "/d/a.png: cat and dog" in said
    assert "Take the wrong" in said


def test_an_unknown_class_names_the_image_and_the_classes():
    said = problem(b=(["relabel:bird"], "dog"))
    assert "classes 'cat', 'dog'" in said
    assert "/d/b.png: bird" in said
    assert "Take the tag" in said


@pytest.mark.parametrize("tags", [["turn:upside"], ["turn:rot90", "turn:vflip"]])
def test_a_turn_that_is_none_and_two_turns_are_named(tags):
    assert "Expected one turn an image, of identity, hflip" in problem(b=(tags, "dog"))


def test_one_image_that_is_not_understood_does_not_hide_the_others():
    found, problems = observed(
        SAMPLES, {"a": (["relabel:bird"], "cat"), "b": (["hard"], "dog")}, CLASSES
    )
    assert list(found) == ["b"]
    assert len(problems) == 1


def event(action, new, source="app:plugin"):
    return Event("", "", "a", action, None, new, "", source)


def test_words_of_decisions_there_and_back():
    decided = {"relabel": "a:b", "turn": "rot90", "hard": "", "exclude": ""}
    words = marks_of({action: event(action, value) for action, value in decided.items()})
    assert words == ["exclude", "hard", "relabel:a:b", "turn:rot90"]
    assert actions_of(words) == decided
    assert mark("hard", "") == "hard"


def test_a_new_label_shows_as_the_label_unless_it_was_given_as_a_tag():
    assert shown_as(event("relabel", "dog")) == (None, "dog")
    assert shown_as(event("relabel", "dog", "app:tag")) == ("relabel:dog", None)
    assert shown_as(event("hard", "")) == ("hard", None)
