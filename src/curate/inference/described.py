"""What a checkpoint says of itself: its classes, architecture and image size."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from curate.errors import ModelError
from curate.inference import onnx_files, scripted
from curate.inference.class_lists import class_list_beside, class_list_in
from curate.inference.weights import read_checkpoint


class Described(NamedTuple):
    """What a file says of the model in it.

    Attributes:
        class_names: in the order of the logits.
        arch: the timm name that it was saved with, or None.
        img_size: height and width of the images that it was trained with, or None.
    """

    class_names: tuple[str, ...]
    arch: str | None
    img_size: int | None


def is_whole_model(path: Path) -> bool:
    """Whether a file is a model with its architecture: TorchScript or ONNX.

    ``.pt`` is either: TorchScript's archive holds code, a state dict's does not.
    """
    suffix = path.suffix.lower()
    if suffix == onnx_files.EXTENSION:
        return True
    if suffix not in scripted.EXTENSIONS:
        return False
    return any("/code/" in name for name in _names(path))


def described(path: Path) -> Described:
    """Read what a trained classifier says of itself.

    The image size is that of timm's data config under ``data_config`` in the metadata of
    safetensors, which `curate train` writes; whole models know their own.

    Raises:
        ModelError: there is no such file, it cannot be read, or it names no classes.
    """
    if not path.is_file():
        raise ModelError(f"Expected a checkpoint at {path}, found none. Check the path.")
    arch = img_size = None
    if is_whole_model(path):
        names = class_list_beside(path) or class_list_in(_metadata(path), path)
    else:
        found = read_checkpoint(path)
        names, arch, img_size = found.class_names, found.arch, _img_size(path)
    if names is None:
        raise ModelError(
            f"Expected the class list of {path} in the file (class_names, classes or class_to_idx) "
            f"or in {path.stem}.classes.txt beside it, one class a line in the order of the "
            "logits, found none. Write one."
        )
    return Described(names, arch, img_size)


def _img_size(path: Path) -> int | None:
    if path.suffix.lower() != ".safetensors":
        return None
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        text = (file.metadata() or {}).get("data_config", "")
    try:
        config = json.loads(text)
        side = config["input_size"][-1]
    except (ValueError, KeyError, TypeError, IndexError):
        return None  # it says nothing, or nothing that is timm's
    return side if isinstance(side, int) else None


def _metadata(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == onnx_files.EXTENSION:
        return _of_onnx(path)
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [n for n in archive.namelist() if n.endswith(f"/extra/{scripted.METADATA}")]
            found = json.loads(archive.read(inside[0])) if inside else {}
    except (zipfile.BadZipFile, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _of_onnx(path: Path) -> dict[str, Any]:
    import openvino

    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:
        raise ModelError(
            f"Expected an ONNX model in {path}, found something else ({error}). Export it again."
        ) from error
    if not model.has_rt_info(["framework"]):
        return {}
    found = model.get_rt_info(["framework"]).value
    return {str(key): value for key, value in found.items()}


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []
