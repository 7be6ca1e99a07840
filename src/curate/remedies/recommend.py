"""From evidence to a policy: which transforms are recommended, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from curate.errors import PolicyError, listed
from curate.recipe.policy import LeftOut, Policy, Step
from curate.recipe.transforms import TRANSFORMS
from curate.remedies.dosing import AUTO, STRENGTHS
from curate.remedies.gain import Gain
from curate.remedies.label_safety import Safety
from curate.remedies.reasons import evidence_json, reason, why_left_out
from curate.remedies.weakness import Weakness

if TYPE_CHECKING:
    from curate.remedies.prevalence import Prevalence

NOTHING = "Nothing is recommended: no transform is surely worth it on these images."


@dataclass(frozen=True)
class Candidate:
    """What is known about one transform; None where it was not measured.

    Attributes:
        weakness: how much it hurts.
        safety: whether changed images still are of their class.
        gain: what training on it is expected to bring; None too where no dose of it is safe.
        prevalence: per symptom that it answers, how often images show it.
    """

    weakness: Weakness | None = None
    safety: Safety | None = None
    gain: Gain | None = None
    prevalence: Mapping[str, Prevalence] = field(default_factory=dict)


def recommend(
    candidates: Mapping[str, Candidate],
    classes: tuple[str, ...],
    n_stages: int = 1,
    strength: str = AUTO,
    seed: int = 0,
    made_by: Mapping[str, Any] | None = None,
    image_size: tuple[int, int] = (224, 224),
) -> Policy:
    """The policy that the evidence supports.

    A transform is recommended if, and only if,

    1. it leaves the labels of at least half of the classes what they are, the others being
       excluded by name (see `curate.remedies.dosing.doses`), and
    2. its expected gain in accuracy lies surely above 0: the interval corrected for all that was
       asked does (see `curate.remedies.gain.gains`).

    Probability, magnitudes and exclusions are those for which the gain was measured. First come
    those that answer what held-out images surely show more often than train images, the most of
    such symptoms before fewer, and among these the largest expected gain: several transforms teach
    much the same, and the one that names the cause is the one to begin with. All others are left
    out, each with its sentence: weak but unsafe, safe but useless, or not known. With nothing to
    gain, nothing is recommended: on images of which train, val and test are alike that happens in
    at least 97.5 of 100 cases.

    Gains were measured one transform at a time and do not add up; two that answer the same symptom
    are alternatives, which is for a training run to decide.

    Args:
        candidates: per name of `TRANSFORMS`.
        classes: class names.
        n_stages: with one, all of it from the start. With more, the first stage is empty, so that
            the images themselves are learned first, and magnitudes grow evenly to their full range
            in the last one; a transform that is on or off is on from the second.
        strength: what the doses were made for, one of `STRENGTHS`.
        seed: of the policy.
        made_by: versions and run.
        image_size: (height, width) for the forms of other libraries.

    Raises:
        PolicyError: an unknown strength, or fewer than one stage.
    """
    if strength not in STRENGTHS:
        raise PolicyError(f"Expected a strength of {listed(STRENGTHS)}, found {strength!r}")
    if n_stages < 1:
        raise PolicyError(f"Expected at least 1 stage, found {n_stages}")
    asked = sum(candidate.gain is not None for candidate in candidates.values())
    worth, left_out = list[tuple[tuple[int, float], Step]](), list[LeftOut]()
    for name, candidate in candidates.items():
        evidence = evidence_json(candidate, asked)
        gain = candidate.gain
        if gain is not None and gain.corrected[0] > 0:
            step = _step(name, gain, reason(name, candidate, asked, strength), evidence)
            answers = sum(shares.shown for shares in candidate.prevalence.values())
            worth.append(((-answers, -gain.expected.estimate), step))
        else:
            why = why_left_out(name, candidate, asked, len(classes))
            left_out.append(LeftOut(name, why, evidence))
    steps = tuple(step for _, step in sorted(worth, key=lambda pair: pair[0]))
    return Policy(
        stages=tuple(_stage(steps, i, n_stages) for i in range(n_stages)),
        classes=classes,
        seed=seed,
        left_out=tuple(left_out),
        made_by=made_by or {},
        strength=strength,
        image_size=image_size,
    )


def _step(name: str, gain: Gain, why: str, evidence: Mapping[str, Any]) -> Step:
    on_off = not TRANSFORMS[name].unit
    magnitude = (1.0, 1.0) if on_off else (0.0, float(gain.dose.levels[-1]))
    return Step(
        name, gain.dose.probability, magnitude, gain.dose.excluded, reason=why, evidence=evidence
    )


def _stage(steps: tuple[Step, ...], number: int, n_stages: int) -> tuple[Step, ...]:
    """The steps of one stage of several."""
    if n_stages == 1 or number == n_stages - 1:
        return steps
    if number == 0:
        return ()
    share = number / (n_stages - 1)
    return tuple(
        step
        if not TRANSFORMS[step.transform].unit
        else Step(
            step.transform,
            step.probability,
            (0.0, float(f"{step.magnitude[1] * share:.3g}")),
            step.excluded_classes,
            reason=step.reason,
            evidence=step.evidence,
        )
        for step in steps
    )
