from __future__ import annotations

import pandas as pd
import pytest

from curate.errors import ModelError
from curate.inference.row_ids import match_ids

PATHS = ("/d/birds/train/cat/1.png", "/d/birds/train/dog/1.png", "/d/birds/val/cat/2.png",
         "/d/birds/val/dog/Grün.jpg")  # fmt: skip


def catalog(paths=PATHS) -> pd.DataFrame:
    return pd.DataFrame({"sample_id": [f"id{i}" for i in range(len(paths))], "filepath": paths})


@pytest.mark.parametrize(
    ("ids", "rows", "by"),
    [
        (["id2", "id0"], [2, 0], "sample_id"),
        (["id2", "id9", "id0"], [2, -1, 0], "sample_id"),
        ([PATHS[3], PATHS[0]], [3, 0], "path"),
        (["2.png", "Grün.jpg"], [2, 3], "end of the path"),
        (["Gru\u0308n.jpg"], [3], "end of the path"),
        (["cat/1.png", "dog/1.png"], [0, 1], "end of the path"),
        (["./train/cat/1.png", "val\\cat\\2.png"], [0, 2], "end of the path"),
        (["C:\\x\\train\\cat\\1.png"], [0], "path below another root"),
        (["/mnt/x/val/cat/2.png", "/mnt/x/train/dog/1.png"], [2, 1], "path below another root"),
        (["val/cat/2", "train/cat/1"], [2, 0], "end of the path without extension"),
        (["2", "Grün"], [2, 3], "end of the path without extension"),
    ],
)
def test_ids_are_read_in_many_ways(ids, rows, by) -> None:
    found = match_ids(ids, catalog(), "p.csv")
    assert found.rows.tolist() == rows
    assert found.by == by


def test_numbers_of_one_split_are_not_taken_for_those_of_another() -> None:
    train = catalog(PATHS[:2])
    with pytest.raises(ModelError, match="2 of 2 that name none"):
        match_ids(["/mnt/x/val/cat/1.png", "/mnt/x/val/dog/1.png"], train, "p.csv")
    found = match_ids(["/mnt/x/train/cat/1.png"], train, "p.csv")
    assert found.rows.tolist() == [0]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["id1", "id1", "id0"], "one row an image in p.csv, found 1 ids more than once: 'id1'"),
        (["1.png", "2.png"], "that name one image each, found 1 that may mean several: '1.png'"),
        (["2.png", "./2.png"], "one row an image in p.csv, found '2.png', './2.png' for /d/birds"),
        (["id0", "x", "y"], r"found 2 of 3 that name none: 'x', 'y'\. .*such as '/d/birds/train"),
        (["8", "9"], "2 of 2 that name none"),
    ],
)
def test_ids_that_do_not_fit_are_said(ids, message) -> None:
    with pytest.raises(ModelError, match=message):
        match_ids(ids, catalog(), "p.csv")


def test_a_file_that_is_in_the_catalog_twice_needs_its_sample_id() -> None:
    twice = catalog((PATHS[0], PATHS[0]))
    with pytest.raises(ModelError, match="may mean several"):
        match_ids([PATHS[0]], twice, "p.csv")
    assert match_ids(["id1"], twice, "p.csv").rows.tolist() == [1]
