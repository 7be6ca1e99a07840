"""One palette: marks that can be told apart, and no more of them than that."""

from __future__ import annotations

import re

from curate import palette
from curate.store.schema import TIER_NAMES


def test_marks_differ_until_there_are_no_more() -> None:
    most = len(palette.CATEGORIES) * len(palette.SYMBOLS)
    assert len({palette.mark_of(i) for i in range(most)}) == most
    assert palette.mark_of(most) == palette.mark_of(most + 9) == (palette.OTHER, "circle")
    assert palette.mark_of(0)[0] != palette.mark_of(1)[0]


def test_every_tier_has_a_colour_of_its_own() -> None:
    assert list(palette.TIERS) == list(TIER_NAMES)
    assert len(set(palette.TIERS.values())) == len(TIER_NAMES)


def test_colours_are_written_as_browsers_read_them() -> None:
    for colour in (*palette.CATEGORIES, palette.OTHER, *palette.TIERS.values()):
        assert re.fullmatch("#[0-9A-F]{6}", colour)
