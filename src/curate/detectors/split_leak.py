"""Held-out images that have a copy in another split: they make a score look better than it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curate.detectors.near_duplicate import pair_findings
from curate.detectors.registry import register
from curate.findings import Evidence, Findings

ORDER = {"train": 0, "val": 1, "test": 2}


@register
@dataclass(frozen=True)
class SplitLeak:
    """Copies across splits.

    Idea: a pair of copies (`curate.numerics.copies.find_copies`) whose images lie in two splits
    leaks. The flagged image is the one in the later of train, val, test: taking it out mends the
    score. Scored like `near_duplicate`.

    Not a leak of groups (the same person in two pictures): that needs the groups' names.
    """

    kind: ClassVar[str] = "split_leak"
    needs: ClassVar[tuple[str, ...]] = ("copies",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its best candidate copy in an earlier split."""
        assert evidence.copies is not None
        copies = evidence.copies
        place = [ORDER[str(split)] for split in evidence.splits]
        later_a = [place[a] > place[b] for a, b in zip(copies.a, copies.b, strict=True)]
        later_b = [place[b] > place[a] for a, b in zip(copies.a, copies.b, strict=True)]
        return pair_findings(
            self.kind, evidence, copies, np.array(later_a, bool), np.array(later_b, bool)
        )
