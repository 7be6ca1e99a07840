"""The use case of `curate policy`: a run in, an augmentation policy with its evidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curate.errors import PolicyError, listed
from curate.findings import Evidence
from curate.pipeline.augmenting import SAMPLE, Copies, Plan, Sample, augmented_copies
from curate.pipeline.evidence import load_evidence
from curate.pipeline.places import check_apart, check_holds_none, image_folder
from curate.pipeline.policy_evidence import EVIDENCE_FILE, write_evidence
from curate.progress import Progress, log, silent
from curate.recipe.foreign import write_forms
from curate.recipe.naming import near
from curate.recipe.policy import FORMAT, Policy
from curate.recipe.transforms import TRANSFORMS
from curate.remedies.dosing import AUTO, STRENGTHS, Dose, doses
from curate.remedies.gain import gains
from curate.remedies.label_safety import Safety, SafetyJudge
from curate.remedies.prevalence import Prevalence, prevalence
from curate.remedies.probing import Probes
from curate.remedies.recommend import Candidate, recommend
from curate.remedies.weakness import Weakness, weakness
from curate.store.files import placed
from curate.store.run import Run


@dataclass(frozen=True)
class Measurements:
    """What was measured of every transform that was asked about, before any is recommended.

    Attributes:
        evidence: of the run.
        probes: of the run.
        copies: embeddings of changed copies.
        sample: the images that they are copies of.
        weaknesses, safeties: by transform.
        prevalence: by symptom.
    """

    evidence: Evidence
    probes: Probes
    copies: Copies
    sample: Sample
    weaknesses: Mapping[str, Weakness]
    safeties: Mapping[str, Safety]
    prevalence: Mapping[str, Prevalence]


@dataclass(frozen=True)
class Recommended:
    """The result: the policy, what it rests on, and where it lies."""

    policy: Policy
    candidates: Mapping[str, Candidate]
    prevalence: Mapping[str, Prevalence]
    folder: Path


def recommend_policy(
    run: Run | str | Path,
    to: str | Path | None = None,
    *,
    stages: int = 3,
    strength: str = AUTO,
    sample: int = SAMPLE,
    only: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> Recommended:
    """Measure every transform on a run's images, and write the policy that this supports.

    Files: ``policy.json`` and its other forms (see `curate.recipe.foreign.write_forms`), and
    ``policy_evidence.parquet`` (see `curate.pipeline.policy_evidence`). Written aside, then put in
    place whole. Embeddings of changed copies stay in the run's cache: another strength, another
    number of stages, or a call after a kill makes none of them again.

    Args:
        run: a finished run.
        to: where the files go; ``RUN/policy`` by default, where earlier ones are replaced.
        stages: of the policy, from none to all of the augmentation.
        strength: "auto", "light" or "strong", see `curate.remedies.dosing.doses`.
        sample: train images, and held-out ones, of which copies are made at every level.
        only: names of `curate.recipe.transforms.TRANSFORMS`; none for all.
        overwrite: replace an earlier policy at `to`.
        progress: shows a bar.
        **options: `device`, `batch_size` and `workers`, as of an analysis.

    Raises:
        PolicyError: an unknown transform or strength, a place that is in use, images that are gone.
        ModelError: the run's model cannot be had any more.
        RunError: the run is not finished.
    """
    run = run if isinstance(run, Run) else Run(run)
    run.check_complete()
    _check_asked(stages, strength, sample, only)
    target = check_target(to, overwrite, run)
    chosen = [name for name in TRANSFORMS if not only or name in only]
    plans = [Plan.known(name) for name in chosen if not TRANSFORMS[name].batch]
    found = measure(run, plans, sample, progress, options)
    log.info("measuring what each transform would bring")
    dosed = {plan.name: _doses(found, plan.name, strength) for plan in plans}
    gained = gains(found.evidence, found.probes, found.copies, dosed, found.prevalence)
    candidates = {
        name: Candidate(
            found.weaknesses.get(name), found.safeties.get(name), gained.get(name),
            answered(found.prevalence, name),
        )
        for name in chosen
    }  # fmt: skip
    policy = recommend(
        candidates, found.evidence.class_names, stages, strength, int(run.info["seed"]),
        made_by(run, sample), image_size(run),
    )  # fmt: skip
    with_forms = Recommended(policy, candidates, found.prevalence, target)
    _write(with_forms)
    return with_forms


def measure(
    run: Run, plans: Sequence[Plan], sample: int, progress: Progress, options: Mapping[str, Any]
) -> Measurements:
    """Everything about some transforms that does not depend on how they would be applied."""
    evidence = load_evidence(run)
    settings = run.info["settings"]
    if settings.get("predictions") or settings.get("checkpoint"):
        log.info(
            "changed images are judged by linear probes on the embeddings of %s, trained on train: "
            "the predictions of the run say nothing of them", settings["model"],
        )  # fmt: skip
    findings = {str(kind): table for kind, table in run.table("findings").groupby("kind")}
    probes = Probes.of(evidence)
    drawn = Sample.of(evidence, sample)
    copies = augmented_copies(run, evidence, plans, drawn, options, progress)
    judge = SafetyJudge(evidence, probes)
    shares = prevalence(evidence, findings)
    weaknesses, safeties = {}, {}
    with progress("judging transforms", total=len(plans), unit="transform") as bar:
        for plan in plans:
            some = copies[plan.name]
            weaknesses[plan.name] = weakness(
                evidence, probes, some, _shown_by_val(shares, plan.transform)
            )
            safeties[plan.name] = judge.judge(some)
            bar.update()
    return Measurements(evidence, probes, copies, drawn, weaknesses, safeties, shares)


def answered(found: Mapping[str, Prevalence], name: str) -> dict[str, Prevalence]:
    """The symptoms that a transform answers, as far as they were measured."""
    if name not in TRANSFORMS:
        return {}
    return {symptom: found[symptom] for symptom in TRANSFORMS[name].shown_by if symptom in found}


def _shown_by_val(found: Mapping[str, Prevalence], name: str) -> bool:
    """Whether images of val surely show what a transform answers."""
    return any(one.shown and one.split == "val" for one in answered(found, name).values())


def made_by(run: Run, sample: int) -> dict[str, Any]:
    """What a policy was made by: enough to make it again, and nothing that changes by itself."""
    return {
        "curate": version("curate"),
        "albumentations": version("albumentations"),
        "run": str(run.path),
        "run_digest": run.info["arrays"]["embeddings"]["rows"],
        "model": run.info["settings"]["model"],
        "sample": sample,
    }


def image_size(run: Run) -> tuple[int, int]:
    """The size that the run's model was given: the one on which copies were judged."""
    side = run.info.get("inference", {}).get("img_size")
    return (int(side), int(side)) if side else (64, 64)  # hog records none: it has one


