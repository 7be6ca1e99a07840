"""Did it help? Every arm against the baseline, with the chance of seeds and of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.comparison.arms import BASELINE, CONTROL, CURRICULUM, Arms
from curate.comparison.change import Change
from curate.comparison.parts import Part
from curate.errors import ComparisonError
from curate.findings import Bools
from curate.numerics.crossed import Crossed, crossed_difference, pooled_spread
from curate.numerics.paired import LEVEL
from curate.numerics.planning import Components
from curate.numerics.several import weighted_holm

HELPS, HURTS, NO_DIFFERENCE, NOT_KNOWN = "helps", "hurts", "no difference we could see", "not known"
WHOLE = "all images"
CORRECTION = "weighted Holm, half for the arms on all images, half for everything else"


@dataclass(frozen=True)
class Judgement:
    """One arm against another on some of the images.

    Attributes:
        arm: that is judged.
        against: the baseline, or the control.
        part: the images.
        change: the means of both, the difference and its own 95 % interval.
        crossed: the difference with what makes it uncertain.
        p_adjusted: corrected for all comparisons of the experiment; None where no verdict is
            drawn, since mistakes of the baseline chose the images.
        level: the share of the 5 % for false alarms that is this comparison's own.
        n_comparisons: of the experiment.
        least: the least difference that matters, if one was stated.
    """

    arm: str
    against: str
    part: Part
    change: Change
    crossed: Crossed
    p_adjusted: float | None
    level: float
    n_comparisons: int
    least: float | None

    @property
    def word(self) -> str:
        """`HELPS` or `HURTS` only where it is more than chance among all comparisons."""
        if self.p_adjusted is None or not self.crossed.known:
            return NOT_KNOWN
        if self.p_adjusted >= LEVEL:
            return NO_DIFFERENCE
        return HELPS if self.crossed.estimate > 0 else HURTS

    @property
    def target(self) -> float:
        """What more runs would be for: `least`, or else the difference as it was found."""
        if self.least is not None:
            return self.least
        return max(abs(self.crossed.estimate), 1 / len(self.part.rows))

    @property
    def more(self) -> Needs | None:
        """What would show a difference of `target`; None where nothing is known."""
        return Needs.of(self.crossed, self.target, self.level, len(self.part.rows))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is null."""
        more = self.more
        found = self.change.as_json()
        return {
            "arm": self.arm,
            "against": self.against,
            "part": self.part.source,
            "name": self.part.name,
            "images": len(self.part.rows),
            "seeds": self.crossed.n_seeds,
            "mean_against": found["a"],
            "mean": found["b"],
            "change": found["change"],
            "interval": found["interval"],
            "p_value": None if self.p_adjusted is None else found["p_value"],
            "p_adjusted": self.p_adjusted,
            "verdict": self.word,
            "target": self.target,
            "more_seeds": more and more.seeds,
            "more_images": more and more.images,
        }


@dataclass(frozen=True)
class Needs:
    """What it would take to see a difference.

    Attributes:
        seeds: more seeds with these images; None if no number below 1,000 would do.
        seeds_range: the same with the least and the most variance of seeds that is possible.
        images: more images with these seeds; None if none below ten million would do.
        by_seeds: by how much twice the seeds would narrow what can be seen, as a share.
        by_images: the same for twice the images.
    """

    seeds: int | None
    seeds_range: tuple[int | None, int | None]
    images: int | None
    by_seeds: float
    by_images: float

    @classmethod
    def of(cls, found: Crossed, target: float, level: float, n_images: int) -> Needs | None:
        """From the variance components of what was measured."""
        if not found.known:
            return None
        parts, s, g = Components.of(found), found.n_seeds, found.n_clusters
        seeds, clusters = parts.seeds_for(target, g, level), parts.clusters_for(target, s, level)
        ends = [one.seeds_for(target, g, level) for one in parts.between(g)]
        now = parts.detectable(s, g, level)
        return cls(
            seeds=None if seeds is None else max(seeds - s, 0),
            seeds_range=(_more(ends[0], s), _more(ends[1], s)),
            images=None if clusters is None else max(math.ceil((clusters / g - 1) * n_images), 0),
            by_seeds=1 - parts.detectable(2 * s, g, level) / now if now else 0.0,
            by_images=1 - parts.detectable(s, 2 * g, level) / now if now else 0.0,
        )


def _more(needed: int | None, n_seeds: int) -> int | None:
    return None if needed is None else max(needed - n_seeds, 0)


@dataclass(frozen=True)
class Verification:
    """All judgements of one experiment.

    Attributes:
        judgements: by comparison, then by part.
        n_seeds: of each arm.
        least: the least difference that matters, if one was stated.
    """

    judgements: tuple[Judgement, ...]
    n_seeds: int
    least: float | None

    def of(self, arm: str, against: str = BASELINE, source: str = WHOLE) -> list[Judgement]:
        """The judgements of one comparison on the parts of one kind."""
        return [
            j
            for j in self.judgements
            if (j.arm, j.against, j.part.source) == (arm, against, source)
        ]

    def hurts(self, arm: str) -> bool:
        """Whether an arm is worse than the baseline on all images or on any part."""
        return any(
            j.word == HURTS for j in self.judgements if j.arm == arm and j.against == BASELINE
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "seeds": self.n_seeds,
            "least_difference": self.least,
            "correction": CORRECTION,
            "judgements": [j.as_json() for j in self.judgements],
        }


