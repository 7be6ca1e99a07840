from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curate.errors import RunError
from curate.store.locking import in_work, working

HOLDS = """
import sys, time
from pathlib import Path
from curate.store.locking import working
with working(Path(sys.argv[1]), "curate analyze"):
    print("has it", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_process_is_told_who_has_the_run(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    assert in_work(tmp_path)
    said = rf"alone, found curate analyze \(process {holder.pid}, since .*Wait until"
    with pytest.raises(RunError, match=said), working(tmp_path, "curate export"):
        pytest.fail("two had it")


def test_a_killed_process_leaves_nothing_that_stops_the_next(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not in_work(tmp_path)
    with working(tmp_path, "curate analyze"):
        assert in_work(tmp_path)


def test_two_processes_work_on_two_runs(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with working(other, "curate analyze"):
        assert in_work(tmp_path)
        assert in_work(other)


def test_one_process_may_take_its_run_again(tmp_path: Path) -> None:
    with working(tmp_path, "curate train"):
        with working(tmp_path, "curate analyze"):
            pass
        assert in_work(tmp_path)
    assert not in_work(tmp_path)
    assert not (tmp_path / ".working.json").exists()


def test_a_run_that_nobody_ever_took_is_not_in_work(tmp_path: Path) -> None:
    assert not in_work(tmp_path)
    assert not list(tmp_path.iterdir())
