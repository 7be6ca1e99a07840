"""What a training came to: the content of its last file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.errors import InputError
from curate.progress import log
from curate.store.run import Run
from curate.training.fitting import Fitted, Fitting
from curate.training.history import Row
from curate.training.options import Options

SCORES = ("n", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval")


def one_result(fitting: Fitting, fitted: Fitted, run: Run) -> dict[str, Any]:
    """Of a single training.

    Args:
        fitting: that was done.
        fitted: what it gave.
        run: of the trained model.
    """
    return {
        **_asked(fitting.options, fitting),
        **pace(fitted.rows),
        "recorded": fitted.recorded,
        "splits": scores(run, ("val", "test")),
        "run": run.path.name,
    }


def folds_result(
    fittings: Sequence[tuple[Path, Sequence[Row]]], fitting: Fitting, vote: str, recorded: int,
    run: Run,
) -> dict[str, Any]:  # fmt: skip
    """Of a cross-validation.

    Args:
        fittings: of each fold its directory and the epochs.
        fitting: one of them.
        vote: how the folds' models vote.
        recorded: images in the file of dynamics.
        run: of all of them together.
    """
    rows = [row for _, own in fittings for row in own]
    return {
        **_asked(fitting.options, fitting),
        **pace(rows),
        "vote": vote,
        "folds": [{"folder": home.name, **pace(own)} for home, own in fittings],
        "recorded": recorded,
        "splits": scores(run, ("train", "val", "test")),
        "run": run.path.name,
    }


def scores(run: Run, splits: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro F1 of labelled splits with their intervals, from a run."""
    metrics = run.scores()
    return {
        split: {name: metrics[split][name] for name in SCORES}
        for split in splits
        if split in metrics
    }


def pace(rows: Sequence[Row]) -> dict[str, Any]:
    """How long it took, and the best epoch, counted from 1."""
    best = [row for row in rows if row["best"]][-1]
    return {
        "epochs_trained": len(rows),
        "best_epoch": int(best["epoch"]) + 1,
        "val_accuracy": best["val_accuracy"],
        "images": int(sum(row["images"] for row in rows)),
        "seconds": float(sum(row["seconds"] for row in rows)),
        "waited": float(sum(row["waited"] for row in rows)),
    }


@contextmanager
def kept_if_it_fails(target: Path) -> Iterator[None]:
    """Say that the training is there, where only its run cannot be made."""
    try:
        yield
    except InputError:
        log.warning("the model is trained: `curate train --resume %s` makes its run", target)
        raise


def _asked(options: Options, fitting: Fitting) -> dict[str, Any]:
    return {
        "model": options.model,
        "img_size": list(fitting.config["input_size"][1:]),
        "seed": fitting.seed,
        "preset": fitting.schedule.preset,
        "epochs": fitting.schedule.epochs,
    }
