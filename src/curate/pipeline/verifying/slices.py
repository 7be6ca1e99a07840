"""The images that a change was meant for, judged apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.comparison.parts import SMALLEST, Part
from curate.errors import ComparisonError, listed
from curate.pipeline.comparing.members import Member
from curate.pipeline.comparing.parts import found_in
from curate.pipeline.exporting.content import run_digest
from curate.recipe.curriculum import Curriculum
from curate.recipe.transforms import TRANSFORMS
from curate.store.run import Run

MEANT_FOR, SLICE = "meant for", "slice"
"""Sources of parts: what a step of the policy answers, and what a person asked for."""

FOUND = {
    "upside_down": ("orientation: upside-down",),
    "rotated": ("orientation: turned to the left", "orientation: turned to the right"),
    "dark": ("image_quality: dark",),
    "bright": ("image_quality: bright",),
    "low_contrast": ("image_quality: low contrast",),
    "blurred": ("image_quality: blurred",),
    "small": ("image_quality: small",),
}
"""Symptom of `curate.recipe.transforms.Transform.shown_by` -> the findings that are of it."""


@dataclass(frozen=True)
class Slices:
    """Parts of one split.

    Attributes:
        parts: to judge.
        notes: what could not be judged, in words.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def run_of(found: Curriculum, source: Path, given: str | None) -> Run | None:
    """The run that an export was made of; None where it cannot be had.

    Args:
        found: the export.
        source: what was verified, which may be the run.
        given: where a person said it is.

    Raises:
        ComparisonError: the given one is of something else.
        RunError: it is no run.
    """
    digest = found.about.get("run_digest")
    if given is not None:
        run = Run(given)
        run.check_complete()
        if digest is not None and run_digest(run) != digest:
            raise ComparisonError(
                f"Expected the run that the export was made of, found another at {run.path}, or it "
                "was analysed again since. Give that run, or export again."
            )
        return run
    places = [source]
    if found.policy is not None and isinstance(found.policy.made_by.get("run"), str):
        places.append(Path(found.policy.made_by["run"]))
    for place in places:
        if (place / "run.json").is_file() and digest is not None:
            run = Run(place)
            if run.info.get("status") == "complete" and run_digest(run) == digest:
                return run
    return None


def slices_of(
    found: Curriculum, rows: pd.DataFrame, asked: Sequence[str], run: Run | None,
    all_there: bool = True,
) -> Slices:  # fmt: skip
    """The parts of a split that are judged beside all of it.

    Args:
        found: the export.
        rows: the images of the split, in the order in which they are judged.
        asked: by a person.
        run: of the export, None if not known.
        all_there: refuse what is not in these images; else note it.

    Raises:
        ComparisonError: what was asked for is not there.
    """
    place = {str(one): i for i, one in enumerate(rows["sample_id"])}
    findings = _findings(run, place)
    parts, notes = _meant_for(found, findings, run)
    for name in asked:
        try:
            own = _by_column(name, rows, run) if "=" in name else _by_finding(name, findings, run)
        except ComparisonError as error:
            if all_there:
                raise
            notes.append(str(error))
            continue
        known = [part.rows.tolist() for part in parts]
        for part in own:
            if len(part.rows) < SMALLEST:
                notes.append(
                    f"{part.name}: {len(part.rows)} images, too few of {SMALLEST} to judge apart"
                )
            elif part.rows.tolist() not in known:
                parts.append(part)
    return Slices(tuple(parts), tuple(notes))


def _findings(run: Run | None, place: dict[str, int]) -> dict[str, Part]:
    if run is None:
        return {}
    samples = run.table("samples")
    member = Member(
        run.path.name, run, samples, samples["filepath"].to_numpy(),
        np.arange(len(run.info["classes"])),
    )  # fmt: skip
    return {part.name: part for part in found_in(member, member, place, place)}


def _meant_for(
    found: Curriculum, findings: dict[str, Part], run: Run | None
) -> tuple[list[Part], list[str]]:
    """The images with a finding that a step of the policy answers."""
    if found.policy is None:
        return [], []
    steps = dict.fromkeys(step.transform for steps in found.policy.stages for step in steps)
    symptoms = dict.fromkeys(
        symptom
        for name in steps
        if name in TRANSFORMS
        for symptom in TRANSFORMS[name].shown_by
        if symptom in FOUND
    )
    if symptoms and run is None:
        return [], [
            "which images the policy was meant for (" + ", ".join(map(_word, symptoms)) + ") the "
            "run knows, which was not found: give --run"
        ]
    parts, notes = [], []
    for symptom in symptoms:
        own = [findings[name] for name in FOUND[symptom] if name in findings]
        rows = np.unique(np.concatenate([part.rows for part in own])) if own else np.zeros(0, int)
        if len(rows) >= SMALLEST:
            mistakes = any(part.by_mistakes for part in own)
            parts.append(Part(MEANT_FOR, f"{_word(symptom)} images", rows, mistakes))
        else:
            notes.append(
                f"{_word(symptom)} images, which the policy answers: {len(rows)} found, too few of "
                f"{SMALLEST} to judge apart"
            )
    return parts, notes


def _by_finding(name: str, findings: dict[str, Part], run: Run | None) -> list[Part]:
    if run is None:
        raise ComparisonError(
            f"Expected a run beside the export for --slice {name}, a finding, found none. Give "
            "--run RUN, or a column: --slice COLUMN=VALUE."
        )
    own = [findings[name]] if name in findings else [
        part for full, part in findings.items() if full.partition(":")[0] == name
    ]  # fmt: skip
    if not own:
        raise ComparisonError(
            f"Expected --slice to be a finding of {run.path} in these images, found {name!r}; "
            f"there are {listed(findings) or 'none'}. Or give a column: --slice COLUMN=VALUE."
        )
    return [replace(part, source=SLICE) for part in own]


def _by_column(name: str, rows: pd.DataFrame, run: Run | None) -> list[Part]:
    column, _, value = name.partition("=")
    values: Any = None
    if column in rows:
        values = rows[column]
    elif run is not None:
        samples = run.table("samples").set_index("sample_id")
        if column in samples:
            values = samples[column].reindex(rows["sample_id"])
    if values is None:
        raise ComparisonError(
            f"Expected a column of the export's val.csv or of its run for --slice {name}, found "
            f"none called {column!r}" + ("." if run is not None else "; its run was not found: "
            "give --run RUN.")
        )  # fmt: skip
    words = values.astype(object).where(values.notna(), "").astype(str).to_numpy()
    chosen = np.flatnonzero(words == value)
    if not len(chosen):
        raise ComparisonError(
            f"Expected images with {column} {value} for --slice, found none; it is "
            f"{listed(sorted(set(words)))} there. Give one of them."
        )
    return [Part(SLICE, f"{column} {value}", chosen)]


def _word(symptom: str) -> str:
    return symptom.replace("_", "-")
