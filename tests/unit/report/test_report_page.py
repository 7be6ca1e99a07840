from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import html5lib
import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from curate.board.opening import Board
from curate.pipeline.report import report_text
from curate.report.page import GENERATOR, Page, Section, fragment, page_html
from made_board import made_board
from made_report import EVIL, made_report_board

XHTML = "{http://www.w3.org/1999/xhtml}"


def parsed(html: str) -> Any:
    """The tree of a page; strict, so that it is also well-formed."""
    return html5lib.HTMLParser(strict=True).parse(html)


def elements(tree: Any, name: str) -> list[Any]:
    return list(tree.iter(XHTML + name))


def words(tree: Any) -> str:
    return " ".join("".join(tree.find(f"{XHTML}body").itertext()).split())


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return made_report_board(tmp_path_factory.mktemp("evil"))


@pytest.fixture(scope="module")
def html(board: Board) -> str:
    return report_text(board.run, "html")


@pytest.fixture(scope="module")
def tree(html: str) -> Any:
    return parsed(html)


def test_names_show_as_text_and_make_no_element(tree: Any) -> None:
    said = words(tree)
    for name in (*EVIL, "<b>kind</b>", "<i>data", "<u>model"):
        assert name in said
    # Data and program of the map, and plotly: no script of a name.
    assert [one.get("type") for one in elements(tree, "script")] == [
        "application/json", "text/plain", None,
    ]  # fmt: skip
    assert all(one.get("src", "").startswith("data:image/") for one in elements(tree, "img"))
    assert all(one.text is None for one in elements(tree, "i"))  # bars
    assert not elements(tree, "u")


def test_names_in_data_do_not_end_the_script_and_are_whole(tree: Any) -> None:
    data = json.loads(elements(tree, "script")[0].text)
    assert data["classes"] == list(EVIL)
    assert len(data["x"]) == len(data["label"]) == len(data["file"]) == 60
    assert [one["name"] for one in data["colourings"]][:2] == ["right or wrong", "class"]


def test_nothing_is_loaded_from_anywhere(tree: Any) -> None:
    addresses = [
        one.get(name)
        for one in tree.iter()
        for name in ("src", "href", "srcset", "poster", "action", "data")
        if one.get(name)
    ]
    assert addresses
    assert all(one.startswith(("#", "data:image/")) for one in addresses)
    style = "".join(one.text for one in elements(tree, "style"))
    assert "url(" not in style and "@import" not in style


def test_every_anchor_leads_somewhere_and_every_picture_has_words(tree: Any) -> None:
    ids = [one.get("id") for one in tree.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert {one.get("href")[1:] for one in elements(tree, "a")} <= set(ids)
    assert all(one.get("alt") for one in elements(tree, "img"))
    drawn = list(tree.iter("{http://www.w3.org/2000/svg}svg"))
    assert drawn and all(one.get("aria-label") for one in drawn)


def test_the_classes_come_weakest_first(tree: Any) -> None:
    shown = next(one for one in elements(tree, "div") if one.get("class") == "classes")
    said = [" ".join("".join(one.itertext()).split()) for one in shown]
    assert said[0].startswith(EVIL[1])
    f1 = [float(one.partition("F1 ")[2][:5]) for one in said]
    assert f1 == sorted(f1) and f1[0] < f1[-1]


def test_settings_are_told_also_a_seed_of_zero(tree: Any) -> None:
    made = next(one for one in elements(tree, "section") if one.get("id") == "made")
    rows = {"".join(one[0].itertext()): "".join(one[1].itertext()) for one in elements(made, "tr")}
    assert rows["seed"] == "0" and rows["model"] == "<u>model"
    assert "device" not in rows


def test_a_run_whose_images_are_gone_has_a_report(tmp_path: Path) -> None:
    moved = made_report_board(tmp_path, pictures=False)
    tree = parsed(report_text(moved.run, "html"))
    assert not elements(tree, "img")
    assert "picture not found" in words(tree)


def test_a_run_of_two_images_without_anything_else_has_a_report(tmp_path: Path) -> None:
    small = made_board(tmp_path / "run", [None, None], ["a", "a"], splits=["test", "test"])
    tree = parsed(report_text(small.run, "html"))
    said = words(tree)
    assert "No image has both a label and a prediction" in said
    assert {one.get("id") for one in elements(tree, "section")} == {
        "classes", "found", "distribution", "data", "made",
    }  # fmt: skip


def test_the_same_run_gives_the_same_bytes(board: Board, html: str) -> None:
    assert report_text(Board(board.run).run, "html") == html


def test_a_page_of_sections_says_who_wrote_it() -> None:
    html = page_html(
        Page("<a> & b", "below", (Section("one", "<T>", Markup("<p>body</p>"), "<sum>"),))
    )
    tree = parsed(html)
    assert GENERATOR in html[:1000]
    assert "".join(elements(tree, "h1")[0].itertext()) == "<a> & b"
    assert "".join(elements(tree, "h2")[0].itertext()) == "<T>"
    assert "<sum>" in words(tree)


def test_a_template_refuses_what_it_was_not_given() -> None:
    with pytest.raises(UndefinedError, match="how_good"):
        fragment("lead.html")
