from curate.app.names import default_dataset_name, tag_for


def test_the_name_says_which_run_and_differs_by_place(tmp_path):
    one = default_dataset_name(tmp_path / "a" / "My Run!")
    other = default_dataset_name(tmp_path / "b" / "My Run!")
    assert one.startswith("curate-my-run-")
    assert one != other
    assert one == default_dataset_name(tmp_path / "a" / "My Run!")


def test_a_directory_name_without_letters_still_gives_a_name(tmp_path):
    assert default_dataset_name(tmp_path / "???").startswith("curate-run-")


def test_words_that_belong_to_people_are_not_used_as_tags():
    assert tag_for("hard") == "model_hard"
    assert tag_for("orientation") == "orientation"
