from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curate.board.opening import Board
from curate.board.policy import policy_path
from curate.recipe.policy import Policy, Step, write_policy
from curate.report.facts import facts
from curate.report.headline import Headline, headline
from curate.report.markdown import markdown
from made_board import made_board

METRICS = {
    "accuracy": 0.9, "accuracy_interval": [0.8, 0.95],
    "macro_f1": 0.88, "macro_f1_interval": [0.8, 0.93],
}  # fmt: skip


def board_of(folder: Path, **more: Any) -> Board:
    """100 images each of a, b, c; of c a quarter is taken for b; the last hundred is test."""
    labels = ["a", "b", "c"] * 100
    predicted = ["b" if name == "c" and i % 4 == 0 else name for i, name in enumerate(labels)]
    splits = ["train"] * 200 + ["test"] * 100
    kept: dict[str, Any] = {"splits": splits, "metrics": {"test": METRICS}, **more}
    return made_board(folder, labels, predicted, **kept)


def said(found: Headline, part: str) -> list[str]:
    return [one.text for one in getattr(found, part)]


def test_scores_are_told_with_intervals_and_images(tmp_path: Path) -> None:
    found = headline(board_of(tmp_path, first_notes=["Names look like groups."]))
    assert said(found, "how_good") == [
        "test: accuracy 0.900 [0.800, 0.950], macro F1 0.880 [0.800, 0.930], on 100 images.",
        "Names look like groups.",
    ]


def test_copies_of_train_images_are_taken_out_of_the_accuracy(tmp_path: Path) -> None:
    scores = {
        "split": "test",
        "all": {"images": 100, "accuracy": 0.9, "interval": [0.8, 0.95]},
        "leaked": {"images": 1, "accuracy": 1.0, "interval": [0.2, 1.0]},
        "clean": {"images": 99, "accuracy": 0.89, "interval": [0.79, 0.94]},
    }
    leak = {"split_leak": {"flagged": 1, "scores": [scores]}}
    found = headline(board_of(tmp_path, detectors=leak, flagged={"split_leak": [299]}))
    assert said(found, "how_good") == [
        "test: accuracy 0.890 [0.790, 0.940] on 99 images, without 1 copy of train images; with "
        "them 0.900, and macro F1 0.880 [0.800, 0.930]."
    ]
    first = found.what_first[0]
    assert first.kind == "split_leak"
    assert first.text.startswith("Copies of images of an earlier split: 1 image. Accept that")
    assert first.command == f"curate app {tmp_path}"


def test_scores_of_images_trained_on_are_said_to_be_too_good(tmp_path: Path) -> None:
    inside = {"splits": ["test"], "why": "the checkpoint saw them"}
    found = headline(board_of(tmp_path, in_sample=inside))
    assert "too good: the checkpoint saw them" in said(found, "how_good")[1]


def test_the_class_that_is_surely_weaker_is_named_and_no_other(tmp_path: Path) -> None:
    found = said(headline(board_of(tmp_path)), "where_it_fails")
    assert found[0] == (
        "Class c is recognised in 75 % [66 %, 82 %] of its 100 images, the others in 100 % "
        "[98 %, 100 %]; most often it is taken for b (25 images)."
    )
    assert found[1].startswith("b and c are mixed up most: 0 and 25 images, 12.5 % [")
    assert len(found) == 2


def test_images_that_the_model_was_trained_on_do_not_make_a_class_look_weak(
    tmp_path: Path,
) -> None:
    board = board_of(tmp_path, in_sample={"splits": ["train", "test"], "why": "all"})
    assert said(headline(board), "where_it_fails")[0] == (
        "No class is surely recognised less often than the others."
    )


def test_what_brings_most_comes_first_and_what_is_judged_is_not_asked_again(
    tmp_path: Path,
) -> None:
    detectors = {
        "label_error": {
            "flagged": 10, "precision": 0.8, "precision_interval": [0.5, 1.0],
            "noise_rate": 0.03, "noise_rate_interval": [0.01, 0.05],
        },
        "imbalance": {"flagged": 0, "classes": [
            {"class": "c", "training_images": 9, "recall": 0.5, "recall_interval": [0.3, 0.7],
             "gain_of_doubling": 0.03, "gain_interval": [0.01, 0.05]},
        ]},
    }  # fmt: skip
    wrong = [i for i in range(200, 300) if i % 3 == 2 and i % 4 == 0]
    board = board_of(
        tmp_path, detectors=detectors, flagged={"label_error": wrong, "outlier": [0]}
    )  # fmt: skip
    board.findings["label_error"]["suggestion"] = "b"
    flip = Step("vertical_flip", 0.5, evidence={"expected_gain": {
        "expected": {"estimate": 0.04}, "corrected_interval": [0.01, 0.07],
    }})  # fmt: skip
    write_policy(Policy(stages=((), (flip,)), classes=("a", "b", "c")), policy_path(board.run))
    found = headline(board).what_first
    # 9 of 100 test images are told as suggested: .8 * 9 / 100; .04; .03 of a third of all images.
    assert [one.kind for one in found] == ["label_error", None, "imbalance", None]
    assert "accuracy there is 0.072 [0.045, 0.090] higher" in found[0].text
    assert "vertical flip: it is expected to bring +0.040 [+0.010, +0.070]" in found[1].text
    assert "twice as many may bring +0.030 [+0.010, +0.050]" in found[2].text
    assert found[3].command == f"curate export {tmp_path} --to exports/{tmp_path.name}"


def test_a_kind_whose_images_are_all_judged_is_done(tmp_path: Path) -> None:
    import pandas as pd

    board = board_of(tmp_path, flagged={"orientation": [3, 4]})
    assert "Turned, it seems: 2 images. Accept that finding in the App for those that are." in said(
        headline(board), "what_first"
    )
    decided = pd.DataFrame({
        "sample_id": ["s3", "s4"], "action": ["turn", "ok"], "value": ["rot180", ""],
        "source": "app", "finding": "orientation", "time": "2026-01-01T00:00:00Z",
    })  # fmt: skip
    board.run.write_table("decisions", decided)
    assert not [one for one in headline(Board(board.run)).what_first if one.kind == "orientation"]


@pytest.mark.parametrize("labels", [[], [None, None]])
def test_without_labels_that_is_said(tmp_path: Path, labels: list[None]) -> None:
    found = headline(made_board(tmp_path, labels, ["a"] * len(labels), classes=["a"]))
    assert said(found, "how_good") == [
        "No image has a label, so how good the model is cannot be known."
    ]
    assert found.what_first


def test_a_policy_that_cannot_be_read_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    board = board_of(tmp_path)
    policy_path(board.run).parent.mkdir()
    policy_path(board.run).write_text("{", "utf-8")
    told = headline(board).what_first[0]
    assert told.text.startswith("The policy cannot be used. Expected JSON in policy.json")
    assert told.command == f"curate policy {tmp_path}"
    assert facts(board)["policy"] is None
    assert "Expected JSON in policy.json" in facts(board)["notes"][-1]
    assert "The policy cannot be used" in markdown(board)
