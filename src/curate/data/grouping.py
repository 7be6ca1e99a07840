"""Groups: which of them straddle splits, and whether file names look as if they held some."""

from __future__ import annotations

from curate.data.straddling import Straddling, straddling
from curate.data.suspicion import Suspicion, suspect

__all__ = ["Straddling", "Suspicion", "straddling", "suspect"]
