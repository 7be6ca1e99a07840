"""Reading weights and checkpoints from files, never by unpickling code."""

from __future__ import annotations

import argparse
import collections
import hashlib
import pathlib
import pickle
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import ModelError, listed
from curate.inference.class_lists import class_list_beside, class_list_in
from curate.progress import log

AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "params_ema")
"""Keys of exponential moving averages of the weights, as timm, torchvision and others name them."""

WRAPPERS = (
    *AVERAGED,
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "params",
    "net",
    "network",
)
"""Keys under which checkpoints keep the weights, the preferred ones first."""

UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError,
    AttributeError,
)  # fmt: skip
"""What torch's safe unpickler raises on files that are not its own."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before every name."""

COUNTERS = ("n_averaged", "module.n_averaged")
"""Numbers that torch's AveragedModel keeps beside the weights."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds.

    Attributes:
        state: parameter name -> tensor, as named in the file; see `state_for`.
        class_names: the classes in the order of the logits, or None if the file names none.
        arch: the timm name it was saved with, or None.
        digest: of the file's bytes.
    """

    state: dict[str, Any]
    class_names: tuple[str, ...] | None
    arch: str | None
    digest: str

    def state_for(self, own: Collection[str]) -> dict[str, Any]:
        """The parameters by a model's `own` names: wrappers' prefixes are cut where it has none."""
        return {_own_name(key, own): value for key, value in self.state.items()}


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a state dict, a timm checkpoint or a safetensors file.

    Averaged weights (EMA) are preferred to the last ones, and the log says so. The class list is
    taken from the file itself (`class_names`, `classes` or `class_to_idx`, in safetensors as JSON
    metadata), else from a text file beside it (see `curate.inference.class_lists`).

    Raises:
        ModelError: there is no such file, or it holds no tensors, or only by running code.
    """
    if not path.is_file():
        raise ModelError(f"Expected a weights file at {path}, found none. Check the path.")
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    content, meta = found
    names = class_list_in(meta, path) or class_list_in(content, path) or class_list_beside(path)
    state = _unwrapped(content, path)
    state = {
        str(key): value
        for key, value in state.items()
        if _is_tensor(value) and key not in COUNTERS
    }  # fmt: skip
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


def state_digest(model: Any) -> str:
    """Digest of all parameters and buffers of a torch module, 32 hex digits."""
    import torch

    total = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        total.update(f"{key} {getattr(value, 'dtype', '')} {getattr(value, 'shape', '')}".encode())
        if isinstance(value, torch.Tensor):
            flat = value.detach().cpu().contiguous().flatten()
            total.update(flat.view(torch.uint8).numpy().tobytes())
        else:
            total.update(repr(value).encode())
    return total.hexdigest()[:32]


def load_state(
    model: Any, found: Checkpoint, name: str, path: Path, heads: Collection[str] = ()
) -> None:
    """Load parameters strictly, but for those of layers named in `heads`, and set to evaluation.

    Args:
        model: the torch module that takes them.
        found: of `read_checkpoint`.
        name: of the model, for messages.
        path: of the weights, for messages.
        heads: layers that may be missing or of another shape; the model's own stay.

    Raises:
        ModelError: the weights are another architecture's.
    """
    own = model.state_dict()
    state = found.state_for(own)
    missing, misfit, unused = misfits(own, state, heads)
    if missing or misfit or unused:
        saved = f", saved from {found.arch}" if found.arch and found.arch != name else ""
        raise ModelError(
            f"Expected the weights of {name} in {path}, found another architecture's{saved}: "
            f"{len(missing)} parameters missing ({listed(missing, 3) or 'none'}), {len(misfit)} of "
            f"another shape ({listed(misfit, 3) or 'none'}), {len(unused)} unknown "
            f"({listed(unused, 3) or 'none'}). Name the right --model."
        )
    fitting = {key: value for key, value in state.items() if key in own and not _of(key, heads)}
    model.load_state_dict({**own, **fitting})
    model.eval()


def misfits(
    own: dict[str, Any], state: dict[str, Any], heads: Collection[str] = ()
) -> tuple[list[str], list[str], list[str]]:
    """Names that a state dict lacks, has in another shape, and has too many."""
    missing = [key for key in own if key not in state and not _of(key, heads)]
    misfit = [
        key
        for key, value in own.items()
        if key in state and not _of(key, heads) and value.shape != state[key].shape
    ]
    unused = [key for key in state if key not in own and not _of(key, heads)]
    return missing, misfit, unused


def _of(key: str, layers: Collection[str]) -> bool:
    return any(key.startswith(f"{layer}.") for layer in layers)


def _own_name(key: str, own: Collection[str]) -> str:
    """Cut prefixes until the model has the name: it may itself have a part called `model`."""
    short = key
    while short not in own:
        prefix = next((prefix for prefix in PREFIXES if short.startswith(prefix)), None)
        if prefix is None:
            return short
        short = short.removeprefix(prefix)
    return short


def _unwrapped(content: dict[str, Any], path: Path) -> dict[Any, Any]:
    """The dictionary that holds the tensors themselves, the averaged ones where there are two."""
    there = [key for key in WRAPPERS if _holds_tensors(content.get(key))]
    if not there:
        return content
    if there[0] in AVERAGED and len(there) > 1:
        log.info("%s: the averaged weights (%s) are taken, not %s", path, there[0], there[1])
    elif len(there) > 1:
        log.info("%s: the weights under %s are taken, not %s", path, there[0], there[1])
    return _unwrapped(content[there[0]], path)


def _holds_tensors(value: Any) -> bool:
    """Whether it is a dictionary of tensors, or one that wraps such."""
    return isinstance(value, dict) and (
        any(_is_tensor(one) for one in value.values())
        or any(_holds_tensors(value.get(key)) for key in WRAPPERS)
    )


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


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
        with torch.serialization.safe_globals(_data_only()), warnings.catch_warnings():
            # torch warns of old pickle protocols; what cannot be read is an error anyway.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"Expected tensors in {path}, found a file that cannot be read without running code "
            f"in it, or a damaged one ({first}). Save the state dict: torch.save("
            "{'state_dict': model.state_dict(), 'class_names': [...]}, FILE); or, if it is "
            "TorchScript, give it by --model."
        ) from error
    if not isinstance(content, dict):
        raise ModelError(
            f"Expected a dictionary of tensors in {path}, found a {type(content).__name__}. "
            "Save the state dict."
        )
    return content, {}


def _data_only() -> list[Any]:
    """Types beyond torch's own that checkpoints hold beside the weights and that run no code.

    Arguments of a training script (timm's Namespace, paths in it) and scores as numpy numbers.
    """
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")]
    paths = [pathlib.PurePosixPath, pathlib.PosixPath, pathlib.PureWindowsPath]
    return [
        argparse.Namespace, collections.Counter, np.dtype, *kinds, *paths,
        (scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"),
    ]  # fmt: skip