def judge(arms: Arms, parts: Sequence[Part] = (), least: float | None = None) -> Verification:
    """Judge every arm on all images, on each part, and on the worst class.

    The intervals are those of `curate.numerics.crossed.crossed_difference`, with the variance of
    the seeds pooled over the arms, and the p value of a comparison is the level at which its
    interval comes to hold 0. Holm's weighted correction keeps the chance of any false *helps* or
    *hurts* in the whole experiment at 5 %: half of it is shared by the arms on all images, where a
    gain is looked for first, the other half by all parts and by the curriculum against its control.
    Dunnett's correction, made for arms that share a baseline, is hardly less strict: with 4 arms
    and 16 degrees of freedom it asks for 2.71 deviations, Holm's first step for 2.81.

    Args:
        arms: what the runs say.
        parts: such as the slice that the change was meant for. On those that the baseline's
            mistakes chose no verdict is drawn.
        least: the least difference that matters, for what more runs would take.

    Raises:
        ComparisonError: a part without images, or a least difference that is none.
    """
    if least is not None and not 0 < least <= 1:
        raise ComparisonError(
            f"Expected a least difference above 0 and up to 1, found {least:g}. "
            "Give a share, such as 0.01 for one image in a hundred."
        )
    everything = Part(WHOLE, WHOLE, np.arange(len(arms.labels)))
    worst = arms.worst_class()
    places = [everything, *parts, *([] if worst is None else [worst])]
    for part in places:
        if not len(part.rows):
            raise ComparisonError(
                f"Expected images in {part.name!r}, found none. Leave this part out."
            )
    pooled = [pooled_spread([v[:, part.rows] for v in arms.values.values()]) for part in places]
    found = [
        _measured(arms, arm, against, part, spread)
        for arm, against in arms.comparisons
        for part, spread in zip(places, pooled, strict=True)
        if against == BASELINE or part is everything
    ]
    tested = [not part.by_mistakes for _, _, part, _, _ in found]
    first = [against == BASELINE and part is everything for _, against, part, _, _ in found]
    weights = _weights(np.array(tested), np.array(first))
    p_values = np.where(tested, [crossed.p_value for *_, crossed in found], np.nan)
    adjusted = weighted_holm(p_values, weights)
    return Verification(
        tuple(
            Judgement(
                arm, against, part, change, crossed,
                None if np.isnan(q) else float(q), LEVEL * float(weight), sum(tested), least,
            )
            for (arm, against, part, change, crossed), q, weight in zip(
                found, adjusted, weights, strict=True
            )
        ),
        len(arms.seeds),
        least,
    )  # fmt: skip


def _weights(tested: Bools, first: Bools) -> NDArray[np.float64]:
    """A half for the first, a half for the others; all for the first where there are no others."""
    others = tested & ~first
    half = 0.5 if others.any() else 1.0
    weights = np.where(first, half / first.sum(), (1 - half) / max(others.sum(), 1))
    return np.where(weights > 0, weights, 1.0)


def _measured(
    arms: Arms, arm: str, against: str, part: Part, spread: tuple[float, int]
) -> tuple[str, str, Part, Change, Crossed]:
    rows = np.asarray(part.rows, dtype=np.int64)
    a, b = arms.values[against][:, rows], arms.values[arm][:, rows]
    crossed = crossed_difference(a, b, arms.clusters[rows], spread)
    change = Change(
        float(a.mean()), float(b.mean()), crossed.estimate, crossed.interval(), crossed.p_value
    )
    return arm, against, part, change, crossed


def order_or_data(verification: Verification) -> str | None:
    """Whether a curriculum's gain comes from the order of the images, or from the data alone.

    The control sees as many images at the same pace, in random order. That the order adds nothing
    is said only where the whole interval lies within the least difference that matters (two
    one-sided tests, Schuirmann 1987); otherwise it was not shown to add anything.

    Returns:
        A sentence; None without both arms, or with one seed.
    """
    against_control = verification.of(CURRICULUM, CONTROL)
    if not against_control or not against_control[0].crossed.known:
        return None
    order, least = against_control[0], verification.least
    text = f"{order.change.text()} against the same pacing in random order"
    if order.word in (HELPS, HURTS):
        return f"the order {order.word}: {text}"
    low, high = order.change.interval
    gained = any(verification.of(arm)[0].word == HELPS for arm in (CURRICULUM, CONTROL))
    if least is not None and -least < low and high < least:
        lead = "the gain is the data, not the order" if gained else "the order makes no difference"
        return f"{lead}: {text}, less than {least:g} either way"
    lead = "the gain may be the data and not the order" if gained else "the order shows no effect"
    return f"{lead}: {text}"
