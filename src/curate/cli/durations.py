"""A time on the command line."""

from __future__ import annotations

import re
from typing import Any

import click

SIZES = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[float]):
    """A time such as 90s, 30m, 1h30m or 2h, in seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read one value."""
        if isinstance(value, int | float):
            return float(value)
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"expected a time such as 90s, 30m or 1h30m, found {value!r}", param, ctx)
        return float(sum(float(number) * SIZES[unit] for number, unit in parts))


DURATION = Duration()
