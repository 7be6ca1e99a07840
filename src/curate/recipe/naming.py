"""Names in messages and comments."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> str:
    """Up to three names that look alike: ``; did you mean 'rotate'?``, or nothing."""
    lowered = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)
    if not close:
        return ""
    return "; did you mean " + " or ".join(repr(lowered[c]) for c in close) + "?"


def printable(said: str) -> str:
    """One line of it: runs of white space as one space, and what cannot be printed as ``?``."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(said.split()))
