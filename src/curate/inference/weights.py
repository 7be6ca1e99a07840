"""Reading weights and checkpoints from files, never by unpickling code."""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import ModelError

CLASS_KEYS = ("class_names", "classes", "class_to_idx")
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state_dict")
UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError,
    AttributeError,
)  # fmt: skip
"""What torch's safe unpickler raises on files that are not its own."""

PREFIXES = ("module.", "_orig_mod.", "model.")


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds.

    Attributes:
        state: parameter name -> tensor, prefixes of wrappers removed.
        class_names: the classes in the order of the logits, or None if the file names none.
        arch: the timm name it was saved with, or None.
        digest: of the file's bytes.
    """

    state: dict[str, Any]
    class_names: tuple[str, ...] | None
    arch: str | None
    digest: str


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a state dict, a timm checkpoint or a safetensors file.

    The class list is taken from the file itself (`class_names`, `classes` or `class_to_idx`, in
    safetensors as JSON metadata), else from ``classes.txt`` beside it (one name a line).

    Raises:
        ModelError: there is no such file, or it holds no tensors, or only by running code.
    """
    if not path.is_file():
        raise ModelError(f"Expected a weights file at {path}, found none. Check the path.")
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    content, meta = found
    names = _class_names(meta) or _class_names(content)
    beside = path.with_name("classes.txt")
    if names is None and beside.is_file():
        names = tuple(line for line in beside.read_text("utf-8").splitlines() if line.strip())
    state: Any = content
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), dict):
            state = content[wrapper]
            break
    state = {_unprefixed(str(key)): value for key, value in state.items() if _is_tensor(value)}
    if not state:
        raise ModelError(
            f"Expected a state dict of tensors in {path}, found none. Give a file saved by "
            "torch.save(model.state_dict(), ...), a timm checkpoint or safetensors."
        )
    arch = content.get("arch") or meta.get("arch") or meta.get("architecture")
    return Checkpoint(state, names, str(arch) if arch else None, file_digest(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 32 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dict)
            return state, dict(file.metadata() or {})
    except SafetensorError as error:
        raise ModelError(
            f"Expected safetensors in {path}, found something else ({error}). Check the file."
        ) from error


def _read_torch(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import torch

    try:
        # timm stores its arguments as a Namespace, which holds data only.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            # torch warns of old pickle protocols; what cannot be read is an error anyway.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"Expected tensors in {path}, found a file that cannot be read without running code "
            f"in it, or a damaged one ({first}). Save the state dict: torch.save("
            "{'state_dict': model.state_dict(), 'class_names': [...]}, FILE)."
        ) from error
    if not isinstance(content, dict):
        raise ModelError(
            f"Expected a dictionary of tensors in {path}, found a {type(content).__name__}. "
            "Save the state dict."
        )
    return content, {}


def _class_names(content: dict[str, Any]) -> tuple[str, ...] | None:
    for key in CLASS_KEYS:
        value: Any = content.get(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                continue
        if isinstance(value, dict):
            numbers = value
            value = sorted(numbers, key=lambda name: int(numbers[name]))
        if isinstance(value, list | tuple) and value:
            return tuple(str(name) for name in value)
    return None


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _unprefixed(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key
