"""What a training leaves on the disk: its model for others, and its state to go on from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from curate.errors import TrainingError
from curate.store.files import atomic

BEST, LAST, STATE = "best.safetensors", "last.safetensors", "state.pt"

PREPROCESSING = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
"""Of timm's data config: all that decides what a model is given of an image."""


def save_model(
    path: Path, model: torch.nn.Module, arch: str, classes: Sequence[str],
    config: Mapping[str, Any], about: Mapping[str, str],
) -> None:  # fmt: skip
    """Write a model as safetensors, whole or not at all.

    The metadata holds ``arch``, ``class_names`` and ``data_config`` (as JSON), so that
    `curate.inference.weights.read_checkpoint` reads it as a trained classifier.

    Args:
        path: of the file.
        model: on any device.
        arch: the timm name.
        classes: in the order of the outputs.
        config: timm's data config that it was trained with.
        about: more to say.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = {
        "format": "pt",
        "arch": arch,
        "class_names": json.dumps(list(classes), ensure_ascii=False),
        "data_config": json.dumps({key: config[key] for key in PREPROCESSING if key in config}),
        **about,
    }
    with atomic(path) as file:
        file.write(_in_order(save(state, metadata=metadata)))


def _in_order(content: bytes) -> bytes:
    """The same safetensors file with its metadata sorted.

    safetensors writes them in an order of chance, and the same training shall give the same bytes:
    they are what an analysis tells models apart by.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors, numbers and texts for `load_state`, whole or not at all."""
    with atomic(path) as file:
        torch.save(dict(state), file)


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, without running code of the file.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(
            f"Expected the state of a training at {path}, found none: no epoch of it was finished. "
            "Remove the directory and start it again."
        ) from error
    except Exception as error:  # torch raises many kinds at a damaged file
        raise TrainingError(
            f"Expected the state of a training in {path}, found a damaged file ({error}). Start "
            f"the training again; {LAST} beside it is a model to begin with: --checkpoint."
        ) from error
    return state
