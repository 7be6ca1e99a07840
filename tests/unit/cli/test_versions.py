"""`curate --version`: its lines, and the GPU asked for without torch."""

from __future__ import annotations

import platform
import shutil
import subprocess
import warnings
from importlib import metadata
from pathlib import Path

import pytest
import torch

from curate import __version__
from curate.cli import cli, run
from curate.cli.versions import PACKAGES, cuda_devices, torch_cuda


def test_a_name_and_a_version_a_line_with_our_own_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(cli, ["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"curate {__version__}"
    said = dict(line.split(" ", 1) for line in lines)
    assert list(said) == ["curate", "python", *PACKAGES, "device"]
    assert said["python"] == platform.python_version()
    assert said["timm"] == metadata.version("timm")


def test_the_device_is_the_one_that_torch_finds(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of a driver that is too old for it
        n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = cuda_devices() if torch_cuda() else []
    assert names == [torch.cuda.get_device_name(i) for i in range(n)]
    run(cli, ["--version"])
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("device cuda (" if names else ("device cpu (", "device mps"))


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", "12.8"),
        ("__version__ = '2.7.0'\ncuda = \"11.8\"\n", "11.8"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.0'\n", ""),
        ("", ""),
    ],
)
def test_the_cuda_of_torch_is_read_from_its_version_file(
    text: str, cuda: str, tmp_path: Path
) -> None:
    file = tmp_path / "version.py"
    assert torch_cuda(file) == ""
    file.write_text(text)
    assert torch_cuda(file) == cuda


def test_without_a_driver_there_is_no_device(tmp_path: Path) -> None:
    assert cuda_devices(str(tmp_path / "libcuda.so.1")) == []


DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *n) { *n = 2; return 0; }
int cuDeviceGet(int *device, int at) { *device = at; return 0; }
int cuDeviceGetName(char *name, int room, int device) {
    strncpy(name, device ? "Second" : "First", room); return 0;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to make a driver with")
def test_a_driver_is_asked_by_nvidias_names(tmp_path: Path) -> None:
    (tmp_path / "driver.c").write_text(DRIVER)
    made = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, tmp_path / "driver.c"], check=True)
    assert cuda_devices(str(made)) == ["First", "Second"]
