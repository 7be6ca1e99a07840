"""Images that are blurred, dark, empty, cut or otherwise of another quality than the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from curate.detectors.qualities import QUALITIES, Quality, known_numbers
from curate.detectors.registry import register
from curate.findings import Evidence, Findings, Floats
from curate.numerics.typical import Typical


class _Seen(NamedTuple):
    """One property of all images: what is shown of it, what is typical, how far outside each is."""

    quality: Quality
    shown: Floats
    typical: Typical
    excess: Floats

    def reason(self, row: int) -> str:
        """What is odd about one image."""
        low, median, high = (
            f"{value:.3g}" for value in (self.typical.low, self.typical.median, self.typical.high)
        )
        about = f"typical {median} (middle 90 %: {low} to {high})" if low != high else (
            f"typical {median}"
        )  # fmt: skip
        return f"{self.quality.name} {self.shown[row]:.3g}, {about}: {self.quality.fault}"


@register
@dataclass(frozen=True)
class ImageQuality:
    """Images whose quality differs from what is usual in these data.

    Idea: nothing is dark or blurred by itself; every drawing is nearly white and every X-ray is
    grey. So each property of `curate.detectors.qualities.QUALITIES` (light, blur, contrast,
    information, colour, borders, size, shape) is compared with its own distribution here, on the
    side where it is a fault and on a scale on which its tails are short. The excess is the image's
    distance from the median by that of a limit, which lies `reach` times as far as the 5th or 95th
    percentile, nearer where the tail is shorter than an exponential one
    (`curate.numerics.typical.Typical.excess`), and never nearer than a difference that a person
    sees at a glance. What most images have nothing of (borders where there are no margins, light
    burnt out) is told by the percentile alone. The worst excess decides: flagged above 1, ``score =
    1 / (1 + excess)``, and its fault is the image's `type`. Source: boxplots for skewed data
    (Hubert and Vandervieren 2008); the list of properties is that of CleanVision, whose limits are
    the same for all data.

    Not a verdict that the image is useless, and not for faults of many: what more than 5 % of the
    images share is typical, and is not flagged. So a fault is passed over where many images come
    near it: among crops of faces of which a twentieth were enlarged, a blur is nothing unusual.
    Below about 20 images nothing is outside.
    """

    reach: float = 2.5

    kind: ClassVar[str] = "image_quality"
    needs: ClassVar[tuple[str, ...]] = ("image_stats",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 2

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by the property in which it is farthest outside."""
        n = len(evidence)
        seen = self._look(evidence) if n else []
        if not seen:
            return Findings.build(self.kind, evidence, np.ones(n), np.zeros(n, dtype=bool))
        excess = np.stack([one.excess for one in seen], axis=1)
        worst = excess.max(axis=1)
        reason, types = [""] * n, [""] * n
        faults: dict[str, int] = {}
        for row in np.flatnonzero(worst > 1):
            order = [i for i in np.argsort(-excess[row], kind="stable") if excess[row, i] > 1]
            named = {seen[i].quality.fault: seen[i].reason(row) for i in reversed(order)}
            reason[row] = "; ".join(reversed(named.values()))
            types[row] = seen[order[0]].quality.fault
            for fault in named:
                faults[fault] = faults.get(fault, 0) + 1
        info: dict[str, Any] = {"faults": dict(sorted(faults.items(), key=lambda f: (-f[1], f[0])))}
        return Findings.build(
            self.kind, evidence, 1 / (1 + worst), worst > 1,
            reason=reason, types=types, info=info,
        )  # fmt: skip

    def _look(self, evidence: Evidence) -> list[_Seen]:
        table = known_numbers(evidence)
        seen = []
        for quality in QUALITIES:
            if not set(quality.columns) <= set(table.columns):
                continue
            shown, excess = quality.shown(table), quality.excess(table, self.reach)
            seen.append(_Seen(quality, shown, Typical.of(shown), excess))
        return seen
