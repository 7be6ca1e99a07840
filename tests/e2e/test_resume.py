"""`kill -9` in the middle of an analysis loses nothing that was finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from curate.store.run import Run
from shapes import write_shapes


def finished(run: Path) -> dict[str, dict[str, object]]:
    """The stages recorded so far; run.json is replaced whole, so that it is always readable."""
    path = run / "run.json"
    return json.loads(path.read_text())["stages"] if path.exists() else {}


def test_a_killed_analysis_goes_on(database: str, tmp_path: Path) -> None:
    last = "neighbors"
    data = write_shapes(tmp_path / "data", {"train": 12, "val": 4, "test": 4})
    run = tmp_path / "run"
    command = [sys.executable, "-m", "curate", "analyze", str(data), "--run", str(run)]
    command += ["--model", "hog", "--no-app", "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 200
        while last not in finished(run):
            assert process.poll() is None, "ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    done = set(finished(run))
    assert last in done
    stamps = {path: path.stat().st_mtime_ns for path in run.rglob("*.npy")}
    again = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert again.returncode == 0, again.stderr
    assert set(json.loads(again.stdout)["cached_stages"]) == done
    record = Run(run)
    record.check_complete()
    for path, stamp in stamps.items():
        stage = next(
            (name for name, value in record.info["stages"].items()
             if str(path.relative_to(run)) in value["files"]), None,
        )  # fmt: skip
        assert stage not in done or path.stat().st_mtime_ns == stamp
    assert len(record.table("samples")) == 60
