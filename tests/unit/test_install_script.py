"""``.ci/install.sh``, with an interpreter that records what it is told instead of installing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "install.sh"

RECORDING = """#!/bin/sh
case "$1 $2" in
    "-m venv")
        mkdir -p .venv/bin && cp "$0" .venv/bin/python
        echo "venv by $(basename "$0")" >>calls ;;
    "-m pip") [ "$3" = --version ] || echo "$*" >>calls ;;
    "--version ") echo Python 3.x ;;
    *) exec "{python}" "$@" ;;
esac
"""

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="curate is not in its checkout")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout in a folder with a space in its name, and a folder for interpreters."""
    folder = tmp_path / "a checkout"
    (folder / ".ci").mkdir(parents=True)
    (folder / "bin").mkdir()
    shutil.copy(SCRIPT, folder / ".ci")
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "constraints.txt").write_text("numpy==2\n")
    for tool in ("sh", "cat", "cksum", "sed", "mkdir", "cp", "basename", "rm"):
        (folder / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    return folder


def interpreter(project: Path, name: str, text: str = RECORDING) -> Path:
    path = project / "bin" / name
    path.write_text(text.replace("{python}", sys.executable))
    path.chmod(0o755)
    return path


def install(project: Path, *args: str) -> tuple[int, list[str], str]:
    """The exit code, the calls recorded, and stderr."""
    (project / "calls").unlink(missing_ok=True)
    done = subprocess.run(
        ["sh", ".ci/install.sh", *(args or [""])],
        cwd=project, env={**os.environ, "PATH": str(project / "bin")},
        capture_output=True, text=True,
    )  # fmt: skip
    calls = project / "calls"
    return done.returncode, calls.read_text().splitlines() if calls.exists() else [], done.stderr


def test_it_passes_over_an_interpreter_that_does_not_run(project: Path) -> None:
    interpreter(project, "python3.11", "#!/bin/sh\necho 'not for this folder' >&2; exit 127\n")
    interpreter(project, "python3.12")
    code, calls, _ = install(project)
    assert code == 0
    assert calls[0] == "venv by python3.12"
    assert calls[1].endswith("-c constraints.txt -e .")


def test_it_installs_once_and_again_when_something_changed(project: Path) -> None:
    interpreter(project, "python3")
    assert len(install(project)[1]) == 2
    assert install(project)[1] == []
    code, calls, _ = install(project, "", "dev")
    assert code == 0
    assert [call.rsplit(" ", 1)[1] for call in calls] == [".[dev]"]
    assert install(project)[1] == install(project, "", "dev")[1] == []
    (project / "constraints.txt").write_text("numpy==3\n")
    assert install(project)[1][0].endswith(".[dev]")
    moved = project.rename(project.with_name("moved"))
    assert len(install(moved)[1]) == 1


def test_a_failed_installation_is_tried_again(project: Path) -> None:
    broken = RECORDING.replace('echo "$*" >>calls', "exit 1")
    interpreter(project, "python3", broken)
    assert install(project)[0] == 1
    interpreter(project, "python3")
    shutil.copy(project / "bin" / "python3", project / ".venv" / "bin" / "python")
    code, calls, _ = install(project)
    assert code == 0
    assert len(calls) == 1


def test_an_own_python_is_the_only_one_asked(project: Path) -> None:
    interpreter(project, "python3")
    own = interpreter(project, "my python")
    code, calls, _ = install(project, str(own))
    assert code == 0
    assert calls[0] == "venv by my python"


def test_without_any_python_it_says_so(project: Path) -> None:
    code, calls, err = install(project)
    assert code == 1
    assert calls == []
    assert "Expected Python 3.11 or newer" in err
    assert "PYTHON=/path/to/python3" in err


def test_a_python_without_venv_is_named_with_the_cure(project: Path) -> None:
    text = "#!/bin/sh\necho '  /usr/bin/python3 cannot make a venv; apt-get ...' >&2; exit 1\n"
    interpreter(project, "python3", text)
    code, _, err = install(project)
    assert code == 1
    assert "/usr/bin/python3 cannot make a venv" in err
