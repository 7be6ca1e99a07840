"""Judging the judges: a random sample of findings for a person, and what it says of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from curate.errors import DetectorError
from curate.findings import stage_rng
from curate.numerics.audit import Stratum, precision, recall
from curate.store.run import Run
from curate.store.schema import AUDITS

PARTS = {"flagged": 0.5, "near": 0.25, "rest": 0.25}
"""The parts, and the share of the sample drawn from each: `near` are the unflagged images that were
nearest to being flagged, as many as were; there, most of what was missed is to be found."""

LEAST_NEAR = 50


def draw(run: Run, kind: str, n: int, again: bool = False) -> pd.DataFrame:
    """The images of a kind that a person is asked to judge, in random order.

    Args:
        run: a finished run.
        kind: of the findings.
        n: how many to draw; a part with fewer images gives all it has.
        again: draw anew.

    Returns:
        The rows of `audits.parquet` for this kind; those of the last time where there are some.

    Raises:
        DetectorError: the run has no findings of this kind.
    """
    audits = run.table("audits")
    ours = audits[audits["kind"] == kind].reset_index(drop=True)
    if len(ours) and not again:
        return ours
    findings = run.table("findings")
    table = findings[findings["kind"] == kind]
    if not len(table):
        known = sorted(findings["kind"].unique())
        raise DetectorError(
            f"Expected a kind that this run has looked for, one of {', '.join(known)}, found "
            f"{kind!r}. Correct --kind."
        )
    round_ = int(ours["round"].max()) + 1 if len(ours) else 0
    rng = stage_rng(run.info["seed"], f"audit-{kind}-{round_}")
    drawn = _drawn(table.sort_values("rank"), n, rng).assign(
        kind=kind, round=round_, findings=run.info["stages"]["detect"]["key"], judged=None
    )
    run.write_table(
        "audits",
        pd.concat([audits[audits["kind"] != kind], drawn], ignore_index=True)[list(AUDITS)],
    )
    return run.table("audits").query("kind == @kind").reset_index(drop=True)


def record(run: Run, kind: str, judgements: Mapping[str, bool]) -> None:
    """Write what a person said, by sample_id, beside what was drawn; what was said before stays."""
    audits = run.table("audits")
    ours = audits["kind"] == kind
    said = audits["sample_id"].map(judgements).astype("boolean")
    audits.loc[ours, "judged"] = said[ours].fillna(audits["judged"].astype("boolean")[ours])
    run.write_table("audits", audits)


def audited(run: Run, kind: str) -> dict[str, Any]:
    """What the judged images say of a kind: plain JSON, also written to run.json."""
    audits = run.table("audits")
    ours = audits[audits["kind"] == kind]
    judged = ours["judged"].astype("boolean")
    parts = [
        Stratum(
            flagged=part == "flagged",
            size=int(rows["size"].iloc[0]),
            judged=int(judged[rows.index].notna().sum()),
            yes=int(judged[rows.index].fillna(False).sum()),
        )
        for part, rows in ours.groupby("part")
    ]
    found = {
        "drawn": len(ours),
        "judged": int(judged.notna().sum()),
        "precision": asdict(precision(parts)),
        "recall": asdict(recall(parts, stage_rng(run.info["seed"], f"audited-{kind}"))),
        "stale": bool((ours["findings"] != run.info["stages"]["detect"]["key"]).any()),
    }
    run.save(audits={**run.info.get("audits", {}), kind: found})
    return found


def audit_text(kind: str, found: Mapping[str, Any]) -> str:
    """The same in words."""
    lines = [f"{kind}: {found['judged']} of {found['drawn']} images judged"]
    for name, meaning in (("precision", "of what is flagged"), ("recall", "of all there are")):
        part = found[name]
        if part["value"] is None:
            lines.append(f"{name:9}  not known yet")
        else:
            lines.append(
                f"{name:9}  {part['value']:.2f} [{part['low']:.2f}, {part['high']:.2f}]  {meaning}"
            )
    if found["stale"]:
        lines.append(
            "The findings have changed since the images were drawn: these numbers are of the "
            "former ones. Draw again: --again."
        )
    return "\n".join(lines)


def _drawn(table: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """A stratified sample of findings, given worst first."""
    flagged = table[table["flagged"]]
    others = table[~table["flagged"]]
    near = min(len(others), max(LEAST_NEAR, len(flagged)))
    parts = {"flagged": flagged, "near": others.iloc[:near], "rest": others.iloc[near:]}
    rows = []
    for part, images in parts.items():
        wanted = min(len(images), max(1, round(n * PARTS[part])))
        chosen = images.iloc[np.sort(rng.permutation(len(images))[:wanted])]
        ids = chosen["sample_id"].to_numpy()
        rows.append(pd.DataFrame({"sample_id": ids, "part": part, "size": len(images)}))
    drawn = pd.concat(rows, ignore_index=True)
    return drawn.iloc[rng.permutation(len(drawn))].reset_index(drop=True)
