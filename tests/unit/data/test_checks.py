from __future__ import annotations

import pandas as pd

from curate.data.checks import byte_notes, class_notes, image_notes


def table(rows: list[tuple[str, str | None, str]], **columns: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["split", "label", "content_digest"])
    frame["filepath"] = [f"/data/{i}.png" for i in range(len(frame))]
    frame["animated"], frame["exif_orientation"] = False, 1
    return frame.assign(**columns)


def test_nothing_odd_is_nothing_said():
    rows = [(s, c, f"{s}{c}{i}") for s in ("train", "val") for c in "ab" for i in range(3)]
    frame = table(rows)
    assert class_notes(frame, []) + byte_notes(frame) + image_notes(frame) == []


def test_classes_empty_tiny_absent_and_doubled_by_case_are_named():
    frame = table(
        [("train", "Cat", "1"), ("train", "cat", "2"), ("train", "cat", "3"), ("val", "cat", "4"),
         ("train", "dog", "5"), ("train", "dog", "6"), ("test", None, "7")]
    )  # fmt: skip
    assert class_notes(frame, ["train/elk"]) == [
        "Class folders without a readable image: 'train/elk'.",
        "1 classes have one train image: 'Cat'.",
        "2 of 3 classes are not in val: 'Cat', 'dog'. Scores on val say nothing of them.",
        "Classes that differ in upper and lower case only: 'Cat / cat'. If they are one class, "
        "merge them.",
    ]


def test_equal_bytes_are_counted_and_conflicts_of_labels_named():
    frame = table(
        [("train", "a", "x"), ("test", "a", "x"), ("train", "a", "y"), ("train", "b", "y"),
         ("train", "b", "z"), ("test", None, "z")]
    )  # fmt: skip
    first, second = byte_notes(frame)
    assert first == (
        "6 files have the same bytes as another, in 3 groups, 2 of them across splits."
    )
    assert second.startswith("1 of these groups have different labels, such as '/data/2.png'")


def test_films_and_turned_pictures_are_counted():
    rows = [("train", "a", str(i)) for i in range(4)]
    notes = image_notes(
        table(rows, animated=[False, True, False, False], exif_orientation=[1, 1, 6, 3])
    )
    assert notes[0] == "1 images have several frames; only the first is read: '/data/1.png'."
    assert notes[1].startswith("2 images are stored turned or mirrored")
    assert notes[1].endswith("'/data/2.png', '/data/3.png'.")
