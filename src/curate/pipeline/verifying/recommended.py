"""The verification of a policy that was just recommended, with the run's own model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curate.comparison.arms import POLICY
from curate.errors import PolicyError
from curate.pipeline.verify import Verified, verify
from curate.pipeline.verifying.asked import Asked
from curate.progress import Progress, silent
from curate.recipe.policy import Policy
from curate.store.run import Run

if TYPE_CHECKING:
    from curate.training.options import Options

HOG = "hog"


def verify_recommended(
    run: Run, policy: Policy, folder: Path, asked: Asked, *, device: str | None = None,
    workers: int | None = None, progress: Progress = silent,
) -> Verified | None:  # fmt: skip
    """Train with and without the recommended steps: the head on the run's own, frozen backbone.

    Args:
        run: that the policy was made for.
        policy: what was recommended.
        folder: where it lies.
        asked: the experiment; its arms are the baseline and the policy.
        device: for the trainings; None as in the analysis.
        workers: for the trainings; None chooses.
        progress: for the bars.

    Returns:
        None where nothing is recommended.

    Raises:
        PolicyError: the run's model is none that can be trained.
        InputError: as of `curate.pipeline.verify.verify`.
    """
    if not any(policy.stages):
        return None
    return verify(
        run.path, None, own_options(run, device, workers), asked=replace(asked, arms=(POLICY,)),
        policy=str(folder / "policy.json"), progress=progress,
    )  # fmt: skip


def own_options(run: Run, device: str | None, workers: int | None) -> Options:
    """How to train the head on the backbone that a run was analysed with."""
    from curate.training.options import BACKBONE, Options

    settings = run.info["settings"]
    if settings["model"] == HOG:
        raise PolicyError(
            f"Expected a run of a timm model for --verify, found one of {HOG}, which cannot be "
            f"trained. Name one: `curate verify {run.path} --arm policy --model NAME`."
        )
    return Options(
        model=settings["model"], weights=settings.get("weights"),
        checkpoint=settings.get("checkpoint"), img_size=settings.get("img_size"), freeze=BACKBONE,
        lr=HEAD_LR, device=device or settings.get("device") or "auto", workers=workers,
    )  # fmt: skip


HEAD_LR = 5e-3
"""Of a head alone, in the middle of the search: ten times the usual one, which is for backbones."""
