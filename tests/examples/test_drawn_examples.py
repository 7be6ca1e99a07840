"""The examples that draw a dataset, and the notebook that analyses one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image

import curate
from curate.data.patterns import read_patterns

EXAMPLES = Path(__file__).parents[2] / "examples"


def make(script: str, to: Path, *options: str) -> str:
    """Draw as a person would."""
    command = [sys.executable, str(EXAMPLES / script), "--to", str(to), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", ["make_sketches.py", "make_masks.py"])
def test_it_is_short_and_writes_to_a_new_folder_only(script: str, tmp_path: Path) -> None:
    assert len((EXAMPLES / script).read_text("utf-8").splitlines()) < 100
    command = [sys.executable, str(EXAMPLES / script), "--to", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Expected a new folder" in done.stderr


def test_sketches_are_drawn_again_by_the_seed_and_tell_what_was_planted(tmp_path: Path) -> None:
    said = make("make_sketches.py", tmp_path / "a", "--per-class", "20")
    make("make_sketches.py", tmp_path / "b", "--per-class", "20", "--seed", "0")
    make("make_sketches.py", tmp_path / "c", "--per-class", "20", "--seed", "1")
    files = {
        name: {
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in (tmp_path / name).rglob("*.*")
        }
        for name in "abc"
    }
    assert files["a"] == files["b"] != files["c"]
    planted = pd.read_csv(tmp_path / "a" / "planted.csv")
    assert len(files["a"]) == 9 * 20 + 1
    assert set(planted["filepath"]) <= set(files["a"])
    assert set(planted["kind"]) == {"orientation", "label_error"}
    turned = planted[planted["kind"] == "orientation"]["filepath"].str.split("/").str[0]
    assert (turned == "train").sum() / 108 < (turned != "train").sum() / 72 / 2
    assert f"{len(turned)} of them upside-down" in said


def test_masks_name_person_and_age_in_their_folders(tmp_path: Path) -> None:
    make("make_masks.py", tmp_path / "masks", "--people", "12")
    paths = sorted(
        path.relative_to(tmp_path / "masks").as_posix() for path in tmp_path.rglob("*.png")
    )
    found = read_patterns(
        r"(?P<label>mask|incorrect_mask|normal)\d*\.",
        r"(?P<group>\d+)_(?P<gender>[a-z]+)_(?P<race>[a-z]+)_(?P<age>\d+)",
    ).read(paths)
    assert pd.Series(found.labels).value_counts().to_dict() == {
        "mask": 60, "incorrect_mask": 12, "normal": 12,
    }  # fmt: skip
    ages = found.metadata.assign(group=found.groups).drop_duplicates("group")["age"].astype(int)
    assert (ages >= 60).sum() == 2
    people = pd.Series(found.groups).value_counts()
    assert set(people) == {7}
    assert np.asarray(Image.open(tmp_path / "masks" / paths[0])).shape == (96, 96, 3)


def test_the_notebook_runs_and_finds_what_was_planted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    shutil.copy(EXAMPLES / "make_sketches.py", tmp_path)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    client = NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = "".join(
        "".join(output.data.get("text/html", ""))
        for cell in cells
        for output in cell.outputs
        if output.output_type == "execute_result"
    )
    assert "<b>curate run</b>" in shown
    run = curate.Run(tmp_path / "runs" / "sketches")
    planted = pd.read_csv(tmp_path / "sketches" / "planted.csv")
    turned = {
        str(tmp_path / "sketches" / path)
        for path in planted.loc[planted["kind"] == "orientation", "filepath"]
    }
    found = set(run.findings("orientation")["filepath"])
    assert len(found & turned) > len(turned) / 2
    assert len(found - turned) < len(found) / 4
