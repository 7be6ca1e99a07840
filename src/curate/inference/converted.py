"""Models converted to OpenVINO, kept on disk: a conversion takes longer than a small analysis."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.progress import log
from curate.store.run import cache_key


def cache_folder() -> Path:
    """Where converted models lie: $CURATE_CACHE, or `curate` in the user's cache folder."""
    if chosen := os.environ.get("CURATE_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "curate"


def openvino_model(whole: Any, example: NDArray[np.uint8], digest: str) -> Any:
    """The OpenVINO form of a torch module, from the cache where it was converted before.

    Args:
        whole: takes a batch like `example`, returns a tuple of tensors.
        example: (b, size, size, channels) uint8; any batch size works afterwards.
        digest: identifies weights and preprocessing.

    Raises:
        Exception: whatever OpenVINO's converter raises for a model it cannot take.
    """
    import openvino

    path = _path(example, digest)
    core = openvino.Core()
    if path.is_file():
        try:
            return core.read_model(path)
        except RuntimeError as error:
            log.warning("%s is damaged and converted again (%s)", path, _first_line(error))
    log.info("converting the model to OpenVINO, kept in %s", path.parent)
    converted = _convert(whole, example)
    _keep(converted, path)
    return converted


def is_kept(example: NDArray[np.uint8], digest: str) -> bool:
    """Whether `openvino_model` would find the model converted."""
    return _path(example, digest).is_file()


def _path(example: NDArray[np.uint8], digest: str) -> Path:
    versions = [version(package) for package in ("openvino", "torch", "timm")]
    key = cache_key("openvino", 1, digest, list(example.shape[1:]), *versions)
    return cache_folder() / "openvino" / f"{key}.xml"


def _convert(whole: Any, example: NDArray[np.uint8]) -> Any:
    import openvino
    import torch

    root, level = logging.getLogger(), logging.getLogger().level
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            # OpenVINO traces the model by torch.jit, which torch calls deprecated.
            warnings.simplefilter("ignore")
            return openvino.convert_model(whole, example_input=torch.from_numpy(example))
    finally:
        # A conversion that fails leaves the whole program's log at errors only.
        root.setLevel(level)


def _keep(converted: Any, path: Path) -> None:
    """Save a model; two files, of which the one that is looked for is put in place last."""
    import openvino

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as folder:
            aside = Path(folder) / path.name
            openvino.save_model(converted, aside, compress_to_fp16=False)
            aside.with_suffix(".bin").replace(path.with_suffix(".bin"))
            aside.replace(path)
    except (OSError, RuntimeError) as error:
        log.warning("the converted model is not kept for the next time: %s", _first_line(error))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
