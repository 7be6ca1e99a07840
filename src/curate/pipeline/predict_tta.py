"""Test-time augmentation by the transforms that were found to leave every label as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import PolicyError
from curate.inference.looking import Change, Pixels
from curate.pipeline.policy_evidence import COLUMNS, EVIDENCE_FILE
from curate.recipe.policy import read_policy
from curate.recipe.transforms import TRANSFORMS, render
from curate.store.run import Run

SEEN_OTHERWISE = (
    "horizontal_flip", "vertical_flip", "half_turn", "quarter_turn", "rotate", "affine",
    "perspective", "brightness_contrast", "gamma",
)  # fmt: skip
"""Transforms that may be averaged over: the same thing as another camera could have seen it. Those
that take something away (crop, grey, blur, noise, JPEG, dropout) or bend it only make copies that
say less."""

NEEDED = ("transform", "level", "breaks", "n_safe", "n_swaps", "n_not_known")


@dataclass(frozen=True)
class Augmentation:
    """Which changed copies are predicted too.

    Attributes:
        steps: (transform, level) of each.
        text: what is used and why, or why nothing is.
    """

    steps: tuple[tuple[str, float], ...]
    text: str

    def changes(self) -> list[Change]:
        """One function a step."""
        return [_change(name, level) for name, level in self.steps]


def safe_augmentation(run: Run | None) -> Augmentation:
    """The transforms that the run's policy found safe for every class.

    The class of a new picture is not known, so that a transform which is safe for some classes only
    is not used. Of each transform it is the mildest level at which every class is "safe" (see
    `curate.remedies.label_safety`) and accuracy on changed images did not surely fall.

    Args:
        run: None for a checkpoint on its own.

    Raises:
        PolicyError: the evidence cannot be read.
    """
    if run is None:
        return _none("which transforms leave labels as they are is known of runs only: --run")
    folder = run.path / "policy"
    evidence = folder / EVIDENCE_FILE
    if not evidence.is_file():
        return _none(
            f"the run has no evidence of which transforms leave labels as they are ({evidence}); "
            f"curate policy {run.path} measures it"
        )
    made_by = read_policy(folder / "policy.json").made_by
    if made_by.get("run_digest") != run.info["arrays"]["embeddings"]["rows"]:
        return _none(
            f"{evidence} was measured before the run was analysed again; curate policy {run.path} "
            "measures it anew"
        )
    n_classes = len(run.info["classes"])
    rows = _rows(evidence)
    mildest: dict[str, float] = {}
    for row in sorted(rows, key=lambda row: -(row["level"] or 0.0)):
        name = row["transform"]
        if name in SEEN_OTHERWISE and row["n_safe"] == n_classes and row["breaks"] is False:
            mildest[name] = float(row["level"])
    steps = tuple((name, mildest[name]) for name in SEEN_OTHERWISE if name in mildest)
    if not steps:
        asked = sorted({row["transform"] for row in rows} & set(SEEN_OTHERWISE))
        told = ", ".join(asked) or "none of those that could be"
        return _none(f"no transform that was measured ({told}) is surely safe for every class")
    told = ", ".join(_in_words(name, level) for name, level in steps)
    return Augmentation(
        steps,
        f"test-time augmentation: probabilities averaged over the picture and {told}, found safe "
        f"for all {n_classes} classes in {evidence}; averages are less sure than single pictures, "
        "on which the calibration was fitted",
    )


def _none(why: str) -> Augmentation:
    return Augmentation((), f"no test-time augmentation: {why}")


def _rows(path: Path) -> list[Mapping[str, Any]]:
    try:
        rows: list[Mapping[str, Any]] = pq.read_table(path, columns=list(NEEDED)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise PolicyError(
            f"Expected the evidence of a policy in {path}, with the columns {', '.join(COLUMNS)}, "
            f"found something else ({error}). Make it again: curate policy."
        ) from error
    return rows


def _in_words(name: str, level: float) -> str:
    known = TRANSFORMS[name]
    return f"{name} {level:g} {known.unit}" if known.unit else name


def _change(name: str, level: float) -> Change:
    def change(pixels: Pixels) -> Pixels:
        # A direction is drawn by the picture itself, so that it is the same every time.
        drawn = hashlib.sha256(name.encode() + pixels.tobytes()).digest()
        return render(name, pixels, level, int.from_bytes(drawn[:4], "big"))

    return change
