"""Numbers and names as the templates write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curate.report.numbers import count, number, percent

NOT_KNOWN = "not known"


def score(value: float | None) -> str:
    """Three digits after the point."""
    return NOT_KNOWN if value is None else f"{value:.3f}"


def between(interval: Sequence[float] | None) -> str:
    """The ends of an interval: [0.719, 0.826]."""
    return "" if interval is None else f"[{interval[0]:.3f}, {interval[1]:.3f}]"


def words(name: str) -> str:
    """A kind's or column's name in words."""
    return name.replace("_", " ")


def css(value: float) -> str:
    """A length in percent, as CSS takes it."""
    return f"{100 * value:.1f}%"


ALL: Mapping[str, Callable[..., Any]] = {
    "number": number, "plural": count, "percent": percent, "score": score, "between": between,
    "words": words, "css": css,
}  # fmt: skip
