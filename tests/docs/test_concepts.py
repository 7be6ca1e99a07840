"""Every score that the tool shows is explained: formula, source, range, and what it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_blocks import ROOT

from curate.data.statistics import SHOWN
from curate.detectors.registry import DETECTORS
from curate.numerics.scores import COLUMNS
from curate.recipe.schedule import PRESETS
from curate.store.schema import DYNAMICS

PAGES = sorted((ROOT / "docs" / "concepts").glob("*.md"))
SAID = ("*Formula.*", "*Source.*", "*Range.*", "*It is not*", "*It fools you when*")
TABLES = ("Presets",)
"""Sections that are a table of names with their sources, and no score."""


def sections(page: Path) -> dict[str, str]:
    """What stands below each heading of a page."""
    parts = re.split(r"^#{2,3} (.+)$", page.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.stem != "index"], ids=lambda page: page.stem
)
def test_every_score_has_all_that_a_score_needs(page: Path) -> None:
    for heading, text in sections(page).items():
        missing = [one for one in SAID if one not in text and heading not in TABLES]
        assert not missing, f"{page.name}, {heading}: missing {missing}"


def test_every_kind_has_a_section() -> None:
    headings = {heading for page in PAGES for heading in sections(page)}
    assert {f"`{kind}`" for kind in DETECTORS} <= headings


@pytest.mark.parametrize(
    "name",
    [
        *COLUMNS, *SHOWN, "confidence", "margin", "difficulty", "in_sample", "fold", "weight",
        *(name for name in DYNAMICS if name not in ("sample_id", "label")),
    ],
)  # fmt: skip
def test_every_number_of_an_image_is_explained(name: str) -> None:
    assert any(f"`{name}`" in page.read_text("utf-8") for page in PAGES if page.stem != "index")


def test_every_preset_has_a_row() -> None:
    page = ROOT / "docs" / "concepts" / "curriculum.md"
    assert all(f"| `{preset}` |" in page.read_text("utf-8") for preset in PRESETS)


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / link).is_file(), link
    assert len(text.splitlines()) < 200
