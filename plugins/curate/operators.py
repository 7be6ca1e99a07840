"""The operators of the plugin: toolbar, operator browser, and buttons of the panel."""

from __future__ import annotations

from typing import Any

from .acts import DECISIONS
from .work import WORK

OPERATORS: list[type[Any]] = [*DECISIONS, *WORK]
"""Every operator, in the order of the operator browser; fiftyone.yml names each as well."""
