"""Judging a policy that somebody has: each of its steps by the same evidence as ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import PolicyError
from curate.pipeline.augmenting import SAMPLE, Plan
from curate.pipeline.plain_text import wrapped
from curate.pipeline.policy import Measurements, answered, measure
from curate.pipeline.policy_text import share_text, step_text, swaps_text
from curate.progress import Progress, log, silent
from curate.recipe.applying import render_step
from curate.recipe.foreign import read_any
from curate.recipe.policy import Policy, Step
from curate.recipe.policy_file import step_to_json
from curate.recipe.transforms import TRANSFORMS, Pixels
from curate.remedies.dosing import Dose
from curate.remedies.gain import Gain, gains
from curate.remedies.label_safety import ClassSafety
from curate.remedies.reasons import evidence_json, why_left_out
from curate.remedies.recommend import Candidate
from curate.store.run import Run

UNSAFE, WORTH, COSTS, USELESS = "unsafe", "worth it", "costs accuracy", "no sure gain"
UNKNOWN = "not measured"


@dataclass(frozen=True)
class JudgedStep:
    """One step of a policy and what is known about it.

    Attributes:
        stages: in which it is.
        step: as the policy has it.
        evidence: as of a candidate for a recommendation; empty for mixup and cutmix.
        swaps, unknown: classes that the step does not exclude and that surely swap, or of which it
            is not known.
        verdict: `UNSAFE` where some swap; `WORTH` where the expected gain is surely above 0,
            `COSTS` where it is surely below, else `USELESS`. `UNKNOWN` for mixup and cutmix.
    """

    stages: tuple[int, ...]
    step: Step
    evidence: Candidate
    swaps: tuple[ClassSafety, ...]
    unknown: tuple[ClassSafety, ...]
    verdict: str


@dataclass(frozen=True)
class Judged:
    """A policy and its steps, judged."""

    policy: Policy
    steps: tuple[JudgedStep, ...]


def judge_policy(
    run: Run | str | Path,
    given: str | Path,
    *,
    sample: int = SAMPLE,
    progress: Progress = silent,
    **options: Any,
) -> Judged:
    """Judge each step of a policy on a run's images. Nothing is written but the run's cache.

    A step with a range of magnitudes is judged at its middle and at its end; one that has no name
    of ours (`albumentations:...`) as it is, with its own arguments drawn anew for each image. Such
    a step is known to answer no symptom, so that its gain is that on held-out images as they are.
    Each step is judged by itself, and its interval allows for what was asked of this step alone.

    Args:
        run: a finished run.
        given: what `curate.recipe.foreign.read_any` reads.
        sample: train images, and held-out ones, that are changed.
        progress: shows a bar.
        **options: `device`, `batch_size` and `workers`, as of an analysis.

    Raises:
        PolicyError: the policy cannot be read, or excludes classes that the run does not have.
        ModelError: the run's model cannot be had any more.
        RunError: the run is not finished.
    """
    run = run if isinstance(run, Run) else Run(run)
    run.check_complete()
    policy = read_any(given)
    policy.check_classes(tuple(run.info["classes"]))
    steps = _distinct(policy)
    if not steps:
        raise PolicyError(f"Expected a policy with at least one step, found none in {given}.")
    plans = {i: _plan(step, i) for i, (step, _) in enumerate(steps) if not step.batch}
    found = measure(run, list(plans.values()), sample, progress, options)
    log.info("measuring what each step would bring")
    judged = []
    for i, (step, stages) in enumerate(steps):
        plan = plans.get(i)
        if plan is None:
            judged.append(JudgedStep(stages, step, Candidate(), (), (), UNKNOWN))
            continue
        judged.append(_judged(found, plan, step, stages))
    return Judged(policy, tuple(judged))


def judged_text(judged: Judged) -> str:
    """Each step with its verdict and the numbers behind it."""
    lines = []
    for one in judged.steps:
        stages = ", ".join(map(str, one.stages))
        lines += wrapped(f"{one.verdict}: {step_text(one.step)} (stage {stages})", "  ")
        weakness, gain = one.evidence.weakness, one.evidence.gain
        if weakness is None:
            lines += wrapped(f"  {why_left_out(one.step.transform, one.evidence, 1, 0)}", "    ")
            continue
        told = [f"at {point.level:g} {share_text(point.drop)}" for point in weakness.curve]
        if not TRANSFORMS.get(one.step.transform) or not TRANSFORMS[one.step.transform].unit:
            told = [share_text(point.drop) for point in weakness.curve]
        lines += wrapped("  held-out images so changed lose accuracy: " + ", ".join(told), "    ")
        lines += wrapped("  labels swapped: " + swaps_text(one.swaps, one.unknown), "    ")
        for symptom, share in one.evidence.prevalence.items():
            lines += wrapped(
                f"  {symptom.replace('_', ' ')} in {share.split}: {share_text(share.held_out)} of "
                f"images, in train {share_text(share.train)}", "    ",
            )  # fmt: skip
        assert gain is not None
        low, high = gain.corrected
        lines.append(
            f"  expected gain in accuracy: {gain.expected.estimate:+.3f} [{low:.3f},{high:.3f}]"
        )
    return "\n".join(lines)


def judged_json(judged: Judged) -> dict[str, Any]:
    """The same as plain JSON."""
    return {
        "steps": [
            {
                "stages": list(one.stages),
                "step": step_to_json(one.step),
                "verdict": one.verdict,
                "swaps": {c.class_name: c.taken_for for c in one.swaps},
                "not_known": [c.class_name for c in one.unknown],
                "evidence": evidence_json(one.evidence, 1),
            }
            for one in judged.steps
        ]
    }


def _distinct(policy: Policy) -> list[tuple[Step, tuple[int, ...]]]:
    """Every step once, with the stages that have it."""
    found: dict[str, tuple[Step, list[int]]] = {}
    for number, steps in enumerate(policy.stages):
        for step in steps:
            plain = {k: v for k, v in step_to_json(step).items() if k not in ("reason", "evidence")}
            key = json.dumps(plain, sort_keys=True, default=str)
            found.setdefault(key, (step, []))[1].append(number)
    return [(step, tuple(stages)) for step, stages in found.values()]


def _plan(step: Step, number: int) -> Plan:
    """How copies by one step are made."""
    name = f"{step.transform} #{number}"
    if step.foreign is None:
        low, high = step.magnitude
        middle = float(f"{(low + high) / 2:.6g}")
        levels = (1.0,) if not TRANSFORMS[step.transform].unit else (middle, float(high))
        return Plan(name, tuple(dict.fromkeys(levels)), key=step.transform)
    text = json.dumps(dict(step.params), sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]

    def make(_: str, pixels: Pixels, __: float, seed: int) -> Pixels:
        return render_step(step, pixels, seed)

    return Plan(name, (1.0,), make, f"{step.transform}:{digest}")


def _judged(found: Measurements, plan: Plan, step: Step, stages: tuple[int, ...]) -> JudgedStep:
    safety = found.safeties[plan.name]
    top = plan.levels[-1]
    spared = set(step.excluded_classes)
    swaps = tuple(one for one in safety.swapped(top) if one.class_name not in spared)
    unknown = tuple(one for one in safety.unknown(top) if one.class_name not in spared)
    gain = _gain(found, plan, step)
    candidate = Candidate(
        found.weaknesses[plan.name], safety, gain, answered(found.prevalence, step.transform)
    )
    return JudgedStep(stages, step, candidate, swaps, unknown, _verdict(swaps, gain))


def _gain(found: Measurements, plan: Plan, step: Step) -> Gain:
    dose = Dose(plan.levels, step.probability, step.excluded_classes)
    name = step.transform
    copies: Mapping[str, Sequence[Any]] = {name: found.copies[plan.name]}
    return gains(found.evidence, found.probes, copies, {name: (dose,)}, found.prevalence)[name]


def _verdict(swaps: Sequence[ClassSafety], gain: Gain) -> str:
    if swaps:
        return UNSAFE
    low, high = gain.corrected
    return WORTH if low > 0 else COSTS if high < 0 else USELESS
