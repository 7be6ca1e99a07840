from pathlib import Path

import numpy as np
import pytest

from curate.numerics import neighbors as module
from curate.pipeline.evidence import graph_of
from curate.pipeline.stages import neighbors
from curate.progress import silent
from curate.store.run import Run


def run_with_embeddings(path: Path, n: int) -> tuple[Run, list[str]]:
    run = Run.create(path)
    rows = [f"{i:04}" for i in range(n)]
    points = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    run.write_array("embeddings", points, rows)
    return run, rows


def test_the_run_says_that_its_graph_is_exact(tmp_path: Path) -> None:
    run, rows = run_with_embeddings(tmp_path / "run", 30)
    neighbors(run, rows, silent)
    assert Run(run.path).info["neighbors"] == {"k": 29, "recall": 1, "recall_interval": [1, 1]}
    assert graph_of(run, rows).recall == 1


def test_the_run_says_how_good_an_approximate_graph_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.knn.__kwdefaults__, "exact_up_to", 100)
    run, rows = run_with_embeddings(tmp_path / "run", 3000)
    neighbors(run, rows, silent)
    said = Run(run.path).info["neighbors"]
    low, high = said["recall_interval"]
    assert 0.95 < low <= said["recall"] <= high <= 1
    graph = graph_of(Run(run.path), rows)
    assert (graph.recall, graph.recall_interval) == (said["recall"], (low, high))


def test_a_run_from_before_recall_was_recorded_has_an_exact_graph(tmp_path: Path) -> None:
    run, rows = run_with_embeddings(tmp_path / "run", 30)
    neighbors(run, rows, silent)
    del run.info["neighbors"]
    assert graph_of(run, rows).recall == 1
