from __future__ import annotations

from pathlib import Path

import pytest

from curate.pipeline.comparing.members import short_names
from curate.pipeline.comparing.models import in_words


def test_names_are_as_long_as_tells_them_apart() -> None:
    assert short_names([Path("/runs/a"), Path("/runs/b")]) == ["a", "b"]
    paths = [Path("/x/before/run"), Path("/x/after/run")]
    assert short_names(paths) == ["before/run", "after/run"]
    three = [Path("/x/1/run"), Path("/y/1/run"), Path("/y/2/run")]
    assert short_names(three) == ["x/1/run", "y/1/run", "y/2/run"]
    assert short_names([Path("/run"), Path("/x/run")]) == ["run", "x/run"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5_288_548, "", "5.3 M"),
        (21_400_000, "B", "21.4 MB"),
        (861_000_000, "B", "861 MB"),
        (912, "B", "912 B"),
        (840.2, "images/s", "840"),
        (3.21, "images/s", "3.2"),
        (None, "B", "not recorded"),
    ],
)
def test_costs(value: float | None, unit: str, text: str) -> None:
    assert in_words(value, unit) == text
