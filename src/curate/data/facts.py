"""What can be said of a dataset from its catalog alone: counts, sizes, copies, groups, problems.

No pixel is decoded here. Every value is plain JSON, in an order that depends on nothing but the
catalog, so that the same images give the same file.
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog
from curate.data.file_facts import (
    EXAMPLES,
    copy_facts,
    counted,
    examples,
    file_facts,
    percentiles,
    plain,
    present_splits,
    size_facts,
)


def catalog_facts(catalog: Catalog) -> dict[str, Any]:
    """Describe a dataset without looking at its pixels.

    Returns:
        Plain JSON values, by topic: `root`, `counts`, `splits`, `classes`, `sizes`, `files`,
        `identical`, `groups`, `problems`, `skipped`, `metadata`, `first_notes`,
        `notes`.
    """
    table, root = catalog.table, str(catalog.root)
    labelled = table[table["label"].notna()]
    return {
        "root": root,
        "counts": {
            "images": catalog.n_images,
            "readable": len(table),
            "problems": len(catalog.problems),
            "unlabelled": int(table["label"].isna().sum()),
            "classes": int(labelled["label"].nunique()),
            "skipped": sum(catalog.skipped.values()),
        },
        "splits": _splits(table),
        "classes": _classes(labelled, catalog.empty_classes),
        "sizes": size_facts(table),
        "files": file_facts(table, root),
        "identical": copy_facts(table, root),
        "groups": _groups(catalog),
        "problems": _problems(catalog.problems, root),
        "skipped": dict(sorted(catalog.skipped.items())),
        "metadata": {
            name: _column(table[name], kind) for name, kind in sorted(catalog.metadata.items())
        },
        "first_notes": list(catalog.first_notes),
        "notes": list(catalog.notes),
    }


def _splits(table: pd.DataFrame) -> dict[str, Any]:
    """Per split: how many images and classes, and how unequal the classes are.

    `imbalance_ratio` is the largest class's number of images by the smallest one's, of the classes
    that have any here. `effective_classes` is exp(entropy of the class shares), the number of
    equally large classes that would be as diverse (Hill number of order 1): it equals the number of
    classes if all are equally large, and nears 1 as one of them takes over.
    """
    found: dict[str, Any] = {}
    for split in present_splits(table):
        labels = table.loc[table["split"] == split, "label"]
        counts = labels.dropna().value_counts()
        share = counts.to_numpy(dtype=float) / max(int(counts.sum()), 1)
        found[split] = {
            "images": len(labels),
            "unlabelled": int(labels.isna().sum()),
            "classes": len(counts),
            "imbalance_ratio": plain(counts.max() / counts.min()) if len(counts) else None,
            "effective_classes": (
                plain(float(np.exp(-(share * np.log(share)).sum()))) if len(counts) else None
            ),
            "largest": _extreme(counts, counts.max()),
            "smallest": _extreme(counts, counts.min()),
        }
    return found


def _extreme(counts: pd.Series[int], size: float) -> dict[str, Any] | None:
    """One class of this size, by name the first, and how many classes are as large."""
    if not len(counts):
        return None
    same = sorted(counts.index[counts == size])
    return {"label": same[0], "images": int(size), "classes": len(same)}


def _classes(labelled: pd.DataFrame, empty: list[str]) -> dict[str, Any]:
    """Counts per split and class, and classes that are odd by their numbers or names alone."""
    names = sorted(set(labelled["label"]))
    counts = {
        split: {str(label): int(n) for label, n in group["label"].value_counts(sort=False).items()}
        for split, group in labelled.groupby("split", sort=False)
    }
    splits = present_splits(labelled)
    totals = labelled["label"].value_counts()
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(unicodedata.normalize("NFKC", name).casefold(), []).append(name)
    return {
        "names": names,
        "counts": {split: dict(sorted(counts[split].items())) for split in splits},
        "one_image": sorted(totals.index[totals == 1]),
        "one_train_image": sorted(k for k, n in counts.get("train", {}).items() if n == 1),
        "missing": {
            split: lacking
            for split in splits
            if (lacking := [name for name in names if name not in counts[split]])
        },
        "empty": sorted(empty),
        "same_but_case": [same for same in alike.values() if len(same) > 1],
    }


def _groups(catalog: Catalog) -> dict[str, Any]:
    """Groups as given: how many, how large, those in several splits; or what names hint at."""
    named = catalog.table.loc[catalog.table["group"] != "", "group"]
    sizes = named.value_counts()
    return {
        "groups": len(sizes),
        "images": len(named),
        "sizes": percentiles(sizes),
        "straddling": _found(catalog.straddling),
        "suspicion": _found(catalog.suspicion),
    }


def _found(finding: Any) -> dict[str, Any] | None:
    """The fields of a `Straddling` or `Suspicion`, and its sentence."""
    if finding is None:
        return None
    return {**_lists(asdict(finding)), "sentence": finding.sentence}


def _lists(value: Any) -> Any:
    """JSON's lists in place of tuples."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, tuple | list) else value


def _problems(problems: pd.DataFrame, root: str) -> dict[str, Any]:
    """Images that cannot be used, by kind."""
    return {
        kind: {
            "images": count,
            "examples": examples(problems.loc[problems["problem"] == kind, "filepath"], root),
        }
        for kind, count in counted(problems["problem"]).items()
    }


def _column(values: pd.Series[Any], kind: str) -> dict[str, Any]:
    """One metadata column: its kind, what is missing, and its values."""
    kept = values.dropna()
    about = {
        "kind": kind,
        "missing_share": plain(1 - len(kept) / len(values)) if len(values) else None,
        "distinct": int(kept.nunique()),
    }
    if kind in ("int", "float"):
        return {**about, "percentiles": percentiles(kept)}
    if kind == "datetime":
        ends = [str(kept.min()), str(kept.max())] if len(kept) else None
        return {**about, "first_and_last": ends}
    top = counted(kept, EXAMPLES)
    return {**about, "top": [{"value": value, "images": count} for value, count in top.items()]}
