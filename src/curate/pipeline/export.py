"""A run and what people decided, written as the lists of images that a trainer takes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.errors import ExportError
from curate.findings import stage_rng
from curate.numerics.metrics import classification_metrics
from curate.pipeline.decided import edited
from curate.pipeline.places import check_apart, check_holds_none, image_folder
from curate.pipeline.stages import label_numbers
from curate.remedies.edits import Edited
from curate.remedies.schedule import staged_schedule
from curate.store.files import place_folder
from curate.store.run import Run
from curate.store.schema import TIER_NAMES

FORMAT = "curate.export"
COLUMNS = ["filepath", "label", "target", "tier", "difficulty", "turn", "reason"]


def export(
    run: Run | str | Path, to: str | Path, overwrite: bool = False, epochs: int = 15
) -> dict[str, Any]:
    """Write curriculum splits from a run and the decisions saved in it.

    Files: ``train_{easy,medium,hard,review}.csv``, ``train.csv`` (the images to train on: all
    but review and what a person excluded), ``val.csv``, ``test.csv``, ``classes.txt``,
    ``curriculum.json`` and ``edits.csv``. Written aside, then put in place whole.

    Args:
        run: a finished run.
        to: a new directory, or with `overwrite` one that holds an earlier export.
        overwrite: replace the earlier export.
        epochs: of the schedule in ``curriculum.json``.

    Returns:
        The content of ``curriculum.json``.

    Raises:
        ExportError: the directory is in use, or a decision cannot be carried out.
        RunError: the run is not finished.
    """
    run = run if isinstance(run, Run) else Run(run)
    run.check_complete()
    target = check_target(Path(to), overwrite, run)
    samples = run.table("samples")
    names = tuple(run.info["classes"])
    probs = np.asarray(run.array("probs", samples["sample_id"]))
    after = edited(run)
    about = {
        "format": FORMAT,
        "schema_version": 1,
        "run": str(run.path),
        "model": run.info["settings"]["model"],
        "seed": run.info["seed"],
        "classes": list(names),
        "epochs": epochs,
        "stages": staged_schedule(epochs),
        "counts": _counts(after.samples),
        "decisions": len(run.table("decisions")),
        "scores": _scores(samples, after, probs, names, int(run.info["seed"])),
    }
    with _placed(target) as folder:
        _write(folder, after, names)
        (folder / "curriculum.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    return about


def _write(folder: Path, after: Edited, names: tuple[str, ...]) -> None:
    numbers = pd.Series(label_numbers(after.samples["label"], names), dtype="Int64")
    # An unlabelled image has no target: -1 would be taken for a class.
    table = after.samples.assign(target=numbers.where(numbers >= 0))
    kept = table[~table["dropped"]]
    for tier in TIER_NAMES:
        rows = table if tier == "review" else kept
        rows = rows[(rows["split"] == "train") & (rows["tier"] == tier)]
        rows[COLUMNS].to_csv(folder / f"train_{tier}.csv", index=False)
    for split in ("train", "val", "test"):
        kept[kept["split"] == split][COLUMNS].to_csv(folder / f"{split}.csv", index=False)
    after.edits.to_csv(folder / "edits.csv", index=False)
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")


def _counts(table: pd.DataFrame) -> dict[str, int]:
    train = table[(table["split"] == "train") & ~table["dropped"]]
    counts = {f"train_{tier}": int((train["tier"] == tier).sum()) for tier in TIER_NAMES[:-1]}
    held = (table["split"] == "train") & table["dropped"]
    counts["train_held_back"] = int(held.sum())
    for split in ("train", "val", "test"):
        counts[split] = int(((table["split"] == split) & ~table["dropped"]).sum())
    return counts


def _scores(
    before: pd.DataFrame, after: Edited, probs: Any, names: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Accuracy and macro F1 of val and test before and after people's decisions on them."""
    scores: dict[str, Any] = {}
    for split in ("val", "test"):
        own = (before["split"] == split).to_numpy()
        pairs = {
            "before": (before, own),
            "after": (after.samples, own & ~after.samples["dropped"].to_numpy(dtype=bool)),
        }
        for when, (table, mask) in pairs.items():
            labels = label_numbers(table["label"], names)
            rows = np.flatnonzero(mask & (labels >= 0))
            if len(rows):
                rng = stage_rng(seed, f"metrics-{split}")
                found = classification_metrics(labels[rows], probs[rows], names, rng)
                scores.setdefault(split, {})[when] = {
                    key: found[key]
                    for key in ("n", "accuracy", "accuracy_interval", "macro_f1",
                                "macro_f1_interval")
                }  # fmt: skip
    return scores


def check_target(to: Path, overwrite: bool, run: Run) -> Path:
    """The absolute export directory, or `ExportError` if an export cannot be written there."""
    target = to.expanduser().resolve()
    check_apart(target, "--to", ExportError, image_folder(run.info["settings"]["source"]))
    check_apart(target, "--to", ExportError, run.path, "the run")
    check_holds_none(target, "--to", ExportError, run.table("samples")["filepath"])
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not target.is_dir():
        raise ExportError(f"Expected a directory for --to, found the file {target}.")
    if not overwrite:
        raise ExportError(
            f"Expected a new directory for --to, found {target} with files in it. Choose another, "
            "or replace an earlier export with --overwrite."
        )
    if not _is_export(target):
        raise ExportError(
            f"Expected an earlier export at {target}, found other files. They are not replaced: "
            "choose another --to."
        )
    return target


def _is_export(folder: Path) -> bool:
    """Whether a folder holds an export of ours and nothing else, so that none of it is lost."""
    ours = {f"train_{tier}.csv" for tier in TIER_NAMES} | {
        "train.csv", "val.csv", "test.csv", "edits.csv", "classes.txt", "curriculum.json",
    }  # fmt: skip
    if {path.name for path in folder.iterdir()} - ours:
        return False
    try:
        about = json.loads((folder / "curriculum.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and about.get("format") == FORMAT


@contextmanager
def _placed(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        aside.chmod(0o755)
        yield aside
        place_folder(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
