import pytest

from curate.app.tags import merge_tags, persons_tags


@pytest.mark.parametrize(
    ("tags", "remembered", "wanted", "expected"),
    [
        pytest.param([], [], ["train"], ["train"], id="new"),
        pytest.param(
            ["train", "hard"], ["train"], ["train"], ["hard", "train"], id="person's stay"
        ),
        pytest.param(
            ["train"], ["train", "outlier"], ["train", "outlier"], ["train"], id="taken off"
        ),
        pytest.param(
            ["train", "outlier"], ["train", "outlier"], ["train"], ["train"], id="not found"
        ),
        pytest.param(["train", "mine"], ["train"], ["val"], ["mine", "val"], id="moved"),
    ],
)
def test_tool_tags_follow_the_run_and_persons_tags_stay(tags, remembered, wanted, expected):
    assert merge_tags(tags, remembered, wanted).tags == expected


def test_a_tag_taken_off_stays_off_at_the_third_publish():
    wanted = ["outlier", "train"]
    second = merge_tags(["train"], wanted, wanted)
    third = merge_tags(second.tags, second.remembered, wanted)
    assert third.tags == ["train"]


def test_a_tag_a_person_gave_first_stays_when_the_tool_wants_it_no_longer():
    second = merge_tags(["train", "outlier"], ["train"], ["train", "outlier"])
    third = merge_tags(second.tags, second.remembered, ["train"])
    assert third.tags == ["outlier", "train"]


def test_after_a_kill_between_the_two_writes_the_new_tag_is_the_tools_own():
    wanted = ["train", "outlier"]
    again = merge_tags(["train", "outlier", "mine"], ["train"], wanted, resumed=True)
    assert merge_tags(*again, ["train"]).tags == ["mine", "train"]


def test_persons_tags():
    assert persons_tags(["train", "hard"], ["train", "outlier"]) == {"hard"}
