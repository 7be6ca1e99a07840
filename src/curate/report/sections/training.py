"""The curves of the training that made the run."""

from __future__ import annotations

import pandas as pd

from curate.report.charts import Axis, Line, line_chart
from curate.report.given import Given
from curate.report.page import Section, fragment

MOST_NAMED = 6
"""Stages that have room for their names."""


def training(given: Given) -> Section | None:
    """Accuracy and loss over the epochs, with the boundaries of the stages; None without any."""
    rows = given.history
    if rows is None or not len(rows):
        return None
    epochs = (rows["epoch"] + 1).tolist()
    first = rows.drop_duplicates("stage").iloc[1:]
    named = len(first) < MOST_NAMED
    marks = [
        (float(epoch) + 0.5, f"stage {stage + 1}" if named else "")
        for epoch, stage in zip(first["epoch"], first["stage"], strict=True)
    ]
    x = Axis("epoch", 1, max(epochs[-1], 2))
    val = rows.dropna(subset=["val_accuracy"])
    lines = [Line("train", "c1", epochs, rows["train_accuracy"].tolist())]
    losses = [Line("train", "c1", epochs, rows["train_loss"].tolist())]
    if len(val):
        at = (val["epoch"] + 1).tolist()
        lines.append(
            Line(
                "val", "c0", at, val["val_accuracy"].tolist(), val["val_low"].tolist(),
                val["val_high"].tolist(),
            )
        )  # fmt: skip
        losses.append(Line("val", "c0", at, val["val_loss"].tolist()))
    highest = max(max(line.y) for line in losses)
    best = rows[rows["best"]].iloc[-1:]
    charts = [
        ("accuracy", line_chart(_said("Accuracy", lines), lines, x, Axis("", 0, 1), marks)),
        ("loss", line_chart(_said("Loss", losses), losses, x, Axis("", 0, highest), marks)),
    ]
    return Section(
        "training", "How it was trained",
        fragment(
            "training.html", charts=charts, epochs=len(rows), best=_best(best),
            colours=[(line.name, line.colour) for line in reversed(lines)],
        ),
        "Upright lines are the boundaries of the stages: accuracy dips where harder images or "
        "stronger augmentation come in, and recovers.",
        "Training",
    )  # fmt: skip


def _said(what: str, lines: list[Line]) -> str:
    ends = ", ".join(f"{line.name} {line.y[0]:.3g} to {line.y[-1]:.3g}" for line in lines)
    return f"{what} from the first epoch to the last: {ends}"


def _best(row: pd.DataFrame) -> str:
    if not len(row) or pd.isna(row["val_accuracy"].iloc[0]):
        return ""
    one = row.iloc[0]
    return (
        f"Best after epoch {one['epoch'] + 1}: val accuracy {one['val_accuracy']:.3f} "
        f"[{one['val_low']:.3f}, {one['val_high']:.3f}]."
    )
