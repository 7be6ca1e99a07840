from __future__ import annotations

from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pytest
from PIL import Image

from curate.comparison.pair import compare
from curate.comparison.parts import Part, compare_parts
from curate.comparison.scores import Predicted, Task
from curate.errors import ComparisonError
from curate.pipeline.comparing.page import check_file
from curate.pipeline.comparing.report import pair_report
from curate.report.comparison import MOST, Both, Changed, comparison_page
from curate.report.page import GENERATOR

NAMES = ("<script>alert(1)</script>", "a|b", "c")


@pytest.fixture(scope="module")
def made() -> tuple[dict[str, Any], Both]:
    """Before, every third image of the first class is taken for the second; after, none is."""
    labels = np.arange(90) % 3
    a, b = np.eye(3)[labels], np.eye(3)[labels]
    a[::9] = np.eye(3)[1]
    b[2] = np.eye(3)[1]
    task = Task(labels, NAMES, np.arange(90))
    pair = compare(task, Predicted("old", a), Predicted("new", b), np.random.default_rng(0))
    turned = Part("finding", "orientation: upside-down", np.arange(0, 90, 9), still_found=3)
    hard = Part("finding", "hard", np.arange(20), by_mistakes=True)
    one = {
        **pair_report(pair),
        "slices": compare_parts(task, pair.a, pair.b, [Part("age", "age 60", np.arange(9))]),
        "findings": compare_parts(task, pair.a, pair.b, [turned, hard]),
    }
    model = {
        "accuracy": 0.8, "accuracy_interval": [0.7, 0.9], "macro_f1": 0.8,
        "macro_f1_interval": [0.7, 0.9], "expected_calibration_error": 0.1,
    }  # fmt: skip
    report = {
        "runs": [{"name": "old", "run": "/runs/old"}, {"name": "new", "run": "/runs/new"}],
        "classes": list(NAMES), "split": "test", "images": 90, "draws": 90,
        "matched": {"runs": {"old": {"images": 91, "not_shared": 1}}},
        "labels": {"text": "those of the first run", "differing": 0}, "notes": ["a note"],
        "models": [{"name": "old", **model}, {"name": "new", **model}], "comparisons": [one],
    }  # fmt: skip
    fixed = [Changed("/gone.png", NAMES[0], "a|b", NAMES[0], 0.1, 0.9, ("weak_slice",))]
    return report, Both(fixed, [], pair.confusion_a, pair.confusion_b)


COSTS = [{"model": "m", "parameters": "1", "speed": "2", "weights": "3"}] * 2


def words_of(html: str) -> str:
    """All text of a page; strict, so that it is also well-formed."""
    tree = html5lib.HTMLParser(strict=True).parse(html)
    for style in list(tree.iter("{http://www.w3.org/1999/xhtml}style")):
        style.clear()
    return " ".join(" ".join(tree.itertext()).split())


def test_the_page_says_what_became_better_worse_and_on_which_images(
    made: tuple[dict[str, Any], Both],
) -> None:
    html = comparison_page(made[0], [made[1]], COSTS)
    text = words_of(html)
    assert "new is better than old: accuracy +0.100" in text
    assert "10 images fixed, 1 broken" in text
    assert "Fixed: 1" in text and "Broken: 0" in text
    assert "before: a|b, p = 0.10 of <script>alert(1)</script>" in text
    assert "found before: weak slice" in text
    assert "picture not found" in text
    assert "Of 10 images with orientation: upside-down, 0 were right and 10 are right now." in text
    assert "not tested: the images were chosen by" in text
    assert "age 60" in text
    assert "1 of 91 images" in text and "a note." in text
    assert "<script" not in html


def test_every_change_lies_on_its_track(made: tuple[dict[str, Any], Both]) -> None:
    import re

    html = comparison_page(made[0], [made[1]], COSTS)
    spans = re.findall(r'class="span" style="left:([\d.-]+)%;width:([\d.-]+)%', html)
    assert len(spans) >= 4
    for left, width in spans:
        assert float(left) >= -0.1 and float(left) + float(width) <= 100.2


def test_pictures_are_in_the_file_and_a_long_gallery_says_how_much_it_leaves_out(
    made: tuple[dict[str, Any], Both], tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    report, both = made
    many = [Changed(str(tmp_path / "x.png"), "c", "a|b", "c", 0.1, 0.9)] * (MOST + 2)
    html = comparison_page(
        report, [Both([], many, both.confusion_a, both.confusion_b)], COSTS
    )  # fmt: skip
    assert html.count("data:image/webp;base64,") == MOST
    assert f"Shown are the first {MOST}" in html


def test_of_several_runs_each_has_sections_of_its_own(made: tuple[dict[str, Any], Both]) -> None:
    report, both = made
    two = {
        **report, "runs": [*report["runs"], {"name": "third", "run": "/runs/third"}],
        "comparisons": [*report["comparisons"], {**report["comparisons"][0], "b": "third"}],
    }  # fmt: skip
    html = comparison_page(two, [both, both], COSTS)
    assert "3 runs compared" in words_of(html)
    for anchor in ("fixed-1", "fixed-2", "confusion-2"):
        assert html.count(f'id="{anchor}"') == 1


def test_only_a_page_of_ours_is_replaced_and_only_when_asked(tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    assert check_file(page, overwrite=False) == page
    page.write_text("mine", "utf-8")
    with pytest.raises(ComparisonError, match="which curate did not write"):
        check_file(page, overwrite=True)
    page.write_text(f"<meta content='{GENERATOR}'>", "utf-8")
    assert check_file(page, overwrite=True) == page
    with pytest.raises(ComparisonError, match="--overwrite"):
        check_file(page, overwrite=False)
    with pytest.raises(ComparisonError, match=r"ends in \.html"):
        check_file(tmp_path / "x.pdf", overwrite=False)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ComparisonError, match="the directory"):
        check_file(tmp_path / "folder.html", overwrite=False)
