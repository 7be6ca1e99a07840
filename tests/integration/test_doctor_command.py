"""``curate doctor`` as people run it."""

from __future__ import annotations

import json
import subprocess
import sys


def test_doctor_finds_nothing_wrong_and_asks_the_chosen_database(database: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "curate", "doctor", "--fix", "--json"],
        capture_output=True, text=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    failed = [check for check in said["checks"] if check["status"] == "fail"]
    assert (failed, said["ok"], done.returncode) == ([], True, 0)
    found = {check["name"]: check for check in said["checks"]}
    assert list(found) == ["python", "torch", "gpu", "mongod", "write", "disk", "port"]
    assert found["mongod"]["found"].startswith("MongoDB")
    assert database.partition("?")[0].rstrip("/") in found["mongod"]["found"]
