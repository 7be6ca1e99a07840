"""A run's artefacts as the evidence that detectors take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.detectors import Detector, missing_input
from curate.findings import Copies, Evidence, Findings, Neighbors
from curate.numerics.copies import find_copies
from curate.numerics.parallel import side_by_side
from curate.pipeline.decided import judged_labels
from curate.pipeline.embedding import readable, views_of
from curate.pipeline.stages import label_numbers
from curate.progress import Progress, log
from curate.store.run import Run
from curate.store.schema import FINDINGS


def graph_of(run: Run, rows: list[str]) -> Neighbors:
    """The run's neighbour graph."""
    said = run.info.get("neighbors", {})
    return Neighbors(
        run.array("cache/neighbor_indices", rows),
        run.array("cache/neighbor_distances", rows),
        said.get("recall", 1.0),
        tuple(said.get("recall_interval", (1.0, 1.0))),
    )


def copies_of(
    run: Run, table: pd.DataFrame, labels: np.ndarray[Any, Any], names: tuple[str, ...]
) -> Copies:
    """Pairs of the same picture, which need no probabilities: folds keep them together."""
    rows = table["sample_id"].tolist()
    return find_copies(
        Evidence(
            sample_ids=np.asarray(rows, dtype=str),
            labels=labels,
            splits=table["split"].to_numpy(dtype=str),
            class_names=names,
            embeddings=run.array("embeddings", rows),
            neighbors=graph_of(run, rows),
            digests=table["content_digest"].to_numpy(dtype=str),
            thumbnails=run.array("cache/thumbnails", rows),
        )
    )


def evidence_of(
    run: Run, table: pd.DataFrame, labels: np.ndarray[Any, Any], names: tuple[str, ...],
    views: Iterable[str], metadata: list[str], copies: Copies, seed: int,
) -> Evidence:  # fmt: skip
    """Everything that the run knows about its images.

    Args:
        run: with its inference, neighbours and probabilities done.
        table: the catalog's readable rows.
        labels: (n,) their class numbers.
        names: the classes.
        views: the embedded views.
        metadata: the user's own columns of `table`.
        copies: of `copies_of`.
        seed: the run's seed.
    """
    rows = table["sample_id"].tolist()
    view_embeddings, view_rows = views_of(run, rows, views)
    return Evidence(
        sample_ids=np.asarray(rows, dtype=str),
        labels=labels,
        splits=table["split"].to_numpy(dtype=str),
        class_names=names,
        pred_probs=np.asarray(run.array("probs", rows)),
        embeddings=np.asarray(run.array("embeddings", rows)),
        view_embeddings=view_embeddings,
        view_rows=view_rows,
        neighbors=graph_of(run, rows),
        digests=table["content_digest"].to_numpy(dtype=str),
        thumbnails=np.asarray(run.array("cache/thumbnails", rows)),
        image_stats=run.table("image_stats"),
        folds=np.asarray(run.array("cache/folds", rows)),
        groups=table["group"].fillna("").to_numpy(dtype=str),
        file_facts=file_facts(table),
        metadata=table[metadata],
        dynamics=dynamics_of(run, table),
        copies=copies,
        seed=seed,
    )


def dynamics_of(run: Run, table: pd.DataFrame) -> pd.DataFrame | None:
    """`Evidence.dynamics` of some images; None where the run was given no dynamics.

    What was recorded while an image was trained as another class than it has now says nothing of
    its label, and counts as not recorded.
    """
    told = run.table("dynamics")
    if told.empty:
        return None
    told = told.set_index("sample_id").reindex(table["sample_id"]).reset_index(drop=True)
    same = told.pop("label").fillna("").to_numpy() == table["label"].fillna("").to_numpy()
    return told.where(pd.Series(same), np.nan)


def file_facts(table: pd.DataFrame) -> pd.DataFrame:
    """`Evidence.file_facts` of the catalog's readable rows."""
    names = ["width", "height", "size_bytes", "format", "mode", "exif_orientation"]
    filename = [Path(path).name for path in table["filepath"]]
    return table[names].reset_index(drop=True).assign(filename=filename)


def load_evidence(run: Run) -> Evidence:
    """What a finished run knows about its images, as its detectors saw it."""
    table = judged_labels(run, readable(run.table("catalog"), run.table("decode_problems")))
    names = tuple(run.info["classes"])
    labels = label_numbers(table["label"], names)
    views = tuple(
        sorted(
            name.removeprefix("cache/rows_")
            for name in run.info["arrays"]
            if name.startswith("cache/rows_")
        )
    )
    return evidence_of(
        run, table, labels, names, views, list(run.info["metadata"]),
        copies_of(run, table, labels, names), run.info["seed"],
    )  # fmt: skip


def detect_all(
    run: Run, evidence: Evidence, wanted: Mapping[str, Detector], progress: Progress
) -> None:
    """Run the detectors that are wanted, several at a time, and write findings.parquet."""
    detectors: list[Detector] = []
    skipped: dict[str, str] = {}
    for kind, detector in wanted.items():
        why = missing_input(detector, evidence)
        if why is None:
            detectors.append(detector)
        else:
            skipped[kind] = why
            log.warning("%s: skipped, it %s", kind, why)
    with progress("detect", total=len(detectors), unit="kind") as bar:

        def detect(detector: Detector) -> Findings:
            findings = detector.detect(evidence)
            bar.update()
            return findings

        found = side_by_side(detect, detectors)
    tables = [findings.table.assign(kind=findings.kind) for findings in found]
    run.write_table("findings", pd.concat(tables, ignore_index=True)[list(FINDINGS)])
    run.save(
        detectors={
            findings.kind: {"flagged": int(findings.table["flagged"].sum()), **findings.info}
            for findings in found
        },
        skipped_detectors=skipped,
    )
