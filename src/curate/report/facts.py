"""The report as plain JSON values, for programs.

Format "curate.report", schema_version 1. Every estimate has its 95 % interval beside it or is the
list [value, low, high]; null is "not known". Keys:

* `run`, `data`, `model`, `seed`, `settings`, `versions`, `seconds` (by stage), `counts`, `classes`:
  how the run was made, as in ``run.json``.
* `headline`: `how_good`, `where_it_fails`, `what_first`, each a list of `text`, `command`, `kind`.
* `splits`: a row a split; `per_class` and `pairs` (the classes most mixed up) by split.
* `findings`: a row a kind, the most first: `flagged`, `judged`, `precision`, `precision_interval`,
  `precision_source`, `says` (of the dataset as a whole) and `worst`, the first images with their
  reasons. ``findings.parquet`` has all of them. `skipped`: kinds that were not looked for, and why.
* `policy`: ``policy/policy.json``, or null; `tiers`: training images by tier and class.
* `problems`: `count`, and the first of the files that could not be used.
* `notes`: what the files' own names say against the scores, then what else was noticed.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import numpy as np

from curate.board.classes import ClassRow, classes, tier_counts
from curate.board.confusion import Pair, top_pairs
from curate.board.opening import Board
from curate.board.overview import KindRow, overview
from curate.board.policy import policy_or_why
from curate.recipe.policy_file import to_json
from curate.report.detector_words import words_of
from curate.report.headline import headline
from curate.report.statement import Statement
from curate.store.schema import TIER_NAMES

FORMAT = "curate.report"
SCHEMA_VERSION = 1

WORST = 10
"""Images of a kind that are named; a person does not read more of a list."""

PROBLEMS = 100


def facts(board: Board) -> dict[str, Any]:
    """All that a report says, as plain JSON values without NaN."""
    info, found, said = board.run.info, overview(board), headline(board)
    splits = [row.split for row in found.splits]
    policy, wrong = policy_or_why(board.run)
    made: dict[str, Any] = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "curate": version("curate"),
        "run": str(board.run.path),
        "data": info.get("data"),
        "model": found.model or None,
        "seed": info.get("seed"),
        "counts": {"images": found.images, **info.get("counts", {})},
        "classes": board.classes,
        "headline": {
            "how_good": [_statement(one) for one in said.how_good],
            "where_it_fails": [_statement(one) for one in said.where_it_fails],
            "what_first": [_statement(one) for one in said.what_first],
        },
        "splits": [
            {
                "split": row.split, "images": row.images, "unlabelled": row.unlabelled,
                "accuracy": row.accuracy, "accuracy_interval": row.accuracy_interval,
                "macro_f1": row.macro_f1, "macro_f1_interval": row.macro_f1_interval,
                **_more_scores(board, row.split),
            }
            for row in found.splits
        ],
        "in_sample": info.get("in_sample"),
        "per_class": {
            split: [_class(row) for row in classes(board, split)] for split in splits
        },
        "pairs": {split: [_pair(pair) for pair in top_pairs(board, split)] for split in splits},
        "findings": [_kind(board, row) for row in found.kinds],
        "skipped": found.skipped,
        "policy": None if policy is None else to_json(policy),
        "tiers": _tiers(board),
        "problems": _problems(board),
        "notes": [*found.notes, *info.get("notes", []), *([wrong] if wrong else [])],
        "settings": info.get("settings", {}),
        "versions": info.get("versions", {}),
        "seconds": {name: stage["seconds"] for name, stage in info.get("stages", {}).items()},
    }  # fmt: skip
    clean: dict[str, Any] = _plain(made)
    return clean


def _statement(one: Statement) -> dict[str, Any]:
    return {"text": one.text, "command": one.command, "kind": one.kind}


def _more_scores(board: Board, split: str) -> dict[str, Any]:
    scores = board.metrics.get(split, {})
    return {key: scores.get(key) for key in ("balanced_accuracy", "expected_calibration_error")}


def _class(row: ClassRow) -> dict[str, Any]:
    return {
        "class": row.name, "images": row.images, "precision": row.precision,
        "recall": row.recall, "f1": row.f1, "label_errors": row.label_errors,
    }  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "a": pair.a, "b": pair.b, "a_as_b": pair.a_as_b, "b_as_a": pair.b_as_a,
        "rate": pair.rate, "rate_interval": pair.interval, "verdict": pair.verdict,
        "causes": pair.causes,
    }  # fmt: skip


def _kind(board: Board, row: KindRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "flagged": row.flagged,
        "judged": row.judged,
        "precision": row.precision,
        "precision_interval": row.interval,
        "precision_source": row.source or None,
        "says": words_of(board.run.info.get("detectors", {}), row.kind),
        "worst": worst(board, row.kind),
    }


def worst(board: Board, kind: str, most: int = WORST) -> list[dict[str, Any]]:
    """The first flagged images of a kind, worst first, with what is said of each."""
    table = board.findings[kind]
    rows = np.flatnonzero(board.flagged(kind))
    rows = rows[np.argsort(table["rank"].to_numpy(dtype=float)[rows], kind="stable")][:most]
    samples = board.samples.iloc[rows]
    said = table.iloc[rows]
    return [
        {
            "sample_id": str(board.ids[row]),
            "filepath": str(sample["filepath"]),
            "split": str(sample["split"]),
            "label": sample["label"],
            "pred_label": sample["pred_label"],
            **{
                key: one[key] or None
                for key in ("reason", "suggestion", "partner_id", "type")
            },
            "score": float(one["score"]),
        }
        for row, (_, sample), (_, one) in zip(
            rows, samples.iterrows(), said.iterrows(), strict=True
        )
    ]  # fmt: skip


def _tiers(board: Board) -> dict[str, Any]:
    counts = tier_counts(board)
    return {
        "totals": dict(zip(TIER_NAMES, counts.sum(axis=0).tolist(), strict=True)),
        "per_class": {
            name: dict(zip(TIER_NAMES, row.tolist(), strict=True))
            for name, row in zip(board.classes, counts, strict=True)
        },
    }


def _problems(board: Board) -> dict[str, Any]:
    table = board.run.table("problems")
    names = ["filepath", "problem", "detail"]
    return {"count": len(table), "first": table[names].head(PROBLEMS).to_dict("records")}


def _plain(value: Any) -> Any:
    """JSON values: tuples as lists, NaN and pandas' missing values as null."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) else None
