"""A recommendation that trainings with it rejected is taken out of the policy, and remembered."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.board.policy import POLICY_FILE
from curate.comparison.arms import BASELINE, POLICY
from curate.comparison.verdict import HURTS, WHOLE, Judgement, Verification
from curate.errors import listed
from curate.pipeline.plain_text import wrapped
from curate.pipeline.verifying.slices import MEANT_FOR
from curate.progress import log
from curate.recipe.foreign import write_forms
from curate.recipe.policy import Policy, Withdrawn, read_policy
from curate.store.files import placed

REJECTING = (WHOLE, "worst class", MEANT_FOR)
"""Parts on which a verdict counts against the policy itself. A slice that a person asked about is
theirs to weigh."""


def rejected(found: Verification) -> list[Judgement]:
    """The verdicts that speak against the policy; none where it stays."""
    return [
        j
        for j in found.judgements
        if (j.arm, j.against, j.word) == (POLICY, BASELINE, HURTS) and j.part.source in REJECTING
    ]


def withdraw(
    files: Sequence[Path], verified: Policy, against: Sequence[Judgement], about: dict[str, Any]
) -> tuple[list[str], str]:
    """Take the steps of a policy out of its files, as far as they hold the one that was verified.

    All steps were trained with together, so that all of them go: which of several it was, nothing
    here can tell. `curate policy RUN --only NAME --verify` asks for one alone.

    Args:
        files: ``policy.json`` as ``curate policy`` wrote it, wherever it did; they may be gone.
        verified: the policy of the arm.
        against: of `rejected`.
        about: of the experiment, for the record; `verification` is its directory.

    Returns:
        The transforms that were withdrawn, and what to say about it.
    """
    names = list(dict.fromkeys(step.transform for steps in verified.stages for step in steps))
    there = [path for path in dict.fromkeys(files) if path.is_file()]
    by_this = [path for path in there if _withdrawn_by(read_policy(path), about)]
    same = [path for path in there if read_policy(path).stages == verified.stages]
    if not same and by_this:
        return names, f"withdrawn from {', '.join(map(str, by_this))}: {', '.join(names)}"
    if not same:
        why = (
            f"{listed(there)} holds another one by now" if there else "it is not a run's own"
        )  # fmt: skip
        return [], f"the policy is rejected; {why}, so nothing was withdrawn: do not use it"
    for path in same:
        policy = read_policy(path)
        for name in names:
            policy = policy.without(_record(policy, name, names, against, about))
        _rewrite(path.parent, policy)
    where = ", ".join(map(str, same))
    return names, f"withdrawn from {where}: {', '.join(names)}; the record stays there"


def _withdrawn_by(policy: Policy, about: dict[str, Any]) -> bool:
    """Whether this verification has been here before, and was broken off or is gone on with."""
    own = about.get("verification")
    return own is not None and any(
        gone.evidence.get("verification") == own for gone in policy.withdrawn
    )


def _record(
    policy: Policy, name: str, names: Sequence[str], against: Sequence[Judgement],
    about: dict[str, Any],
) -> Withdrawn:  # fmt: skip
    """One of the steps that go, with what speaks against them."""
    worst = min(against, key=lambda j: j.crossed.estimate)
    others = [other for other in names if other != name]
    steps = tuple(
        (number, step)
        for number, stage in enumerate(policy.stages)
        for step in stage
        if step.transform == name
    )
    with_others = f" and {', '.join(others)}" if others else ""
    why = (
        f"trainings with it{with_others} are worse on {worst.part.name}: {worst.change.text()}, "
        f"{worst.crossed.n_seeds} seeds"
    )
    evidence = {
        **about, "together_with": others, "judgements": [j.as_json() for j in against],
    }  # fmt: skip
    return Withdrawn(name, why, steps, evidence)


def carry_over(before: Policy | None, folder: Path) -> Policy:
    """Keep withdrawn what was withdrawn before, in a policy that was made anew of the same images.

    Args:
        before: the run's policy before, None for none.
        folder: of the new policy, which is written again where it changes.
    """
    made = read_policy(folder / POLICY_FILE.name)
    if before is None or not before.withdrawn:
        return made
    names = ", ".join(gone.transform for gone in before.withdrawn)
    if before.made_by.get("run_digest") != made.made_by.get("run_digest"):
        log.warning(
            "the run was analysed again since %s was withdrawn: it may be recommended again", names
        )
        return made
    for gone in before.withdrawn:
        made = made.without(gone)
    _rewrite(folder, made)
    return made


def withdrawn_text(policy: Policy) -> str:
    """What was withdrawn and why, for a terminal; "" where nothing was."""
    if not policy.withdrawn:
        return ""
    lines = ["", "Withdrawn:"]
    for gone in policy.withdrawn:
        lines += wrapped(f"  {gone.transform}: {gone.why}", "    ")
    return "\n".join(lines) + "\n"


def _rewrite(folder: Path, policy: Policy) -> None:
    """All forms of a policy, in place of the old ones, with whatever else lies beside them."""
    with placed(folder) as aside:
        shutil.copytree(folder, aside, dirs_exist_ok=True)
        write_forms(policy, aside)
