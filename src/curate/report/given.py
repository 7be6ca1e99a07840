"""What a report shows that the run's board does not hold: whoever makes it works it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Example:
    """One image as a stage of a policy changes it.

    Attributes:
        label: its class.
        before: the image as it is, as a ``data:`` address.
        after: the same changed, once a seed.
        stage: counted from 0.
    """

    label: str
    before: str
    after: tuple[str, ...]
    stage: int


@dataclass(frozen=True)
class PolicyShown:
    """An augmentation policy as a person reads it.

    Attributes:
        stages: of each the steps: what it does, and why.
        left_out: transforms that it does not have: name, and why not.
        evidence: the table `policy_evidence.parquet`; empty where there is none.
        examples: images before and after; none where they are gone.
        notes: what could not be shown, and why.
    """

    stages: tuple[tuple[tuple[str, str], ...], ...]
    left_out: tuple[tuple[str, str], ...]
    evidence: pd.DataFrame
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """All of it; a part that is not there is left out of the report, or said to be missing.

    Attributes:
        curriculum: of `curate.pipeline.curriculum_facts.curriculum_facts`, for the usual schedule.
        no_curriculum: why there is none.
        policy: the run's own.
        history: the table `history.parquet` of the training that made the run.
    """

    curriculum: Mapping[str, Any] | None = None
    no_curriculum: str = ""
    policy: PolicyShown | None = None
    history: pd.DataFrame | None = None
