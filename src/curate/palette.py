"""The colours of the App's panel, the report and every plot: readable for colour-blind people."""

from __future__ import annotations

CATEGORIES = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
)  # fmt: skip
"""Okabe and Ito (2008), "Color Universal Design", without black, which a dark page swallows; the
order puts the pairs that differ most next to each other."""

OTHER = "#999999"
"""Whatever has no colour of its own: classes beyond the seventh, images not meant."""

SYMBOLS = ("circle", "diamond", "cross", "triangle-up")
"""Plotly's names of marks: with more than seven categories, colours come again in another form."""

RIGHT, WRONG = "#56B4E9", "#D55E00"
"""Good and bad: blue and vermilion, not green and red."""

TIERS = {"easy": "#56B4E9", "medium": "#E69F00", "hard": "#D55E00", "review": "#CC79A7"}

SEQUENTIAL = "Cividis"
"""Plotly's name of cividis (Nunez, Anderton and Renslow 2018), for scores."""


def mark_of(number: int) -> tuple[str, str]:
    """Colour and form of the category with this number, from 0; grey circles beyond 28."""
    again, place = divmod(number, len(CATEGORIES))
    return (CATEGORIES[place], SYMBOLS[again]) if again < len(SYMBOLS) else (OTHER, SYMBOLS[0])
