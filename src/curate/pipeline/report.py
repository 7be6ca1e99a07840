"""The use case of `curate report`: a run in, one file out that needs neither App nor network."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from curate.board.opening import Board
from curate.board.policy import policy_or_why, policy_path
from curate.data.images import UnreadableImage
from curate.errors import CurriculumError, ExportError, PolicyError, ReportError, listed
from curate.pipeline.curriculum import make_plan
from curate.pipeline.curriculum_facts import curriculum_facts
from curate.pipeline.policy_evidence import EVIDENCE_FILE
from curate.pipeline.policy_examples import examples, in_words
from curate.progress import log
from curate.recipe.policy import Policy
from curate.report.given import Example, Given, PolicyShown
from curate.report.page import GENERATOR
from curate.store.files import write_text
from curate.store.run import Run
from curate.store.schema import TIER_NAMES

FORMATS = {"html": "report.html", "md": "report.md", "json": "report.json"}
"""What a report can be, and its file in the run."""

EXAMPLES, SEEDS = 3, 6
"""Images that a policy is shown on, of as many classes, and pictures of each."""

HISTORY = "history.parquet"
"""Beside a run that `curate train` made."""


def write_report(
    run: Run | str | Path, to: str | Path | None = None, format: str = "html",
    overwrite: bool = False,
) -> Path:  # fmt: skip
    """Write the report of a finished run.

    Args:
        run: the run.
        to: the file; ``RUN/report.html`` (``.md``, ``.json``) by default.
        format: one of `FORMATS`.
        overwrite: replace a file that is no report, too; an earlier report always is.

    Returns:
        The file, written whole or not at all.

    Raises:
        ReportError: the format is unknown, or something else lies where the file should go.
        RunError: the run is not finished.
    """
    run = run if isinstance(run, Run) else Run(run)
    run.check_complete()
    if format not in FORMATS:
        raise ReportError(
            f"Expected a format of {', '.join(FORMATS)}, found {format!r}. Correct --format."
        )
    target = run.path / FORMATS[format] if to is None else Path(to).expanduser().resolve()
    check_place(target, overwrite)
    write_text(target, report_text(run, format))
    return target


def written_or_told(run: Run) -> None:
    """Write RUN/report.html at the end of an analysis, which a failure of it must not cost.

    The failure is told, and an earlier report, which now says what is no longer so, goes.
    """
    target = run.path / FORMATS["html"]
    try:
        write_report(run)
    except Exception as error:  # noqa: BLE001 - whatever it is, the analysis is there; it is told
        log.debug("".join(traceback.format_exception(error)))
        log.error(
            "the analysis is complete, but its report could not be written (%s: %s). `curate "
            "report %s` tries again", type(error).__name__, error, run.path,
        )  # fmt: skip
        if target.is_file() and is_report(target):
            target.unlink()
    else:
        log.info("report: %s", target)


def report_text(run: Run, format: str) -> str:
    """The whole text of a report in one of `FORMATS`."""
    board = Board(run)
    if format == "md":
        from curate.report.markdown import markdown

        return markdown(board)
    if format == "json":
        from curate.report.as_json import as_json

        return as_json(board)
    from curate.report.html import html

    return html(board, given_for(board))


def check_place(target: Path, overwrite: bool) -> None:
    """Refuse a folder, and a file that no report wrote.

    Raises:
        ReportError: naming what is there.
    """
    if target.is_dir():
        raise ReportError(f"Expected a file for --to, found the folder {target}. Name a file.")
    if overwrite or not target.is_file() or is_report(target):
        return
    raise ReportError(
        f"Expected a new file or an earlier report for --to, found another file at {target}. "
        "Choose another name, or add --overwrite."
    )


def is_report(path: Path) -> bool:
    """Whether a file begins as the reports of this package do, in any of its formats."""
    with path.open("rb") as file:
        start = file.read(1000)
    return GENERATOR.encode() in start or start.startswith(b"## curate: ")


def given_for(board: Board) -> Given:
    """What a report shows beside the board: schedule, policy and training."""
    run = board.run
    tiered = bool(np.isin(board.tiers.astype(str), TIER_NAMES).any())
    curriculum, why_not = _curriculum(run) if tiered else (None, "")
    return Given(curriculum, why_not, _policy(board), _history(run))


def _curriculum(run: Run) -> tuple[Mapping[str, Any] | None, str]:
    """The usual schedule on the run's tiers, or why there is none."""
    try:
        return curriculum_facts(run, make_plan(run)), ""
    except (ExportError, CurriculumError, PolicyError) as error:
        return None, str(error)


def _policy(board: Board) -> PolicyShown | None:
    policy, wrong = policy_or_why(board.run)
    if policy is None:
        return PolicyShown((), (), pd.DataFrame(), notes=(wrong,)) if wrong else None
    evidence = policy_path(board.run).with_name(EVIDENCE_FILE)
    table = pq.read_table(evidence).to_pandas() if evidence.is_file() else pd.DataFrame()
    made, notes = _examples(board, policy)
    return PolicyShown(
        tuple(
            tuple((in_words(step), step.reason) for step in steps) for steps in policy.stages
        ),
        tuple((left.transform, left.why) for left in policy.left_out),
        table, made, notes,
    )  # fmt: skip


def _examples(board: Board, policy: Policy) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """Training images of different classes as the last stage with a step changes them."""
    filled = [at for at, steps in enumerate(policy.stages) if steps]
    if not filled:
        return (), ()
    stage = filled[-1]
    train = board.samples[(board.splits == "train") & (board.labels >= 0)]
    chosen = train.drop_duplicates("label").head(EXAMPLES)
    plain = Policy(((),))
    made, gone = [], []
    for path, label in zip(chosen["filepath"], chosen["label"], strict=True):
        try:
            (before,) = examples(plain, 0, path, label, [0])
            after = examples(policy, stage, path, label, range(SEEDS))
        except UnreadableImage:
            gone.append(path)
        else:
            made.append(Example(str(label), before, tuple(after), stage))
    notes = (f"Not found, so without examples: {listed(gone)}.",) if gone else ()
    return tuple(made), notes


def _history(run: Run) -> pd.DataFrame | None:
    """The epochs of the training whose run this is."""
    path = run.path.parent / HISTORY
    trained = str(run.info.get("settings", {}).get("checkpoint") or "").startswith(
        str(run.path.parent)
    ) or str(run.info.get("settings", {}).get("weights") or "").startswith(str(run.path.parent))
    return pq.read_table(path).to_pandas() if trained and path.is_file() else None
