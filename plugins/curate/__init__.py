"""The plugin by which FiftyOne's App shows a run of curate.

Layout and clicks only: all that is shown is computed by `curate.board`.
"""

from __future__ import annotations

from typing import Any

from .operators import OPERATORS
from .panel import PANELS


def register(plugin: Any) -> None:
    """Called by FiftyOne; what is registered must be named in fiftyone.yml as well."""
    for operator in (*PANELS, *OPERATORS):
        plugin.register(operator)
