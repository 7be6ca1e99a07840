"""Which detectors run: all that are known, built in or installed, or those that are named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from curate.data.photometric import PHOTOMETRIC
from curate.data.views import VIEWS
from curate.detectors.registry import DETECTORS, Detector, register
from curate.errors import DetectorError, listed
from curate.findings import Evidence

GROUP = "curate.detectors"
"""The entry point group in which an installed package names its detectors."""

_KIND = re.compile(r"[a-z][a-z0-9_]*")
"""A kind becomes a field and a tag in FiftyOne and an option on the command line."""


def chosen_detectors(kinds: Sequence[str] = ()) -> dict[str, Detector]:
    """The detectors of these kinds with their default options, by kind, in alphabetical order.

    Args:
        kinds: what to look for; none for everything that is known.

    Raises:
        DetectorError: a kind is unknown, or an installed detector cannot be used.
    """
    load_installed()
    unknown = sorted(set(kinds) - set(DETECTORS))
    if unknown:
        raise DetectorError(
            f"Expected --detectors among {', '.join(sorted(DETECTORS))}, found {listed(unknown)}. "
            "Correct it, or install the package that has it."
        )
    return {kind: DETECTORS[kind]() for kind in sorted(kinds or DETECTORS)}


@cache
def load_installed() -> None:
    """Register the detectors that installed packages offer as entry points of `GROUP`.

    Raises:
        DetectorError: one cannot be imported, breaks the contract, or takes a kind that is taken.
    """
    for point in entry_points(group=GROUP):
        where = f"{point.value} of the package {point.dist.name if point.dist else 'unknown'}"
        try:
            detector = point.load()
        except Exception as error:
            raise DetectorError(
                f"Expected the detector {where} to be imported, found {type(error).__name__}: "
                f"{error}. Mend or uninstall that package."
            ) from error
        wrong = broken_promise(detector)
        if wrong:
            raise DetectorError(f"Expected {wrong} in the detector {where}. Mend or uninstall it.")
        if DETECTORS.get(detector.kind) is detector:
            continue  # its module has registered it
        if detector.kind in DETECTORS:
            raise DetectorError(
                f"Expected a kind of its own for the detector {where}, found {detector.kind!r}, "
                "which another one has. Rename it, or uninstall one of them."
            )
        register(detector)


def broken_promise(detector: Any) -> str | None:
    """What of the contract a class does not keep, or None."""
    if not (isinstance(detector, type) and is_dataclass(detector)):
        return "a frozen dataclass"
    if not detector.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return "a frozen dataclass"
    if not _KIND.fullmatch(str(getattr(detector, "kind", ""))):
        return "a kind of small letters, digits and underscores"
    known = {field.name for field in fields(Evidence)}
    if not set(getattr(detector, "needs", [""])) <= known:
        return f"needs among {', '.join(sorted(known))}"
    views = [name for name in (*VIEWS, *PHOTOMETRIC) if name != "identity"]
    if not set(getattr(detector, "views", [""])) <= set(views):
        return f"views among {', '.join(views)}"
    if not isinstance(getattr(detector, "version", None), int):
        return "a version that is a whole number"
    if not callable(getattr(detector, "detect", None)):
        return "a method detect(evidence)"
    return None
