from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate.board.why import Reason, address, why
from curate.errors import RunError
from made_board import made_board


@pytest.fixture
def board(tmp_path: Path):
    # s0 is labelled a and lies among the b: a planted error.
    return made_board(
        tmp_path / "run", ["a", "a", "a", "b", "b", None], ["b", "a", "a", "b", "b", "b"],
        flagged={"orientation": [0], "label_error": [0, 4], "hard": []},
        columns={"confidence": [0.9, 0.8, 0.8, 0.8, 0.8, np.nan],
                 "content_digest": list("abcdef")},
        arrays={
            "probs": np.array([[.1, .9], [.8, .2], [.8, .2], [.2, .8], [.2, .8], [.3, .7]], "f4"),
            "embeddings": np.array([[0, 1], [1, 0], [1, .2], [.1, 1], [.3, 1], [.2, 1]], "f4"),
            "cache/neighbor_indices": np.array([[3, 5, 4]] * 6),
        },
    )  # fmt: skip


def test_a_planted_error_between_its_own_class_and_the_other(board) -> None:
    found = why(board, "s0")
    assert (found.image.label, found.image.predicted, found.confidence) == ("a", "b", 0.9)
    assert [one.sample_id for one in found.own] == ["s2", "s1"]
    assert [one.sample_id for one in found.other] == ["s3", "s4"]
    assert found.other_name == "b"
    assert found.chances == (("b", pytest.approx(0.9)), ("a", pytest.approx(0.1)))
    assert dict(found.neighbours) == {"b": 2, "no label": 1}
    assert [one.kind for one in found.reasons] == ["label_error", "orientation"]
    assert found.reasons[0] == Reason("label_error", "label_error here")


def test_an_image_that_stands_wrong_brings_its_turn(board) -> None:
    board.findings["orientation"].loc["s0", "suggestion"] = "rot180"
    assert why(board, "s0").turn == "rot180"
    assert why(board, "s1").turn == ""


def test_an_image_without_a_label_has_none_of_its_own(board) -> None:
    found = why(board, "s5")
    assert (found.image.label, found.confidence, found.own) == ("", None, ())
    assert [one.sample_id for one in found.other] == ["s4", "s3"]  # by angle
    assert found.reasons == ()


def test_a_run_without_arrays_still_says_what_it_knows(tmp_path: Path) -> None:
    bare = made_board(tmp_path / "bare", ["a"], ["a"], columns={"confidence": [0.5]})
    found = why(bare, "s0")
    assert (found.own, found.other, found.chances, found.neighbours) == ((), (), (), ())


def test_an_image_that_is_not_in_the_run_is_told(board) -> None:
    with pytest.raises(RunError, match="Expected an image of"):
        why(board, "gone")


def test_addresses_survive_any_file_name() -> None:
    assert address("/a b/ü&#?.png") == "/media?filepath=%2Fa%20b%2F%C3%BC%26%23%3F.png"
