"""The tutorials, run as they are printed, one after the other in one folder; see test_commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT, pages
from running import run_page

TUTORIALS = [page.name for page in pages() if page.parent.name == "tutorials"]


@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_works(home: Path, page: str) -> None:
    run_page(ROOT / "docs" / "tutorials" / page)
