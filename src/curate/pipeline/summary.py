"""What an analysis found, as a few tables for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from curate.errors import listed
from curate.pipeline.plain_text import wrapped
from curate.report.detector_words import headlines
from curate.report.numbers import with_interval
from curate.store.run import Run
from curate.store.schema import TIER_NAMES


def summary(run: Run) -> dict[str, Any]:
    """The main numbers of a finished run, as plain JSON values."""
    metrics = run.scores()
    samples = run.table("samples")
    tiers = samples.loc[samples["split"] == "train", "tier"].value_counts()
    wanted = (
        "n", "accuracy", "accuracy_interval", "balanced_accuracy", "macro_f1",
        "macro_f1_interval", "expected_calibration_error",
    )  # fmt: skip
    return {
        "run": str(run.path),
        "data": run.info["data"],
        "model": run.info["settings"]["model"],
        "counts": run.info["counts"],
        "classes": len(run.info["classes"]),
        "metrics": {split: {key: value[key] for key in wanted} for split, value in metrics.items()},
        "top_confusions": {split: value["top_confusions"][:5] for split, value in metrics.items()},
        "flagged": {kind: info["flagged"] for kind, info in run.info["detectors"].items()},
        "headlines": headlines(run.info["detectors"]),
        "skipped_detectors": run.info["skipped_detectors"],
        "tiers": {tier: int(tiers.get(tier, 0)) for tier in TIER_NAMES},
        "all_under_review": _all_under_review(samples),
        "seconds": {name: stage["seconds"] for name, stage in run.info["stages"].items()},
        "cached_stages": run.info["cached_stages"],
        "in_sample": run.info["in_sample"],
        "first_notes": run.info["first_notes"],
        "notes": run.info["notes"],
    }


def summary_text(run: Run) -> str:
    """The same numbers as text of at most 100 columns."""
    found = summary(run)
    counts = found["counts"]
    lines = [
        f"{counts['images']} images = {counts['samples']} samples + {counts['problems']} problems, "
        f"{found['classes']} classes, model {found['model']}",
        "",
    ]
    for note in found["first_notes"]:
        lines += [*wrapped(note, whole_words=True), ""]
    rows = [
        [
            split, m["n"], with_interval(m["accuracy"], m["accuracy_interval"]),
            with_interval(m["macro_f1"], m["macro_f1_interval"]),
            f"{m['balanced_accuracy']:.3f}", f"{m['expected_calibration_error']:.3f}",
        ]
        for split, m in found["metrics"].items()
    ]  # fmt: skip
    heads = ["split", "images", "accuracy (95 %)", "macro F1 (95 %)", "balanced", "ECE"]
    lines += [columns(heads, rows), ""]
    lines += [columns(["finding", "flagged", "worst"], _worst(run, found["flagged"])), ""]
    for headline in found["headlines"]:
        lines += wrapped(headline, "  ")
    lines += [""] * bool(found["headlines"])
    for kind, why in found["skipped_detectors"].items():
        lines.append(f"{kind}: skipped, it {why}")
    pairs = [
        f"{pair['label']} -> {pair['pred_label']} {pair['count']}"
        for pair in _main_split(found["top_confusions"])
    ]
    lines.append("most confused: " + (", ".join(pairs) or "nothing"))
    lines.append("train tiers: " + ", ".join(f"{tier} {n}" for tier, n in found["tiers"].items()))
    if lost := found["all_under_review"]:
        said = f"nothing to train on until somebody decides: all of {listed(lost)} is under review"
        lines += wrapped(said, "  ")
    if found["in_sample"]["splits"]:
        lines.append(f"in-sample: {found['in_sample']['why']}")
    if found["cached_stages"]:
        lines.append("taken from the cache: " + ", ".join(found["cached_stages"]))
    return "\n".join(lines)


def columns(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in plain text: numbers to the right, words to the left."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in cells)]) for i, h in enumerate(heads)]
    numeric = [
        bool(rows) and all(isinstance(row[i], int) for row in rows) for i in range(len(heads))
    ]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), line(["-" * width for width in widths]), *map(line, cells)])


def _all_under_review(samples: pd.DataFrame) -> list[str]:
    """Classes of which every training image is set aside."""
    train = samples[(samples["split"] == "train") & samples["label"].notna()]
    aside = train["tier"] == TIER_NAMES[-1]
    return sorted(set(train.loc[aside, "label"]) - set(train.loc[~aside, "label"]))


def _main_split(by_split: dict[str, Any]) -> Any:
    """Test speaks for the model; without labels there, val, then train."""
    return next((by_split[split] for split in ("test", "val", "train") if split in by_split), [])


def _worst(run: Run, flagged: dict[str, int]) -> list[list[Any]]:
    findings = run.table("findings")
    paths = run.table("samples").set_index("sample_id")["filepath"]
    rows: list[list[Any]] = []
    for kind, count in sorted(flagged.items()):
        worst = findings[(findings["kind"] == kind) & findings["flagged"]]
        text = ""
        if len(worst):
            first = worst.sort_values("rank").iloc[0]
            name = "/".join(str(paths[first["sample_id"]]).rsplit("/", 3)[1:])
            text = f"{name}: {first['reason']}"
        rows.append([kind, count, text if len(text) <= 110 else text[:109] + "…"])
    return rows


def planted_report(run: Run, planted: pd.DataFrame) -> str:
    """How many of a demo's planted culprits the analysis found, and what else it flagged.

    Args:
        run: a finished run of the demo data.
        planted: `filepath` relative to the data, `kind`, `detail`.
    """
    samples, findings = run.table("samples"), run.table("findings")
    data = run.info["data"]
    relative = samples["filepath"].str.removeprefix(data.rstrip("/") + "/")
    names = dict(zip(samples["sample_id"], relative, strict=True))
    problems = run.table("problems")["filepath"].str.removeprefix(data.rstrip("/") + "/")
    planted_all = set(planted["filepath"])
    rows: list[list[Any]] = []
    for kind, group in planted.groupby("kind", sort=True):
        wanted = set(group["filepath"])
        looked_for = "split_leak" if kind == "near_duplicate" else str(kind)
        if kind == "unreadable":
            got = set(problems)
        else:
            of_kind = findings[(findings["kind"] == looked_for) & findings["flagged"]]
            got = {names[sample_id] for sample_id in of_kind["sample_id"]}
        others = got - wanted
        both = len(others & planted_all)
        rows.append([kind, len(wanted), len(wanted & got), looked_for, len(others), both])
    heads = ["planted", "images", "found", "flagged as", "others flagged", "of these planted too"]
    return columns(heads, rows)
