"""What ``curate --version`` says: the versions on which results and errors depend.

Nothing heavy is imported for it. Versions are read from the installed packages' metadata, and a
GPU is asked for at its driver, not by torch.
"""

from __future__ import annotations

import ctypes
import platform
import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import click

from curate import __version__

PACKAGES = ("torch", "torchvision", "timm", "albumentations", "fiftyone", "openvino")


def show_version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    """The callback of ``--version``: print and leave."""
    if asked and not ctx.resilient_parsing:
        click.echo(version_text())
        ctx.exit()


def version_text() -> str:
    """A name and its version a line, curate's own first; `device` is what `auto` would take."""
    found = {
        "curate": __version__,
        "python": platform.python_version(),
        **{name: _installed(name) for name in PACKAGES},
        "device": _device(),
    }
    return "\n".join(f"{name} {version}" for name, version in found.items())


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _device() -> str:
    """The accelerator that this torch could use, or cpu and why."""
    built_for = torch_cuda()
    if built_for:
        names = cuda_devices()
        return f"cuda ({', '.join(names)})" if names else "cpu (no CUDA device answers)"
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu (this torch is built without CUDA)"


def torch_cuda(version_file: Path | None = None) -> str:
    """The CUDA version that the installed torch is built for; empty for none.

    Args:
        version_file: torch's own ``version.py``, which is read, not run; found by default.
    """
    if version_file is None:
        spec = find_spec("torch")
        if spec is None or spec.origin is None:
            return ""
        version_file = Path(spec.origin).with_name("version.py")
    if not version_file.is_file():
        return ""
    found = re.search(r"^cuda\b[^=\n]*=\s*['\"]([^'\"]+)['\"]", version_file.read_text(), re.M)
    return found[1] if found else ""


def cuda_devices(driver: str = "libcuda.so.1") -> list[str]:
    """Names of the CUDA devices that this process may use, asked at NVIDIA's driver."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else driver)
    except OSError:
        return []  # no driver, so no device
    count = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    names = []
    for at in range(count.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(100)
        cuda.cuDeviceGet(ctypes.byref(device), at)
        cuda.cuDeviceGetName(name, len(name), device)
        names.append(name.value.decode(errors="replace"))
    return names
