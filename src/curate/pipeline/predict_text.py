"""Predictions as text for a terminal of 100 columns, as JSON, and as a CSV file.

The columns of the CSV file, one row a picture, unreadable ones too:

- image: path or address, as given.
- class_1, p_1, ..., class_5, p_5: the likeliest classes and their probabilities.
- far: true or false, empty where it is not known; distance, p_far: how far, and the share of
  ordinary pictures that are as far or farther.
- nearest_1, nearest_1_label, nearest_1_distance, ... (3 of them): train images.
- in_run: the split of the run in which the same file is.
- problem, detail: why nothing is said of it.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from curate.pipeline.plain_text import printable, wrapped
from curate.pipeline.predict import SHOWN_NEAR, TOP, Predicted, Predictions
from curate.store.files import write_text

FORMAT, SCHEMA_VERSION = "curate.predictions", 1

MOST = 30
"""Pictures that are printed, and problems; the file has all."""


def predictions_text(made: Predictions) -> str:
    """Every picture with its classes, its warning and the train images that are nearest."""
    read = made.read
    bad = [one for one in made.pictures if one.problem is not None]
    far = [one for one in read if one.far]
    lines = wrapped(
        f"{len(read)} of {len(made.pictures)} pictures predicted, "
        f"{len(made.predictor.class_names)} classes, by {made.predictor.name}"
    )
    lines += wrapped(made.predictor.calibration.text, "  ", whole_words=True)
    lines += wrapped(made.far_text, "  ", whole_words=True)
    if made.augmentation is not None:
        lines += wrapped(made.augmentation.text, "  ", whole_words=True)
    for note in made.notes:
        lines += wrapped(f"note: {note}", "  ", whole_words=True)
    for one in read[:MOST]:
        lines += ["", *_picture(one)]
    if len(read) > MOST:
        lines += ["", f"and {len(read) - MOST} more: --to FILE.csv has all"]
        lines += [
            f"  far from training: {printable(one.image)}"
            for one in [one for one in read[MOST:] if one.far][:MOST]
        ]
    if made.rate is not None:
        lines += ["", *wrapped(
            f"{len(far)} of {len(read)} far from everything trained on; of as many ordinary ones "
            f"{made.rate * len(read):.2g} would be by chance", "  ",
        )]  # fmt: skip
    if bad:
        lines += ["", f"{len(bad)} could not be read:"]
        lines += [
            line for one in bad[:MOST] for line in wrapped(_problem(one), "    ", whole_words=True)
        ]
        lines += [f"  and {len(bad) - MOST} more"] if len(bad) > MOST else []
    if made.skipped:
        lines += ["", f"passed over: {made.skipped} files in folders that are no images"]
    return "\n".join(lines)


def predictions_json(made: Predictions) -> dict[str, Any]:
    """The same as plain JSON values; null is "not known"."""
    calibration, predictor = made.predictor.calibration, made.predictor
    augmentation = made.augmentation
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "predicted_by": predictor.name,
        "classes": list(predictor.class_names),
        "calibration": {
            "text": calibration.text,
            "temperature": calibration.temperature if calibration.images else None,
            "interval": _finite(calibration.interval),
            "images": calibration.images,
        },
        "far": {"text": made.far_text, "false_alarm_rate": made.rate},
        "augmentation": None if augmentation is None else {
            "text": augmentation.text,
            "steps": [{"transform": name, "level": level} for name, level in augmentation.steps],
        },
        "notes": list(made.notes),
        "skipped_files": made.skipped,
        "pictures": [_plain(one) for one in made.pictures],
    }  # fmt: skip


def write_csv(made: Predictions, path: Path) -> None:
    """Write a row a picture, whole or not at all."""
    top = min(TOP, len(made.predictor.class_names))
    heads = ["image"]
    heads += [f"{what}_{i + 1}" for i in range(top) for what in ("class", "p")]
    heads += ["far", "distance", "p_far"]
    for i in range(SHOWN_NEAR):
        heads += [f"nearest_{i + 1}", f"nearest_{i + 1}_label", f"nearest_{i + 1}_distance"]
    heads += ["in_run", "problem", "detail"]
    out = io.StringIO()
    writer = csv.DictWriter(out, heads, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(one) for one in made.pictures)
    write_text(path, out.getvalue())


def _picture(one: Predicted) -> list[str]:
    lines = [printable(one.image)]
    told = "  ".join(f"{name} {probability:.3f}" for name, probability in one.classes)
    lines += wrapped(f"  {told}", "    ")
    if one.far:
        assert one.p_value is not None
        lines += wrapped(
            f"  WARNING: far from everything trained on (distance {one.distance:.3f}; "
            f"{100 * one.p_value:.2g} % of ordinary pictures are as far): its classes may mean "
            "nothing", "    ",
        )  # fmt: skip
    for near in one.nearest:
        lines.append(f"  near {near.distance:.3f}  {near.label}  {printable(near.filepath)}")
    return lines


def _problem(one: Predicted) -> str:
    assert one.problem is not None
    problem, detail = one.problem
    return f"  {one.image}: {problem.replace('_', ' ')}, {detail}"


def _plain(one: Predicted) -> dict[str, Any]:
    problem, detail = one.problem or (None, None)
    return {
        "image": one.image,
        "classes": [{"class": name, "p": probability} for name, probability in one.classes],
        "far": one.far,
        "distance": one.distance,
        "p_far": one.p_value,
        "nearest": [
            {"filepath": near.filepath, "label": near.label, "distance": near.distance}
            for near in one.nearest
        ],
        "in_run": one.in_run or None,
        "problem": problem,
        "detail": detail,
    }


def _row(one: Predicted) -> dict[str, Any]:
    row: dict[str, Any] = {"image": one.image, "in_run": one.in_run}
    for i, (name, probability) in enumerate(one.classes):
        row |= {f"class_{i + 1}": name, f"p_{i + 1}": f"{probability:.6g}"}
    if one.distance is not None:
        row["distance"] = f"{one.distance:.6g}"
    if one.far is not None:
        row |= {"far": str(one.far).lower(), "p_far": f"{one.p_value:.6g}"}
    for i, near in enumerate(one.nearest):
        row |= {
            f"nearest_{i + 1}": near.filepath, f"nearest_{i + 1}_label": near.label,
            f"nearest_{i + 1}_distance": f"{near.distance:.6g}",
        }  # fmt: skip
    if one.problem is not None:
        row |= {"problem": one.problem[0], "detail": one.problem[1]}
    return row


def _finite(interval: tuple[float, float] | None) -> list[float | None] | None:
    if interval is None:
        return None
    return [end if end < float("inf") else None for end in interval]
