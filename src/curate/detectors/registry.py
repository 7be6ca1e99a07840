"""The one list of detectors, and the contract that each of them keeps.

A detector is a frozen dataclass whose fields are its options. It declares `kind`, the fields of
`Evidence` that it `needs`, and the transformed `views` it wants embedded; `detect` turns evidence
into findings without changing it. Anything missing skips the detector with a recorded reason; an
exception fails the analysis.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

from curate.findings import Evidence, Findings


class Detector(Protocol):
    """What every detector is."""

    kind: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    views: ClassVar[tuple[str, ...]]
    version: ClassVar[int]

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image of `evidence`; see `curate.findings.Findings`."""


D = TypeVar("D", bound=type[Detector])
DETECTORS: dict[str, type[Detector]] = {}


def register(detector: D) -> D:
    """Class decorator: put a detector on the list."""
    if detector.kind in DETECTORS:
        raise ValueError(f"two detectors are called {detector.kind!r}")
    DETECTORS[detector.kind] = detector
    return detector


def missing_input(detector: Detector, evidence: Evidence) -> str | None:
    """Why a detector cannot look at this evidence, or None when it can."""
    for need in detector.needs:
        if getattr(evidence, need) is None:
            return f"needs {need}, which this run has not computed"
    absent = [view for view in detector.views if view not in (evidence.view_embeddings or {})]
    if absent:
        return f"needs the embedded views {', '.join(absent)}, which this run has not computed"
    return None
