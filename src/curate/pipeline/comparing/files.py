"""A comparison on the disk.

``DIR`` holds, written aside and put in place whole:

* ``comparison.json`` (format "curate.comparison", schema_version 1): `runs`, `split`, `images`,
  `draws` (images of one group or content count as one), `matched` (how many images each run has,
  how many are not shared), `labels` (where they come from, on how many runs differ), `models`, and
  `comparisons`, one for each run after the first: `verdict` in words, `accuracy`, `macro_f1` and
  `expected_calibration_error` (each a, b, change, interval, p_value, not_seen_below, verdict),
  `fixed`, `broken`, `both_right`, `both_wrong`, `per_class`, `confusions` (the cells that changed
  most), `slices` and `findings`; `vote` where one was asked for. Every interval is a 95 % one, and
  null is "not known".
* ``fixed.csv``, ``broken.csv``: the images, largest change of the label's probability first, with
  the columns of `LIST`.
* ``per_class.csv``: a row a class and comparison.
* ``comparison.html``: the same as a page, with the images; see `curate.pipeline.comparing.page`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.comparison.pair import Pair
from curate.errors import ComparisonError
from curate.pipeline.compare import FORMAT, Compared
from curate.pipeline.comparing.parts import kinds_found
from curate.pipeline.places import check_apart, check_holds_none, image_folder
from curate.store.files import placed, write_json, write_text
from curate.store.run import Run

JSON, FIXED, BROKEN, CLASSES = "comparison.json", "fixed.csv", "broken.csv", "per_class.csv"
PAGE = "comparison.html"

LIST = (
    "b", "filepath", "sample_id_a", "sample_id_b", "label", "pred_a", "pred_b", "p_label_a",
    "p_label_b", "group", "found_in_a",
)  # fmt: skip


def check_place(to: Path, overwrite: bool, runs: list[Run]) -> Path:
    """The absolute directory, or `ComparisonError` if a comparison cannot be written there."""
    target = to.expanduser().resolve()
    for run in runs:
        folder = image_folder(run.info["settings"]["source"])
        check_apart(target, "--to", ComparisonError, folder)
        check_apart(target, "--to", ComparisonError, run.path, "the run")
        check_holds_none(target, "--to", ComparisonError, run.table("samples")["filepath"])
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not target.is_dir():
        raise ComparisonError(f"Expected a directory for --to, found the file {target}.")
    if not _is_comparison(target):
        raise ComparisonError(
            f"Expected a new directory or an earlier comparison for --to, found {target} with "
            "other files in it. They are not replaced: choose another --to."
        )
    if not overwrite:
        raise ComparisonError(
            f"Expected a new directory for --to, found an earlier comparison in {target}. Choose "
            "another, or replace it with --overwrite."
        )
    return target


def write_comparison(compared: Compared, target: Path, page: str) -> None:
    """Write all files of a comparison; `target` comes from `check_place`, `page` is its HTML."""
    with placed(target) as aside:
        write_json(aside / JSON, compared.report)
        images_table(compared, "fixed").to_csv(aside / FIXED, index=False)
        images_table(compared, "broken").to_csv(aside / BROKEN, index=False)
        _per_class(compared.report).to_csv(aside / CLASSES, index=False)
        write_text(aside / PAGE, page)


def images_table(compared: Compared, which: str) -> pd.DataFrame:
    """The images that were "fixed" or "broken" in each later run, with the columns of `LIST`."""
    tables = [changed_images(compared, at, which) for at in range(1, len(compared.members))]
    return pd.concat(tables, ignore_index=True)[list(LIST)]


def changed_ids(compared: Compared, at: int, which: str) -> list[str]:
    """Sample ids in the first run of the images that run `at` fixed or broke, as in the files."""
    return [str(one) for one in changed_images(compared, at, which)["sample_id_a"]]


def changed_images(compared: Compared, at: int, which: str) -> pd.DataFrame:
    """The images that run `at` "fixed" or "broken", as in the files."""
    pair = compared.pairs[at - 1]
    return _images(compared, at, pair, pair.fixed if which == "fixed" else pair.broken)


def _images(compared: Compared, at: int, pair: Pair, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    a, b, task = compared.members[0], compared.members[at], pair.task
    rows = np.flatnonzero(chosen)
    first = a.samples.iloc[compared.rows[0][rows]].reset_index(drop=True)
    second = b.samples.iloc[compared.rows[at][rows]].reset_index(drop=True)
    place = {str(one): j for j, one in enumerate(a.samples["sample_id"].iloc[compared.rows[0]])}
    kinds = kinds_found(a, place)
    names = np.array(task.class_names, dtype=object)
    p_a, p_b = pair.a.of_label(task)[rows], pair.b.of_label(task)[rows]
    table = pd.DataFrame(
        {
            "b": b.name,
            "filepath": first["filepath"],
            "sample_id_a": first["sample_id"],
            "sample_id_b": second["sample_id"],
            "label": names[task.labels[rows]],
            "pred_a": names[pair.a.classes[rows]],
            "pred_b": names[pair.b.classes[rows]],
            "p_label_a": p_a,
            "p_label_b": p_b,
            "group": first["group"].fillna(""),
            "found_in_a": [" ".join(kinds.get(int(row), [])) for row in rows],
        }
    )
    order = np.lexsort((table["sample_id_a"].to_numpy(dtype=str), -np.abs(p_b - p_a)))
    return table.iloc[order].reset_index(drop=True)


def _per_class(report: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "b": one["b"],
            **{key: value for key, value in row.items() if key != "f1"},
            "f1_a": row["f1"]["a"],
            "f1_b": row["f1"]["b"],
            "f1_change": row["f1"]["change"],
            "f1_low": None if row["f1"]["interval"] is None else row["f1"]["interval"][0],
            "f1_high": None if row["f1"]["interval"] is None else row["f1"]["interval"][1],
        }
        for one in report["comparisons"]
        for row in one["per_class"]
    ]
    return pd.DataFrame(rows)


def _is_comparison(folder: Path) -> bool:
    """Whether a folder holds a comparison of ours and nothing else, so that none of it is lost."""
    if {path.name for path in folder.iterdir()} - {JSON, FIXED, BROKEN, CLASSES, PAGE}:
        return False
    try:
        about = json.loads((folder / JSON).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and about.get("format") == FORMAT
