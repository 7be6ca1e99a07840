"""A run and what people decided, written as what a trainer takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from curate.errors import ExportError
from curate.pipeline.curriculum import (
    EPOCHS,
    PRESET,
    Plan,
    check_policy,
    make_plan,
    policy_of,
)
from curate.pipeline.decided import check_trainable, edited
from curate.pipeline.exporting.content import (
    FOLDS,
    content_of,
    decisions_table,
    images_digest,
    images_table,
    run_digest,
    settings_of,
)
from curate.pipeline.exporting.exported import DECISIONS, FILES, IMAGES, digest_of_bytes
from curate.pipeline.exporting.files import list_files
from curate.pipeline.exporting.scores import counts_of, scores_of
from curate.pipeline.exporting.target import (
    check_images,
    check_one_file_system,
    check_room,
    check_target,
)
from curate.progress import Progress, log, silent
from curate.recipe.curriculum import ABOUT, FORMAT, SCHEMA_VERSION
from curate.recipe.schedule import make_schedule
from curate.remedies.formats import FORMATS, LINKS, Content, Link, check_formats
from curate.remedies.formats.manifests import write_csv
from curate.remedies.formats.submission import FILE as SUBMISSION
from curate.remedies.formats.submission import Submission, fill, own_numberings
from curate.remedies.tiering import REVIEW
from curate.remedies.tiers import USUAL
from curate.store.files import placed, write_json, write_text
from curate.store.run import Run

if TYPE_CHECKING:
    from curate.recipe.policy import Policy

POLICY = "policy"
"""The stem of the names of the policy's files."""


def export(
    run: Run | str | Path,
    to: str | Path,
    overwrite: bool = False,
    epochs: int = EPOCHS,
    *,
    formats: Sequence[str] = (),
    link: Link = "symlink",
    plan: Plan | None = None,
    policy: str | Path | None = None,
    with_policy: bool = True,
    folds: int | None = None,
    submission: str | Path | None = None,
    progress: Progress = silent,
    **choices: Any,
) -> dict[str, Any]:
    """Write what a trainer takes, from a run and the decisions saved in it.

    Always written: ``train_TIER.csv`` for every tier and for review, ``train.csv`` (the images to
    train on: all but review and what a person excluded), ``val.csv``, ``test.csv``,
    ``classes.txt``, ``curriculum.json``, ``edits.csv``, ``decisions.csv``, ``images.parquet`` and
    ``files.csv``. Each further format is a folder of its name. All is written aside, then put in
    place whole; the same run and decisions give the same bytes, wherever the run lies.

    Args:
        run: a finished run.
        to: a new directory, or with `overwrite` one that holds an earlier export.
        overwrite: replace the earlier export.
        epochs: of the schedule.
        formats: names of `curate.remedies.formats.FORMATS`.
        link: how the images get into trees of folders: "symlink", "hardlink" or "copy".
        plan: a whole curriculum, in place of `epochs` and `choices`.
        policy: an augmentation policy in any form that `curate policy` reads; by default that of
            the plan, else the run's own.
        with_policy: False for none.
        folds: how many lists for cross-validation to write.
        submission: a competition's sample file, to be filled with the predictions for test.
        progress: for the bars.
        **choices: `preset`, `tiering`, and what `curate.recipe.schedule.make_schedule` takes.

    Returns:
        The content of ``curriculum.json``.

    Raises:
        ExportError: the directory is in use, an image was moved, or a decision, format or sample
            file cannot be followed; nothing was written.
        CurriculumError: the schedule cannot be.
        PolicyError: the policy cannot be read.
        RunError: the run is not finished.
    """
    run = run if isinstance(run, Run) else Run(run)
    run.check_complete()
    target = check_target(Path(to), overwrite, run)
    wanted = _formats(formats, link, folds)
    folds = (folds or FOLDS) if "folds" in wanted else None
    plan, chosen = _planned(run, epochs, plan, policy, with_policy, choices)
    after = edited(run, plan.tiering)
    check_trainable(after.samples, plan.tiering)
    content = content_of(run, after, plan.schedule, plan.tiering.names, link, folds, progress)
    # What a person excluded may be gone.
    named = ~content.table["dropped"].to_numpy(dtype=bool) | (content.table["tier"] == REVIEW)
    check_images(content.table[named])
    kept = content.kept
    check_room(target, kept["size_bytes"], wanted, link)
    if link == "hardlink":
        check_one_file_system(kept["filepath"].tolist(), target)
    samples = run.table("samples")
    filled = None if submission is None else _filled(run, samples, Path(submission))
    with placed(target) as folder:
        return _write(folder, run, samples, content, plan, chosen, wanted, filled, after)


def _formats(formats: Sequence[str], link: str, folds: int | None) -> list[str]:
    """The formats to write, csv the first, each once."""
    check_formats(formats)
    if link not in LINKS:
        raise ExportError(
            f"Expected a link of {', '.join(LINKS)}, found {link!r}. Give one of them."
        )
    asked = ["csv", *formats, *(["folds"] if folds is not None else [])]
    return [name for name in FORMATS if name in asked]


