from __future__ import annotations

import numpy as np

from curate.comparison.matching import Images, match


def images(*pairs: str) -> Images:
    """Each "digest:path"."""
    split = [pair.split(":") for pair in pairs]
    return Images(
        np.array([digest for digest, _ in split]), np.array([path for _, path in split])
    )  # fmt: skip


def test_content_says_which_image_it_is_wherever_it_lies() -> None:
    found = match([images("x:cat/1", "y:cat/2", "z:dog/1"), images("z:new/9", "x:cat/1")])
    assert found.rows.tolist() == [[0, 2], [1, 0]]
    assert [rows.tolist() for rows in found.alone] == [[1], []]
    assert found.same_path == 0


def test_copies_of_one_content_go_by_path_and_then_by_order() -> None:
    a = images("x:cat/1", "x:dog/1", "x:owl/3", "y:cat/2")
    b = images("y:cat/2", "x:dog/1", "x:new/1")
    found = match([a, b])
    pairs = dict(zip(*found.rows.tolist(), strict=True))
    assert pairs == {1: 1, 0: 2, 3: 0}
    assert [rows.tolist() for rows in found.spare] == [[2], []]
    assert all(not len(rows) for rows in found.alone)


def test_the_same_path_with_other_bytes_is_another_image() -> None:
    found = match([images("x:cat/1", "y:cat/2"), images("w:cat/1", "y:cat/2")])
    assert found.rows.tolist() == [[1], [1]]
    assert found.same_path == 1


def test_three_runs_share_what_all_have() -> None:
    a, b, c = images("x:1", "y:2", "z:3"), images("y:2", "z:3", "v:4"), images("z:3", "x:1", "y:2")
    found = match([a, b, c])
    assert found.rows.tolist() == [[1, 2], [0, 1], [2, 0]]
    assert [rows.tolist() for rows in found.alone] == [[0], [2], [1]]


def test_nothing_in_common() -> None:
    found = match([images("x:1"), images("y:1")])
    assert found.rows.shape == (2, 0)
    assert found.same_path == 1
