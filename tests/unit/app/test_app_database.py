import importlib.machinery
import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from curate.app import database
from curate.errors import DatabaseError


@pytest.fixture(autouse=True)
def no_database_chosen(monkeypatch, tmp_path):
    monkeypatch.delenv("FIFTYONE_DATABASE_URI", raising=False)
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(tmp_path / "config.json"))


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A fiftyone package with the mongod that a test writes into it."""
    root = tmp_path / "fiftyone"
    (root / "db" / "bin").mkdir(parents=True)
    spec = importlib.machinery.ModuleSpec("fiftyone", None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    monkeypatch.setattr(database.importlib.util, "find_spec", lambda name: spec)

    def write(script):
        mongod = root / "db" / "bin" / "mongod"
        mongod.write_text(f"#!/bin/sh\n{script}\n")
        mongod.chmod(0o755)
        return mongod

    return write


needs_sh = pytest.mark.skipif(os.name == "nt", reason="the stand-in mongod is a shell script")


@needs_sh
def test_a_mongod_that_runs_is_found(package):
    mongod = package("echo db version v6.0.5")
    assert database.find_mongod() == mongod
    assert database.check_database() == f"mongod 6.0.5 at {mongod}"


@needs_sh
@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$"])
def test_a_mongod_that_does_not_run_is_none(package, script):
    package(script)
    assert database.find_mongod() is None


def test_without_a_mongod_the_error_names_the_cure(package):
    with pytest.raises(DatabaseError, match=r"found none.*curate doctor --fix"):
        database.check_database()


def test_without_fiftyone_there_is_no_mongod(monkeypatch):
    monkeypatch.setattr(database.importlib.util, "find_spec", lambda name: None)
    assert database.find_mongod() is None


def test_an_address_in_fiftyones_own_config_counts(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"database_uri": "mongodb://db:1/"}))
    assert database.database_uri() == "mongodb://db:1/"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://someone:s%40cret@127.0.0.1:1/",
        "mongodb://someone:s%40cret@127.0.0.1:1/?serverSelectionTimeoutMS=60000",
        "mongodb://someone:s%40cret@127.0.0.1:notaport/",
    ],
)
def test_an_unreachable_database_is_told_soon_and_without_the_password(monkeypatch, uri):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", uri)
    with pytest.raises(DatabaseError, match=r"MongoDB at mongodb://127\.0\.0\.1.*Start it") as info:
        database.check_database()
    assert "cret" not in str(info.value)
    assert info.value.exit_code == 2
    assert info.value.__suppress_context__


@pytest.mark.skipif(not hasattr(os, "WNOHANG"), reason="exit codes are asked for in another way")
def test_a_child_that_died_while_connecting_does_not_linger():
    before = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 30
    with database._dead_children_buried():
        mongod = subprocess.Popen([sys.executable, "-c", "raise SystemExit(14)"])
        while psutil.pid_exists(mongod.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not psutil.pid_exists(mongod.pid)
    assert before.wait() == 0  # not ours to bury: whoever started it learns how it ended
    mongod.wait()
