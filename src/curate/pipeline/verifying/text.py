"""A verification in words and a table for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from curate.numerics.planning import duration
from curate.pipeline.plain_text import right, wrapped
from curate.pipeline.summary import columns
from curate.pipeline.verifying.result import JSON, TABLE


def verification_text(report: Mapping[str, Any], to: Any) -> str:
    """The report of `curate.pipeline.verify.verify`, in words."""
    if "budget_too_small" in report:
        lines = wrapped(report["budget_too_small"], "  ")
        return "\n".join([*lines, "", *wrapped(f"go on with: curate verify --resume {to} --budget "
                          "TIME", "  ", whole_words=True)])  # fmt: skip
    lines = [*wrapped(_head(report)), "", *_arms(report), "", *_said(report)]
    if report["plan"] is not None:
        lines += wrapped(f"budget: {report['plan']['text']}", "  ")
    lines += [line for note in report["notes"] for line in wrapped(f"note: {note}", "  ")]
    if report["final"] is not None:
        final = report["final"]
        lines += ["", f"On test, looked at once ({final['images']} images):"]
        lines += _said(final, "  ")
        lines += [line for note in final["notes"] for line in wrapped(f"  note: {note}", "    ")]
    elif report["seeds"]:
        lines.append("test was not looked at; --final does, once")
    lines += ["", f"{to}", f"  {JSON}: all of it; {TABLE}: every prediction"]
    return "\n".join(lines)


def _head(report: Mapping[str, Any]) -> str:
    n, draws = report["images"], report["draws"]
    images = f"{n} images of val"
    if draws < n:
        images += f" ({draws} groups, of which each counts as one draw)"
    seeds = len(report["seeds"])
    size = "" if report["img_size"] is None else f" at {report['img_size']} pixels"
    frozen = "" if report["freeze"] == "none" else f", frozen {report['freeze']}"
    if report["freeze"].isdigit():
        frozen = f", the last {report['freeze']} blocks trained"
    return (
        f"{len(report['arms'])} arms with {seeds} seed{'s' * (seeds != 1)} each, judged on "
        f"{images}: {report['model']}{size}{frozen}, {duration(report['seconds'])} of training. "
        "Each model is the one after its last epoch: val had no part in training it."
    )


def _arms(report: Mapping[str, Any]) -> list[str]:
    heads = ["arm", "what", "images", "epochs", "steps", "rate", "accuracy"]
    rows = [
        [
            name, one["what"], str(one["train_images"]), str(one["epochs"]), str(one["steps"]),
            f"{one['lr']:g}", f"{np.mean(report['accuracy'][name]):.3f}",
        ]
        for name, one in report["arms"].items()
    ]  # fmt: skip
    return columns(heads, right(heads, rows, 2)).splitlines()


def _said(found: Mapping[str, Any], indent: str = "") -> list[str]:
    """The sentences under a heading for each comparison, then those of all of them."""
    lines: list[str] = []
    heading = ""
    judgements = found["verdict"]["judgements"]
    for one, text in zip(judgements, found["said"], strict=False):
        own = f"{one['arm']} against {one['against']}"
        if own != heading:
            lines += wrapped(indent + own)
        heading = own
        lines += wrapped(f"{indent}  {text.removeprefix(f'{own}, ')}", f"{indent}    ")
    rest = found["said"][len(judgements) :]
    return lines + [line for one in rest for line in wrapped(indent + one, f"{indent}  ")]
