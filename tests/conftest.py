"""Fixtures that integration and end-to-end tests share: a MongoDB and plugins of their own."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from curate.app.database import find_mongod
from processes import free_port, stop, wait_for_port

_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))
"""Workers side by side share the cores. With a thread a core in each, threads that wait for each
other spin, which cost a third of a training's time. Read when numpy and torch are first imported;
what the tests start inherits it."""

settings.register_profile("curate", deadline=None)  # tests assert no time: a machine may be busy
settings.load_profile("curate")

GROUPS = {
    "e2e": ("tests/e2e/",),  # the demo run
    "digits": (
        "tests/integration/test_policy_command.py",
        "tests/integration/test_predict_command.py",
    ),
}
"""Files that share a fixture of the whole session, which takes long to make: side by side, one
worker takes all of them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Make ``--dist loadfile`` keep files of a group together, and else the tests of a file."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            groups = [name for name, begun in GROUPS.items() if nodeid.startswith(begun)]
            return groups[0] if groups else super()._split_scope(nodeid)

    return ByGroup(config, log)


@pytest.fixture(scope="session", autouse=True)
def cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep converted models out of the user's cache."""
    os.environ["CURATE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a fresh MongoDB, which FiftyOne here and in subprocesses uses.

    A database of our own, because FiftyOne attaches to any mongod it finds running for the same
    user, whatever directory it was told to use.
    """
    mongod = find_mongod()
    if mongod is None:
        pytest.fail("no mongod: run `curate doctor --fix`, or `make test`, which does")
    folder = tmp_path_factory.mktemp("mongod")
    port = free_port()
    with (folder / "log.txt").open("wb") as output:
        process = subprocess.Popen(
            [
                str(mongod),
                *("--dbpath", str(folder)),
                *("--port", str(port)),
                *("--bind_ip", "127.0.0.1"),
                *("--wiredTigerCacheSizeGB", "0.25"),
                "--nounixsocket",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    # FiftyOne says goodbye to its database when Python ends, later than any fixture. Handlers run
    # last in, first out, so this one, made before fiftyone is imported, comes after that.
    atexit.register(stop, process)
    wait_for_port(port, process)
    uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=2000"
    name = f"curate_test_{uuid.uuid4().hex[:8]}"
    os.environ.update(
        FIFTYONE_DATABASE_URI=uri,
        FIFTYONE_DATABASE_NAME=name,
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_PLUGINS_DIR=str(tmp_path_factory.mktemp("plugins")),
    )
    assert "fiftyone" not in sys.modules, "fiftyone was imported before its database was chosen"
    yield uri


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots and logs go: $CURATE_ARTIFACTS, or a temporary folder."""
    chosen = os.environ.get("CURATE_ARTIFACTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
