"""A competition's sample file, filled: which column is what, and every way it can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.errors import ExportError
from curate.remedies.formats.submission import Numbering, Submission, fill, own_numberings

PATHS = ["/data/test/a.jpg", "/data/test/b.jpg", "/data/test/c.jpg"]
IDS = ["s1", "s2", "s3"]
CLASSES = ["cat", "dog", "owl"]
PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]])
"""a is a cat, b an owl, c a dog."""


def filled(tmp_path: Path, text: str, **options: object) -> Submission:
    sample = tmp_path / "sample.csv"
    sample.write_text(text, encoding="utf-8")
    given = {"paths": PATHS, "sample_ids": IDS, "probs": PROBS, "class_names": CLASSES, **options}
    return fill(sample, **given)


def test_names_in_the_order_of_the_sample(tmp_path):
    found = filled(tmp_path, "image,label\nc.jpg,cat\na.jpg,cat\nb.jpg,cat\n")
    assert found.text == "image,label\nc.jpg,dog\na.jpg,cat\nb.jpg,owl\n"
    assert found.about == {"rows": 3, "id_column": "image", "columns": ["label"],
                           "said": "the name of the predicted class"}  # fmt: skip


def test_numbers_and_ids_without_extension(tmp_path):
    found = filled(tmp_path, "id,ans\na,0\nb,0\nc,0\n")
    assert found.text == "id,ans\na,0\nb,2\nc,1\n"
    assert found.about["said"] == (
        "the number of the predicted class, from 0 for 'cat' in sorted order"
    )


def test_the_numbers_that_the_data_came_with_go_before_our_own(tmp_path):
    numbering = Numbering("target", {"cat": "10", "dog": "11", "owl": "12"})
    for text in ("ID,image_path,target\n0,a.jpg,\n1,b.jpg,\n2,c.jpg,\n",
                 "ID,image_path,target\n0,a.jpg,10\n1,b.jpg,10\n2,c.jpg,10\n"):  # fmt: skip
        found = filled(tmp_path, text, numberings=[numbering])
        assert found.text == "ID,image_path,target\n0,a.jpg,10\n1,b.jpg,12\n2,c.jpg,11\n"
        assert "the data's own column 'target'" in found.about["said"]
    # Also where the sample calls the column otherwise.
    found = filled(tmp_path, "image,pred\na.jpg,10\nb.jpg,10\nc.jpg,10\n", numberings=[numbering])
    assert found.text == "image,pred\na.jpg,10\nb.jpg,12\nc.jpg,11\n"


@pytest.mark.parametrize("style", ["{}", "class_{}", "p({})"])
def test_a_column_of_probabilities_for_each_class_in_any_order(tmp_path, style):
    names = [style.format(one) for one in ("owl", "cat", "dog")]
    found = filled(
        tmp_path, f"file,{','.join(names)}\n" + "".join(f"{x}.jpg,0,0,0\n" for x in "abc")
    )
    assert found.text.splitlines()[1] == "a.jpg,0.1,0.7,0.2"
    assert found.about["columns"] == [style.format(one) for one in CLASSES]


def test_columns_of_probabilities_by_number(tmp_path):
    found = filled(tmp_path, "id;p0;p1;p2\na;;;\nb;;;\nc;;;\n")
    assert found.text.splitlines() == [
        "id;p0;p1;p2", "a;0.7;0.2;0.1", "b;0.1;0.1;0.8", "c;0.25;0.5;0.25",
    ]  # fmt: skip


def test_one_column_of_two_classes_probability(tmp_path):
    found = filled(tmp_path, "id,y\na,0.5\nb,0.5\nc,0.5\n", class_names=["no", "yes"],
                   probs=np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]))  # fmt: skip
    assert found.text == "id,y\na,0.1\nb,0.8\nc,0.5\n"
    assert found.about["said"] == "the probability of 'yes'"


def test_other_columns_are_carried_with_their_quotes_and_commas(tmp_path):
    found = filled(
        tmp_path, 'place,image,note,target\n7,a.jpg,"x, y",cat\n8,b.jpg,z,cat\n9,c.jpg,,cat\n'
    )
    assert found.text == (
        'place,image,note,target\n7,a.jpg,"x, y",cat\n8,b.jpg,z,owl\n9,c.jpg,,dog\n'
    )


def test_paths_ids_and_composed_letters(tmp_path):
    paths = ["/data/test/x/ä.jpg", "/data/test/y/ä.jpg", "/data/test/y/b.jpg"]
    found = filled(tmp_path, "f,target\nx/a\u0308.jpg,cat\ns2,cat\ntest/y/b,cat\n", paths=paths)
    assert [line.split(",")[1] for line in found.text.splitlines()[1:]] == ["cat", "owl", "dog"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,y\na,cat\na,cat\nb,cat\nc,cat\n", "1 more than once: 'a'"),
        ("id,y\na,cat\nb,cat\n", r"1 left out: 'c\.jpg'"),
        ("id,y\na,cat\nb,cat\nc,cat\nd,cat\ne,cat\n", "2 of none: 'd', 'e'"),
        ("id,y\na,cat\na.jpg,cat\nb,cat\nc,cat\n", "2 that mean one image: 'a', 'a.jpg'"),
        ("id,y\nq,cat\nr,cat\ns,cat\n", "Expected a column with the names of the test images"),
        ("id\na\nb\nc\n", "at least two columns"),
        ("id,id\na,1\n", "different names"),
        ("id,y\na,cat\nb\nc,cat\n", "line 3"),
        ("id,y\na,\nb,\nc,\n", "found nothing. Write a class or a number there"),
        ("id,y\na,fish\nb,fish\nc,fish\n", "found 'fish'"),
        ("id,y\na,7\nb,7\nc,7\n", r"0 to 2\) in column 'y'"),
        ("id,cat,dog\na,0,0\nb,0,0\nc,0,0\n", "found none for 'owl'"),
        ("id,p,q\na,1,2\nb,3,4\nc,5,6\n", "found 'p', 'q', and no way to tell which"),
        ("", "0 columns"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(ExportError, match=message):
        filled(tmp_path, text)


def test_unreadable_test_images_are_told_as_such(tmp_path):
    with pytest.raises(ExportError, match=r"whose file cannot be read .*: 'd\.jpg'"):
        filled(tmp_path, "id,y\na,cat\nb,cat\nc,cat\nd.jpg,cat\n", unreadable=["/data/test/d.jpg"])


def test_a_name_of_several_images_is_refused(tmp_path):
    paths = ["/data/test/x/a.jpg", "/data/test/y/a.jpg", "/data/test/b.jpg"]
    with pytest.raises(ExportError, match="1 that may mean several: 'a'"):
        filled(tmp_path, "id,y\na,cat\nb,cat\n", paths=paths)


def test_a_sample_that_is_not_there(tmp_path):
    with pytest.raises(ExportError, match="Name the competition's own sample file"):
        fill(tmp_path / "none.csv", PATHS, IDS, PROBS, CLASSES)


def test_which_columns_number_the_classes():
    samples = pd.DataFrame(
        {
            "split": ["train", "train", "train", "test"],
            "label": ["cat", "dog", "cat", None],
            "target": [5, 3, 5, None],
            "age": [1, 2, 3, 4],
            "text": ["5", "3.0", "5", ""],
            "same": [1, 1, 1, 1],
        }
    )
    found = own_numberings(samples, ["target", "age", "text", "same"], ["cat", "dog"])
    assert [one.column for one in found] == ["target", "text"]
    assert found[0].of_class == {"cat": "5", "dog": "3"}
    assert own_numberings(samples, ["target"], ["cat", "dog", "owl"]) == []
