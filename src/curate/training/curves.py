"""Loss and accuracy over the epochs as a picture, with the boundaries of the stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.palette import CATEGORIES, OTHER
from curate.recipe.stages import Schedule
from curate.store.files import atomic
from curate.training.history import Row

FORMATS = ("png", "svg")

MOST_NAMED = 8
"""Stages that have room for their names."""


def draw_curves(rows: Sequence[Row], schedule: Schedule, title: str, stem: Path) -> list[Path]:
    """Draw ``STEM.png`` and ``STEM.svg``.

    Accuracy dips where a stage brings in harder images or stronger augmentation, and recovers; a
    line shows each boundary. The band around the accuracy of val is its 95 % interval.

    Args:
        rows: of `curate.training.history`, at least one.
        schedule: that was followed.
        title: what was trained.
        stem: of the files' names.

    Returns:
        The files.
    """
    # The classes behind pyplot: it would choose a screen, and keep what it drew.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.4))
    epochs = [row["epoch"] + 1 for row in rows]
    for axes, what in ((top, "accuracy"), (middle, "loss")):
        for split, colour in (("train", CATEGORIES[1]), ("val", CATEGORIES[0])):
            values = [row[f"{split}_{what}"] for row in rows]
            if all(value is not None for value in values):
                axes.plot(epochs, values, color=colour, marker=".", label=split)
        axes.set_ylabel(what)
    if rows[0]["val_low"] is not None:
        low, high = ([row[name] for row in rows] for name in ("val_low", "val_high"))
        top.fill_between(epochs, low, high, color=CATEGORIES[0], alpha=0.15, linewidth=0,
                         label="95 % interval")  # fmt: skip
    best = [row for row in rows if row["best"]]
    if best and best[-1]["val_accuracy"] is not None:
        top.plot(best[-1]["epoch"] + 1, best[-1]["val_accuracy"], "*", markersize=12,
                 color=CATEGORIES[2], label=f"best, epoch {best[-1]['epoch'] + 1}")  # fmt: skip
    rates = [row["lr"] * row["lr_scale"] for row in rows]
    bottom.plot(epochs, rates, color=CATEGORIES[3], marker=".")
    if min(rates) > 0:
        bottom.set_yscale("log")
    bottom.set_ylabel("learning rate")
    bottom.set_xlabel("epoch")
    bottom.xaxis.get_major_locator().set_params(integer=True)
    _boundaries((top, middle, bottom), schedule, epochs[-1])
    bottom.set_xlim(0.5, epochs[-1] + 0.5)
    top.legend(fontsize="small")
    top.set_title(title, pad=18)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in FORMATS]
    # The same numbers give the same bytes.
    with rc_context({"svg.hashsalt": "curate"}):
        for kind, path in zip(FORMATS, paths, strict=True):
            dated = {"Date": None} if kind == "svg" else {"Software": None}
            with atomic(path) as file:
                figure.savefig(file, format=kind, dpi=120, metadata=dated)
    return paths


def _boundaries(every: Sequence[Any], schedule: Schedule, last: int) -> None:
    """A line between the last epoch of a stage and the first of the next; few stages are named."""
    n = len(schedule.stages)
    for number, stage in enumerate(schedule.stages):
        if stage.start_epoch >= last:
            break
        at = stage.start_epoch + 0.5
        if number:
            for axes in every:
                axes.axvline(at, color=OTHER, linestyle="--", linewidth=1)
        if 1 < n <= MOST_NAMED:
            every[0].annotate(
                f"stage {number + 1}", (at, 1), xycoords=("data", "axes fraction"),
                xytext=(2, 4), textcoords="offset points", fontsize="small", color="#555555",
            )  # fmt: skip