def check_target(to: str | Path | None, overwrite: bool, run: Run) -> Path:
    """The folder to be written, or `PolicyError` if a policy cannot be written there."""
    if to is None:
        return run.path / "policy"
    target = Path(to).expanduser().resolve()
    check_apart(target, "--to", PolicyError, image_folder(run.info["settings"]["source"]))
    check_apart(target, "--to", PolicyError, run.path, "the run")
    check_holds_none(target, "--to", PolicyError, run.table("catalog")["filepath"])
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not target.is_dir():
        raise PolicyError(f"Expected a directory for --to, found the file {target}.")
    if not _is_policy(target):
        raise PolicyError(
            f"Expected a new directory for --to, found {target} with other files in it. They are "
            "not replaced: choose another --to."
        )
    if not overwrite:
        raise PolicyError(
            f"Expected a new directory for --to, found an earlier policy in {target}. Choose "
            "another, or replace it with --overwrite."
        )
    return target


def _is_policy(folder: Path) -> bool:
    """Whether a folder holds a policy of ours and nothing else, so that none of it is lost."""
    names = {path.name for path in folder.iterdir()}
    ours = {name for name in names if name == EVIDENCE_FILE or name.startswith("policy.")}
    if names != ours or "policy.json" not in names:
        return False
    return f'"{FORMAT}"' in (folder / "policy.json").read_text("utf-8", errors="replace")[:200]


def _check_asked(stages: int, strength: str, sample: int, only: Sequence[str]) -> None:
    for name in only:
        if name not in TRANSFORMS:
            raise PolicyError(
                f"Expected --only among {', '.join(TRANSFORMS)}, found {name!r}"
                f"{near(name, TRANSFORMS)}"
            )
    if strength not in STRENGTHS:
        raise PolicyError(f"Expected a --strength of {listed(STRENGTHS)}, found {strength!r}.")
    if stages < 1:
        raise PolicyError(f"Expected at least 1 stage, found {stages}.")
    if sample < 1:
        raise PolicyError(f"Expected a --sample of at least 1 image, found {sample}.")


def _doses(found: Measurements, name: str, strength: str) -> tuple[Dose, ...]:
    shares = answered(found.prevalence, name).values()
    shown = max((one.held_out.interval[1] for one in shares), default=None)
    return doses(
        TRANSFORMS[name], found.weaknesses[name], found.safeties[name],
        len(found.evidence.class_names), strength, shown,
    )  # fmt: skip


def _write(made: Recommended) -> None:
    with placed(made.folder) as aside:
        write_forms(made.policy, aside)
        write_evidence(made.policy, made.candidates, aside / EVIDENCE_FILE)
