from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from curate.board.opening import Board
from curate.report.as_json import as_json
from curate.report.facts import facts
from curate.report.markdown import LIMIT, REST, markdown
from curate.report.markdown_text import code, escaped, table
from made_board import made_board

ODD = [
    "<script>alert(1)</script>",
    "a|b",
    "**bold** _x_ `c`",
    "# 1",
    "- x",
    "1. x",
    "&lt;",
    "[a](b)",
]


def rendered(text: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def texts(text: str) -> list[str]:
    """All text of a document as a reader sees it."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    return [
        "".join(one.content for one in token.children or [] if one.type in ("text", "text_special"))
        .replace("\u200b", "")
        for token in tokens
        if token.type == "inline"
    ]  # fmt: skip


@pytest.fixture
def board(tmp_path: Path) -> Board:
    labels = ["<script>", "a|b", "c"] * 40
    predicted = ["a|b" if i % 3 == 0 and i % 2 else one for i, one in enumerate(labels)]
    scores = {"accuracy": 0.8, "accuracy_interval": [0.7, 0.9], "macro_f1": None}
    board = made_board(
        tmp_path, labels, predicted, splits=["train"] * 60 + ["test"] * 60, data="/images",
        metrics={"test": scores}, flagged={"label_error": [2, 7], "hard": []},
        columns={"tier": ["easy"] * 60 + [None] * 60}, counts={"problems": 1, "images": 121},
        stages={"embed": {"seconds": 1.5}}, seed=3, versions={"curate": "0.1.0"},
        skipped_detectors={"outlier": "needs embeddings"},
        detectors={"label_error": {"precision": 0.9, "precision_interval": [0.8, 1.0],
                                   "noise_rate": 0.1, "noise_rate_interval": [0.0, 0.2],
                                   "flagged": 2}},
    )  # fmt: skip
    problem = {"filepath": "/images/x.png", "split": "train", "label": "c", "problem": "empty",
               "detail": "no bytes"}  # fmt: skip
    board.run.write_table("problems", pd.DataFrame([problem]))
    return board


def test_the_facts_are_json_with_intervals_reasons_and_how_it_was_made(board: Board) -> None:
    document = as_json(board)
    found = json.loads(document)
    assert found == facts(board)
    assert (found["format"], found["schema_version"], found["seed"]) == ("curate.report", 1, 3)
    assert found["counts"]["images"] == 121
    assert found["splits"][1] == {
        "split": "test", "images": 60, "unlabelled": 0, "accuracy": 0.8,
        "accuracy_interval": [0.7, 0.9], "macro_f1": None, "macro_f1_interval": None,
        "balanced_accuracy": None, "expected_calibration_error": None,
    }  # fmt: skip
    assert [row["class"] for row in found["per_class"]["test"]] == ["<script>", "a|b", "c"]
    assert found["pairs"]["test"][0]["a_as_b"] == 10
    errors, hard = found["findings"]
    assert (errors["kind"], errors["flagged"], errors["precision"]) == ("label_error", 2, 0.9)
    assert errors["says"] == [
        "about 10.0% [0.0%, 20.0%] of the labels are wrong; of the 2 flagged, 90% [80%, 100%] are "
        "expected to be"
    ]
    assert [(one["sample_id"], one["label"], one["reason"]) for one in errors["worst"]] == [
        ("s2", "c", "label_error here"), ("s7", "a|b", "label_error here"),
    ]  # fmt: skip
    assert hard["worst"] == []
    assert found["skipped"] == {"outlier": "needs embeddings"}
    assert found["tiers"]["totals"]["easy"] == 60
    assert found["problems"]["first"][0]["problem"] == "empty"
    assert found["seconds"] == {"embed": 1.5}
    assert found["headline"]["what_first"][0]["command"] == f"curate app {board.run.path}"


def test_a_comment_shows_a_class_called_script_as_text(board: Board) -> None:
    text = markdown(board)
    html = rendered(text)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    seen = texts(text)
    assert {"<script>", "a|b", "c"} <= set(seen)  # cells of their own: no bar of a name parts one
    assert f"curate app {board.run.path}" in html
    assert "1 file could not be used" in text
    assert "2 flagged" not in text  # the table says it
    assert not text.count("/images/")  # a path below the data is enough


@pytest.mark.parametrize("name", [*ODD, "a\nb\x1b", "@octocat", "#12", "http://a.b", ":bug:"])
def test_a_name_is_shown_as_it_is_written(name: str) -> None:
    plain = " ".join(name.replace("\n", " ").replace("\x1b", " ").split())
    assert texts(f"- {escaped(name)}") == [plain]
    assert texts(table(("head",), [(name,)])) == ["head", plain]
    for link in ("@octocat", "#12", "http://", ":bug:"):
        assert link not in escaped(name)


def test_code_holds_backticks() -> None:
    assert rendered(code("a `b` c")) == "<p><code>a `b` c</code></p>\n"
    assert rendered(code("`b")) == "<p><code>`b</code></p>\n"


def test_a_comment_is_never_longer_than_github_takes(tmp_path: Path) -> None:
    notes = ["#" * 5000] * 200
    board = made_board(tmp_path, ["a", "b"], ["a", "b"], first_notes=notes)
    text = markdown(board)
    assert len(text) <= LIMIT
    assert text.endswith(REST + "\n")
