"""Numbers as a person reads them, each estimate with its interval."""

from __future__ import annotations

Interval = tuple[float, float]


def number(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def count(value: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``12,345 images``."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def percent(value: float, digits: int = 0) -> str:
    """``93 %``."""
    return f"{100 * value:.{digits}f} %"


def percent_with_interval(value: float, interval: Interval, digits: int = 0) -> str:
    """``93 % [81 %, 98 %]``."""
    low, high = (percent(end, digits) for end in interval)
    return f"{percent(value, digits)} [{low}, {high}]"


def with_interval(
    value: float, interval: Interval | None, digits: int = 3, *, sign: bool = False
) -> str:
    """``0.939 [0.924, 0.951]``; without an interval nothing is known of it, and nothing shown."""
    if interval is None:
        return "not known"
    form = f"{'+' if sign else ''}.{digits}f"
    low, high = interval
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"
