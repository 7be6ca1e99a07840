"""A small run and the database it is published to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_run import make_run

from curate.data.digits import write_digits
from curate.pipeline.analyze import analyze
from curate.store.run import Run


@pytest.fixture(scope="session")
def analysed_digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo's digits, analysed; for reading, and to be copied by who writes into the run."""
    home = tmp_path_factory.mktemp("digits")
    write_digits(home / "data")
    return analyze(home / "data", home / "run", model="hog", detectors=("orientation", "outlier"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path)


@pytest.fixture
def published(database: str) -> Iterator[Callable[[Run], Any]]:
    """Publishes a run and returns its dataset, which the end of the test deletes."""
    from curate.app.database import load_fiftyone
    from curate.app.publish import publish

    names = set()

    def go(run: Run) -> Any:
        name = publish(run)
        names.add(name)
        dataset = load_fiftyone().load_dataset(name)
        dataset.reload()
        return dataset

    yield go
    fo = load_fiftyone()
    for name in names:
        if fo.dataset_exists(name):
            fo.delete_dataset(name)
