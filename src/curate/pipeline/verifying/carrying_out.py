"""From a directory that is set up to its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from curate.board.policy import POLICY_FILE, policy_path
from curate.comparison.arms import BOTH, POLICY
from curate.comparison.verdict import Verification
from curate.findings import Floats
from curate.pipeline.verifying.asked import EXPORT, NONE, SETUP, Asked, read_args
from curate.pipeline.verifying.experiment import BudgetTooSmall, Experiment, Ran, judged, units_of
from curate.pipeline.verifying.recipes import labelled
from curate.pipeline.verifying.result import (
    FORMAT,
    JSON,
    SCHEMA_VERSION,
    TABLE,
    parts_of,
    table_of,
    verdict_json,
    write_table,
)
from curate.pipeline.verifying.searching import Chosen
from curate.pipeline.verifying.slices import slices_of
from curate.pipeline.verifying.withdrawing import rejected, withdraw
from curate.progress import Progress
from curate.recipe.curriculum import Curriculum, read_curriculum
from curate.store.files import write_json
from curate.store.run import Run


def carry_out(target: Path, final: bool, progress: Progress) -> dict[str, Any]:
    """Run what is left to run, judge, withdraw what is rejected, and write the report.

    The report is written once all is run: who looks at verdicts on the way, and stops when one
    pleases, finds effects where there are none.

    Args:
        target: the directory.
        final: judge on test too.
        progress: for the bars.
    """
    source, asked, options = read_args(target)
    export = read_curriculum(target / EXPORT)
    setup = json.loads((target / SETUP).read_text("utf-8"))
    val = labelled(export, "val")
    if final:
        labelled(export, "test")
    experiment = Experiment(
        target, export, val, parts_of(setup["parts"]), asked, options, progress
    )  # fmt: skip
    before = _before(target)
    report: dict[str, Any] = {
        "format": FORMAT, "schema_version": SCHEMA_VERSION, "source": source,
        "classes": list(export.classes), "model": options.model, "img_size": options.img_size,
        "freeze": options.freeze, "baseline": asked.baseline, "arms": setup["arms"],
    }  # fmt: skip
    try:
        chosen = experiment.search()
        ran = experiment.run(chosen)
    except BudgetTooSmall as short:
        report |= {"seeds": [], "budget_too_small": str(short), "notes": setup["notes"]}
        write_json(target / JSON, report)
        return report
    found = experiment.verdict(ran.probs)
    seeds = experiment.seeds(ran.probs)
    report |= {"seeds": seeds, "draws": int(units_of(val).max()) + 1}
    report |= verdict_json(found, ran.probs, val)
    report["search"] = {
        "tried": list(chosen.tried), "accuracy": {k: list(v) for k, v in chosen.accuracy.items()},
    }  # fmt: skip
    for name, about in report["arms"].items():
        about["lr"] = chosen.lr[name]
    report["plan"] = None if ran.plan is None else {
        "budget": asked.budget, "word": ran.plan.word, "text": ran.plan.text(),
        "affordable": ran.plan.affordable, "needed": ran.plan.needed,
    }  # fmt: skip
    table = table_of("val", ran.probs, seeds, val, export.classes)
    report["final"], more = _final(experiment, before, ran, chosen, asked, final)
    report["looks"] = _looks(before, len(seeds))
    report["notes"] = [*setup["notes"], *_notes(chosen, report, _in_sight(export, report))]
    report["withdrawn"], said = _withdrawn(target, export, asked, found, report)
    report["notes"] += said
    report["seconds"] = sum(ran.seconds)
    write_table(table if more is None else pd.concat([table, more]), target / TABLE)
    write_json(target / JSON, report)
    return report


def _before(target: Path) -> dict[str, Any]:
    """The report of an earlier call; empty for none."""
    if not (target / JSON).is_file():
        return {}
    found: dict[str, Any] = json.loads((target / JSON).read_text("utf-8"))
    return found


def _final(
    experiment: Experiment, before: Mapping[str, Any], ran: Ran, chosen: Chosen, asked: Asked,
    wanted: bool,
) -> tuple[dict[str, Any] | None, pd.DataFrame | None]:  # fmt: skip
    """The verdicts on test: made once, then shown as they were."""
    earlier = before.get("final")
    if earlier is None and not wanted:
        return None, None
    export = experiment.export
    test = labelled(export, "test")
    if earlier is not None and earlier["seeds"] != experiment.seeds(ran.probs):
        return earlier, _earlier_rows(experiment.home)
    probs: Mapping[str, Sequence[Floats]] = experiment.on_test(ran, chosen, test)
    seeds = experiment.seeds(ran.probs)
    rows = table_of("test", probs, seeds, test, export.classes)
    if earlier is not None:
        return earlier, rows
    run = _run(asked)
    slices = slices_of(export, test, asked.slices, run, all_there=False)
    found = judged(
        {name: list(own) for name, own in probs.items()}, test, seeds, export.classes,
        slices.parts, asked,
    )  # fmt: skip
    return {
        "seeds": seeds, **verdict_json(found, probs, test), "notes": list(slices.notes)
    }, rows  # fmt: skip


def _earlier_rows(home: Path) -> pd.DataFrame:
    table = pd.read_parquet(home / TABLE)
    return table[table["split"] == "test"]


def _looks(before: Mapping[str, Any], seeds: int) -> int:
    earlier = int(before.get("looks", 0))
    return earlier if len(before.get("seeds", [])) == seeds and earlier else earlier + 1


def _in_sight(export: Curriculum, report: Mapping[str, Any]) -> bool:
    """Whether what is verified was recommended by looking at the images that judge it."""
    made = export.policy is not None and "run_digest" in export.policy.made_by
    return made and bool({POLICY, BOTH} & set(report["arms"]))


def _notes(chosen: Chosen, report: Mapping[str, Any], in_sight: bool) -> list[str]:
    notes = []
    if in_sight and report["final"] is None:
        notes.append(
            "the policy was recommended with val in sight, which may flatter it: --final judges on "
            "test"
        )
    if chosen.at_edge:
        notes.append(
            f"the best learning rate, {chosen.common:g}, lies at the edge of those tried: another "
            "--lr may do better, in every arm alike"
        )
    own = [f"{name} {lr:g}" for name, lr in chosen.lr.items() if lr != chosen.common]
    if own:
        notes.append(f"learning rates that surely suit one arm better: {', '.join(own)}")
    if report["looks"] > 1:
        notes.append(
            f"this is verdict {report['looks']} on this experiment: seeds were added after one was "
            "seen, so that false alarms are more often than 1 in 20"
        )
    final = report["final"]
    if final is not None and final["seeds"] != report["seeds"]:
        notes.append("test was judged with fewer seeds, and is not judged again")
    return notes


def _withdrawn(
    target: Path, export: Curriculum, asked: Asked, found: Verification,
    report: Mapping[str, Any],
) -> tuple[list[str], list[str]]:  # fmt: skip
    """The transforms taken out of the run's policy, and what to say about it."""
    # Against the source's images the verdict is of the data and the policy together.
    against = rejected(found) if asked.baseline == NONE else []
    if not against or export.policy is None:
        return [], []
    run = _run(asked)
    files = [] if run is None else [policy_path(run)]
    if asked.policy is not None and Path(asked.policy).name == POLICY_FILE.name:
        files.append(Path(asked.policy))
    about = {
        "verification": str(target), "model": report["model"], "img_size": report["img_size"],
        "freeze": report["freeze"], "seeds": len(report["seeds"]),
    }  # fmt: skip
    names, text = withdraw(files, export.policy, against, about)
    return names, [text]


def _run(asked: Asked) -> Run | None:
    """The run of the export, if it is still there."""
    if asked.run is None or not (Path(asked.run) / "run.json").is_file():
        return None
    return Run(asked.run)