def _planned(
    run: Run, epochs: int, plan: Plan | None, policy: str | Path | None, with_policy: bool,
    choices: dict[str, Any],
) -> tuple[Plan, Policy | None]:  # fmt: skip
    """The curriculum and the augmentation policy that goes with it."""
    names, seed = tuple(run.info["classes"]), int(run.info["seed"])
    found: Policy | None = None
    if policy is not None and with_policy:
        from curate.recipe.foreign import read_any

        # As text, since it may be a recipe of timm, such as rand-m9-n3.
        found = read_any(str(Path(policy).expanduser()))
        if plan is None:
            choices = dict(choices)
            tiering = choices.pop("tiering", USUAL)
            schedule = make_schedule(
                choices.pop("preset", PRESET), epochs, tiering.names, len(found.stages), **choices
            )
            plan = Plan(schedule, tiering)
    else:
        if plan is None:
            plan = make_plan(run, epochs=epochs, with_policy=with_policy, **choices)
        found = policy_of(plan.policy if with_policy else None, names, seed, run)
    if not with_policy:
        stages = tuple(replace(stage, policy_stage=None) for stage in plan.schedule.stages)
        plan = replace(plan, schedule=replace(plan.schedule, stages=stages), policy=None)
    if found is not None:
        found.check_classes(names)
        for gone in found.withdrawn:
            log.info("the policy is without %s, which was withdrawn: %s", gone.transform, gone.why)
    check_policy(plan, found)
    return plan, found


def _filled(run: Run, samples: pd.DataFrame, sample: Path) -> Submission:
    """A competition's sample file with the predictions for the test images, excluded or not."""
    rows = np.flatnonzero(samples["split"] == "test")
    if not len(rows):
        raise ExportError("Expected test images for --submission, found none in the run.")
    test = samples.iloc[rows]
    probs = np.asarray(run.array("probs", samples["sample_id"]))[rows]
    problems = run.table("problems")
    names = list(run.info["classes"])
    return fill(
        sample.expanduser(), test["filepath"].tolist(), test["sample_id"].tolist(), probs, names,
        own_numberings(samples, list(run.info.get("metadata", {})), names),
        problems.loc[problems["split"] == "test", "filepath"].tolist(),
    )  # fmt: skip


def _write(
    folder: Path, run: Run, samples: pd.DataFrame, content: Content, plan: Plan,
    policy: Policy | None, formats: Sequence[str], filled: Submission | None, after: Any,
) -> dict[str, Any]:  # fmt: skip
    """Write all files; returns the content of curriculum.json, which is written last."""
    for name in formats:
        # The lists as CSV are the export itself; other formats are beside them.
        FORMATS[name].write(folder if name == "csv" else folder / name, content)
    write_csv(after.edits, folder / "edits.csv", list(after.edits.columns))
    decisions = run.table("decisions")
    used = decisions_table(content, decisions)
    write_csv(used, folder / DECISIONS, list(used.columns))
    images = images_table(samples, content, decisions)
    pq.write_table(images, folder / IMAGES)
    if policy is not None:
        from curate.recipe.foreign import write_forms

        write_forms(policy, folder, POLICY)
    if filled is not None:
        write_text(folder / SUBMISSION, filled.text)
    files = list_files(folder, content.table)
    write_csv(files, folder / FILES, list(files.columns))
    probs = np.asarray(run.array("probs", samples["sample_id"]))
    schedule = plan.schedule.to_json()
    about = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "curate": version("curate"),
        "run": run.path.name,
        "run_digest": run_digest(run),
        "model": run.info["settings"]["model"],
        "settings": settings_of(run),
        "seed": content.seed,
        "classes": list(content.class_names),
        "epochs": schedule["epochs"],
        "preset": schedule["preset"],
        "stages": schedule["stages"],
        "tiering": plan.tiering.to_json(),
        "policy": f"{POLICY}.json" if policy is not None else None,
        "counts": counts_of(content),
        "decisions": len(decisions),
        "excluded": _excluded(images),
        "scores": scores_of(samples, after, probs, content.class_names, content.seed),
        "options": {
            "formats": list(formats),
            "link": content.link,
            "folds": content.folds if "folds" in formats else None,
        },
        "submission": None if filled is None else {"file": SUBMISSION, **filled.about},
        "images": IMAGES,
        "images_digest": images_digest(images),
        "files": FILES,
        "files_digest": digest_of_bytes((folder / FILES).read_bytes()),
    }
    write_json(folder / ABOUT, about)
    return about


def _excluded(images: Any) -> dict[str, int]:
    """How many images are left out, by who left them out."""
    table = images.select(["state", "by"]).to_pandas()
    return {
        "by_people": int((table["state"] == "excluded").sum()),
        "under_review": int((table["state"] == "review").sum()),
    }


__all__ = ["Plan", "check_target", "export"]
