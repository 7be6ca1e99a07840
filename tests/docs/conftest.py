"""The folder that the pages of the documentation work in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import furnish


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Path]:
    """One folder a module, as one person's week would have; a database, and no hub."""
    root = tmp_path_factory.mktemp("docs")
    furnish(root)
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(root):
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.syspath_prepend(str(root))
        yield root
