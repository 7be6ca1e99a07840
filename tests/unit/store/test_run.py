from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import RunError, StaleArtefact
from curate.store.files import atomic, write_json
from curate.store.run import Run, cache_key, rows_digest
from curate.store.schema import TABLES, empty, to_arrow


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run")


def test_an_array_belongs_to_its_rows(run: Run) -> None:
    run.write_array("embeddings", np.arange(6.0).reshape(3, 2), ["a", "b", "c"])
    again = Run(run.path)
    np.testing.assert_array_equal(again.array("embeddings", ["a", "b", "c"])[1], [2, 3])
    with pytest.raises(StaleArtefact, match="made for other images"):
        again.array("embeddings", ["a", "c", "b"])
    with pytest.raises(StaleArtefact, match="found none"):
        again.array("probs")


def test_a_missing_column_is_refused_and_extra_ones_are_kept(run: Run) -> None:
    with pytest.raises(
        ValueError, match=r"missing \['action', 'value', 'source', 'finding', 'time'\]"
    ):
        run.write_table("decisions", pd.DataFrame({"sample_id": ["a"]}))
    frame = empty("decisions").assign(note=[])
    run.write_table("decisions", frame)
    assert list(run.table("decisions").columns) == [*TABLES["decisions"], "note"]
    assert run.table("samples").empty


@given(st.lists(st.tuples(*[st.text()] * len(TABLES["decisions"])), max_size=8))
def test_tables_keep_any_text(rows: list[tuple[str, ...]]) -> None:
    clean = [tuple(cell.encode("utf-8", "replace").decode("utf-8") for cell in row) for row in rows]
    frame = pd.DataFrame(clean, columns=list(TABLES["decisions"]))
    back = to_arrow("decisions", frame).to_pandas()
    assert [tuple(row) for row in back.to_numpy()] == clean


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="half-way"), atomic(path) as file:
        file.write(b"rubbish")
        raise RuntimeError("half-way")
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]


def test_a_stage_is_done_only_with_its_key_and_whole_files(run: Run) -> None:
    with run.stage("embed", "key1", ["embeddings.npy"]):
        run.write_array("embeddings", np.zeros((2, 2)), ["a", "b"])
    again = Run(run.path)
    assert again.is_done("embed", "key1")
    assert not again.is_done("embed", "key2")
    assert not again.is_done("probs", "key1")
    path = run.array_path("embeddings")
    path.write_bytes(path.read_bytes()[:-3])
    assert not again.is_done("embed", "key1")


def test_a_stage_that_fails_is_not_done(run: Run) -> None:
    with pytest.raises(RuntimeError), run.stage("embed", "key1", []):
        raise RuntimeError
    assert not Run(run.path).is_done("embed", "key1")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "found nothing"),
        (lambda path: path.mkdir(), "found a directory without one"),
        (lambda path: path.write_text("x"), "found a file"),
    ],
)
def test_what_is_not_a_run_is_said(tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(RunError, match=message):
        Run(tmp_path / "x")


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "other"}'])
def test_another_programs_run_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json"):
        Run(tmp_path)


def test_a_run_is_not_made_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match="Choose another --run"):
        Run.create(tmp_path)
    with pytest.raises(RunError, match="found the file"):
        Run.create(tmp_path / "thesis.tex")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_interrupted_run_is_not_complete(run: Run) -> None:
    with pytest.raises(RunError, match="goes on where it was"):
        run.check_complete()
    run.save(status="complete")
    Run(run.path).check_complete()


def test_keys_tell_everything_apart() -> None:
    keys = {cache_key("a", 1), cache_key("a", 2), cache_key("b", 1), cache_key("a", 1, ["x"])}
    assert len(keys) == 4
    assert cache_key("a", 1, {"x": 1, "y": 2}) == cache_key("a", 1, {"y": 2, "x": 1})
    assert rows_digest(["a", "b"]) != rows_digest(["b", "a"])
