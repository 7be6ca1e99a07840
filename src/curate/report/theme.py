"""The colours of a page, by day and by night; those of the data are `curate.palette`'s."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from curate import palette

_DATA = {
    **{f"c{i}": colour for i, colour in enumerate(palette.CATEGORIES)},
    "other": palette.OTHER,
    "right": palette.RIGHT,
    "wrong": palette.WRONG,
    **{f"tier-{name}": colour for name, colour in palette.TIERS.items()},
}

LIGHT: Mapping[str, str] = {
    "page": "#ffffff", "panel": "#f5f6f8", "text": "#1b1e23", "muted": "#555d68",
    "line": "#d5dae1", "accent": "#005a8e", "track": "#e4e8ed", "hit": "#7fb8dc",
    "miss": "#f0a36b", **_DATA,
}  # fmt: skip
DARK: Mapping[str, str] = {
    "page": "#14171b", "panel": "#1e2228", "text": "#e8eaed", "muted": "#a9b1bc",
    "line": "#3a414b", "accent": "#7cc6f2", "track": "#333a43", "hit": "#1f6a9a",
    "miss": "#a34d12", **_DATA,
}  # fmt: skip
"""`hit` and `miss` are the darkest cells of a matrix, on which the page's text is read too. Text on
page, panel and cells has a contrast of at least 4.5 (WCAG 2.2, AA); a test reckons it."""


def variables(colours: Mapping[str, str]) -> Markup:
    """The colours as CSS variables."""
    return Markup(" ").join(
        Markup("--{}: {};").format(name, colour) for name, colour in colours.items()
    )
